"""What is installed: the chart's default (``doorward.yaml`` beside this file), with what the command line asks for.

``page.yaml`` is what the chart adds for the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

import yaml
from doorward.backends import OME, Backends
from doorward.model.reference import JsonObject, Resource
from doorward.runtime.permissions import cluster_rules

__all__ = ["INSTALLED_IN", "MADE_BY", "RESOURCES", "manifests", "text"]

MADE_BY = ("app.kubernetes.io/managed-by", "doorward-install")
"""The label of what was installed, by which it is known again: what lacks it is never changed or deleted."""
INSTALLED_IN = "doorward.io/installed-in"
"""The label with the namespace that it was installed into: what belongs to none is that installation's alone."""
_NAMESPACE = "ome"
"""Where the chart's default is."""
_RBAC = "rbac.authorization.k8s.io"
RESOURCES = {
    resource.name: resource
    for resource in (
        Resource("ServiceAccount", "serviceaccounts"),
        Resource(f"ClusterRole.{_RBAC}", "clusterroles", namespaced=False),
        Resource(f"ClusterRoleBinding.{_RBAC}", "clusterrolebindings", namespaced=False),
        Resource(f"Role.{_RBAC}", "roles"),
        Resource(f"RoleBinding.{_RBAC}", "rolebindings"),
        Resource("PodDisruptionBudget.policy", "poddisruptionbudgets"),
        Resource("NetworkPolicy.networking.k8s.io", "networkpolicies"),
        Resource("Deployment.apps", "deployments"),
    )
}
"""The kinds that are installed, in their order: what runs comes last, when it has its rights."""


def manifests(
    *,
    namespace: str = _NAMESPACE,
    image: str = "",
    replicas: int = 2,
    sources: Sequence[str] = (OME,),
    page: bool = False,
) -> list[JsonObject]:
    """The objects, in the order in which they are made; ``image``, empty: that of this version.

    With ``page`` the page is served, too.  The rights are those of every backend that is installed here, and of the
    ``sources``.  Raises NoSource for one that isn't installed.
    """
    chosen = ("doorward.yaml", "page.yaml") if page else ("doorward.yaml",)
    texts = ((files(__package__) / name).read_text() for name in chosen)
    objects: list[JsonObject] = [each for text in texts for each in yaml.safe_load_all(text) if each]
    for obj in objects:
        metadata = obj["metadata"]
        metadata["labels"] = {**metadata.get("labels", {}), MADE_BY[0]: MADE_BY[1], INSTALLED_IN: namespace}
        if "namespace" in metadata:
            metadata["namespace"] = namespace
        for subject in obj.get("subjects", ()):
            subject["namespace"] = namespace
        if (obj["kind"], metadata["name"]) == ("ClusterRole", "doorward"):
            obj["rules"] = cluster_rules(Backends(sources=sources))
        if obj["kind"] == "Deployment":
            _deploy(obj["spec"], image, replicas, sources, page=page)
    order = list(RESOURCES)
    return sorted(objects, key=lambda obj: order.index(obj["kind"]))


def text(objects: Iterable[JsonObject]) -> str:
    """The objects as YAML, for ``kubectl apply``."""
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=False, width=120)


def _deploy(spec: JsonObject, image: str, replicas: int, sources: Sequence[str], *, page: bool) -> None:
    spec["replicas"] = replicas
    container = spec["template"]["spec"]["containers"][0]
    container["image"] = image or container["image"]
    arguments = container["args"]
    first = next(index for index, each in enumerate(arguments) if each.startswith("--source="))
    others = [each for each in arguments if not each.startswith("--source=")]
    container["args"] = [*others[:first], *(f"--source={source}" for source in sources), *others[first:]]
    if page:
        container["args"].append("--ui")
