"""What an engine wants to be told of, and how somebody's cache tells it."""

from __future__ import annotations

from typing import Any

import pytest
from doorward import Backends, Collection, Deleted, Engine, Observed, Resource, Synced
from doorward.model.reference import SECRETS

from tests.engine.stage import backends
from tests.examples import load

CONFIG_MAPS = Resource("ConfigMap", "configmaps")


def obj(name: str, namespace: str = "ome", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": "u", "resourceVersion": "7"}, **more}


def test_an_engine_wants_the_kinds_of_its_backends_in_its_namespaces() -> None:
    wanted = list(Collection.wanted_by(Engine(backends(), namespaces=["a", "b"])))
    ingresses = [each for each in wanted if each.resource.name == "Ingress"]
    assert [(each.namespace, each.name) for each in ingresses] == [("a", ""), ("b", "")]
    settings = [each for each in wanted if each.resource.name == "ConfigMap"]
    assert [(each.namespace, each.name) for each in settings] == [("ome", "inferenceservice-config")]


def test_a_backend_that_keeps_its_objects_itself_needs_a_shell() -> None:
    engine = Engine(Backends({"dns": load("dns_backend/dns_backend.py")}))
    with pytest.raises(
        ValueError, match=r"backend dns keeps Records\.dns\.example\.com itself: run the engine by a Shell"
    ):
        list(Collection.wanted_by(engine))


def test_what_a_cache_holds_beyond_the_collection_is_not_told() -> None:
    settings = Collection(CONFIG_MAPS, "ome", "inferenceservice-config")
    others = [obj("kube-root-ca.crt"), obj("inferenceservice-config", "elsewhere")]
    one, all_ = settings.listed([*others, obj("inferenceservice-config")], "9", 1.0)
    assert isinstance(one, Observed)
    assert isinstance(all_, Synced)
    assert all_.keys == {("ome", "inferenceservice-config")}
    assert all_.resource_version == 9
    assert [settings.observed(each, 1.0) + settings.deleted(each, 1.0) for each in others] == [[], []]


def test_a_deletion_bears_its_resource_version() -> None:
    (gone,) = Collection(CONFIG_MAPS).deleted(obj("x"), 2.0)
    assert isinstance(gone, Deleted)
    assert (gone.at, str(gone.ref), gone.uid, gone.resource_version) == (2.0, "ConfigMap ome/x", "u", 7)


def test_of_a_secret_only_whether_it_is_of_use_is_told() -> None:
    secret = Collection(SECRETS, "ome", "keys")
    (seen,) = secret.observed(obj("keys", data={"client": "c2VjcmV0LWtleQ=="}), 1.0)
    assert isinstance(seen, Observed)
    assert "data" not in seen.object
    assert "api-key" not in seen.object["unusable"]
    for told in (
        secret.deleted(obj("keys"), 1.0),
        secret.listed([obj("other")], "9", 1.0),
        secret.unlisted("forbidden", 1.0, "no"),
    ):
        (missing,) = told
        assert isinstance(missing, Observed)
        assert missing.object["unusable"]["api-key"]
