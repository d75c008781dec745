"""Whether doorward may do what it has to: asked of the API server, for doorward's ServiceAccount."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource
from doorward.runtime.permissions import cluster_rules, lease_rules, settings_rules

from doorward_daemon.doctor.examination import Examination
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["of_account"]

ACCOUNTS = Resource("ServiceAccount", "serviceaccounts")
REVIEWS = Resource("SubjectAccessReview.authorization.k8s.io", "subjectaccessreviews", namespaced=False)
AT_A_TIME = 8
"""Reviews that are asked for at once."""


async def of_account(examination: Examination, account: str) -> list[Finding]:
    """The verbs that a ServiceAccount in the settings' namespace lacks; nothing where there is no such account.

    Kinds that the cluster doesn't serve need no right.
    """
    namespace = examination.settings_namespace
    if await examination.get(ACCOUNTS, namespace, account) is None:
        return []
    everywhere = [(rule, "") for rule in cluster_rules(examination.engine.backends)]
    there = [(rule, namespace) for rule in (*settings_rules(), *lease_rules())]
    served = {each.plural: each for each in examination.engine.backends.resources.values()}
    asked = []
    for rule, where in (*everywhere, *there):
        for attributes in _attributes(rule, where):
            resource = served.get(attributes["resource"])
            if resource and resource.group == attributes["group"] and not await examination.cluster.served(resource):
                continue
            asked.append(attributes)
    user = f"system:serviceaccount:{namespace}:{account}"
    gate = asyncio.Semaphore(AT_A_TIME)

    async def denied(attributes: JsonObject) -> bool:
        spec = {"user": user, "groups": _groups(namespace), "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        async with gate:
            answer = await examination.cluster.create(REVIEWS, "", body)
        return not answer["status"]["allowed"]

    try:
        answers = await asyncio.gather(*map(denied, asked))
    except ApiError as error:
        if error.status == 403:
            return []  # who asks may not ask for others
        raise
    return [_finding(examination, account, each) for each, no in zip(asked, answers, strict=True) if no]


def _attributes(rule: JsonObject, namespace: str) -> Iterable[JsonObject]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            plural, _, subresource = resource.partition("/")
            for verb in rule["verbs"]:
                attributes = {"group": group, "resource": plural, "verb": verb, "namespace": namespace}
                if subresource:
                    attributes["subresource"] = subresource
                if names := rule.get("resourceNames"):
                    attributes["name"] = names[0]
                yield attributes


def _groups(namespace: str) -> list[str]:
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]


def _finding(examination: Examination, account: str, attributes: JsonObject) -> Finding:
    resource = "/".join(filter(None, (attributes["resource"], attributes.get("subresource", ""))))
    named = f"{resource}.{attributes['group']}" if attributes["group"] else resource
    namespace = examination.settings_namespace
    where = f"in namespace {attributes['namespace']}" if attributes["namespace"] else "in all namespaces"
    who = f"system:serviceaccount:{namespace}:{account}"
    return Finding(
        about=f"ServiceAccount {namespace}/{account}",
        reason="RightMissing",
        cause=f"doorward may not {attributes['verb']} {named} {where}",
        evidence=("a SubjectAccessReview says so",),
        remedy=(
            "kubectl apply -f deploy/doorward.yaml",
            kubectl(attributes["namespace"], "auth", "can-i", attributes["verb"], named, f"--as={who}"),
        ),
    )
