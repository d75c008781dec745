"""Every case of ``tests/cases``, on a real API server, before one daemon whose settings change from case to case."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import orjson
import pytest
from doorward.model.reference import JsonObject

from tests.cases.playing import Case, check, documents, load
from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import CONFIGURED
from tests.e2e.place import Place, place
from tests.e2e.world import World, answer_to, condition

CASES = sorted(load(), key=lambda case: orjson.dumps([case["given"].get(k) for k in ("config", "deploy", "doorward")]))


@pytest.fixture(scope="module", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    names = {case["given"]["service"]["namespace"] for case in CASES}
    with place(api_server.kubeconfig, names=tuple(sorted(names))) as made:
        yield made


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_case(world: World, case: Case) -> None:
    service = case["given"]["service"]
    name, world.namespace = service["name"], service["namespace"]
    await configure(world, case)
    world.answer(answer_to=partial(answer, case))
    given = [obj for obj in documents(case) if obj["kind"] != "ConfigMap"]
    try:
        for obj in given:
            await world.create(whole(obj))

        def as_expected() -> bool:
            there = world.view.get("InferenceService", name, world.namespace)
            assert there, "the service isn't there"
            check(case, world.view.objects(), there)
            return True

        await world.view.until(as_expected, 10)
    finally:
        for obj in reversed(given):
            await world.delete(obj["kind"], obj["metadata"]["name"], obj["metadata"]["namespace"])
        await world.view.until(lambda: not world.ours(), 60, "not all is collected")


async def configure(world: World, case: Case) -> None:
    """The settings of a case, in force."""
    given, daemon = case["given"], world.daemon
    assert daemon
    ingress = given.get("config")
    keys = {key: orjson.dumps(given[key]).decode() for key in ("deploy", "doorward") if key in given}
    there = world.view.get("ConfigMap", "inferenceservice-config", world.namespaces[0])
    wanted = {**({"ingress": orjson.dumps(ingress).decode()} if ingress is not None else {}), **keys}
    if there and (there.get("data") or {}) == wanted:
        return
    before = daemon.metric(CONFIGURED)
    await world.configure(ingress, **keys)
    await daemon.wait_for_metric(CONFIGURED, before + 1)


def whole(obj: JsonObject) -> JsonObject:
    """With all that the server asks of a condition."""
    if obj["kind"] == "InferenceService" and "conditions" in (obj.get("status") or {}):
        conditions = [condition(**{"type_": c["type"], **c_without_type(c)}) for c in obj["status"]["conditions"]]
        return {**obj, "status": {**obj["status"], "conditions": conditions}}
    return obj


def c_without_type(told: JsonObject) -> JsonObject:
    return {key: value for key, value in told.items() if key != "type"}


def answer(case: Case, obj: JsonObject) -> JsonObject | None:
    """What gateways and clouds say in this case."""
    given, status = case["given"], answer_to(obj)
    if status and obj["kind"] == "Service":
        return {"loadBalancer": {"ingress": [{"ip": given["address"]}]}} if "address" in given else None
    return status if given.get("accepted") else None
