"""A second writer of the status that insists on its own values is yielded to."""

from __future__ import annotations

from secrets import token_hex

from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject

from tests.e2e.doors import RAW
from tests.e2e.world import World, condition

DOOR_READY = "doorward.io/DoorReady"


class Insisting:
    """A writer that puts its own URL, address and IngressReady in the place of any other, whenever they change."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.writes = 0
        self._world = world
        world.view.on_change.append(self._notice)

    def _notice(self, obj: JsonObject) -> None:
        if obj["kind"] == "InferenceService" and obj["metadata"]["name"] == self.name and self.insists_on(obj):
            self._world.spawn(self._write(obj))

    def insists_on(self, obj: JsonObject) -> JsonObject | None:
        """The status that it wants; None where it is so already."""
        status = obj.get("status") or {}
        conditions = status.get("conditions") or []
        others = [c for c in conditions if c["type"] != "IngressReady"]
        mine = condition("IngressReady", "False", reason="Mine")
        url = f"http://{self.name}.theirs.test"
        address = {"url": f"http://{self.name}.theirs.internal"}
        standing = next((c for c in conditions if c["type"] == "IngressReady"), None)
        if standing == mine and status.get("url") == url and status.get("address") == address:
            return None
        return {"url": url, "address": address, "conditions": [*others, mine]}

    async def _write(self, obj: JsonObject) -> None:
        version = obj["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version}, "status": self.insists_on(obj)}
        try:
            await self._world.patch("InferenceService", self.name, body, subresource="status", field_manager="theirs")
            self.writes += 1
        except ApiError as error:
            if error.reason != "Conflict":
                raise


async def test_a_writer_that_insists_is_yielded_to(world: World) -> None:
    name = f"w-{token_hex(3)}"
    await world.add(name, RAW)
    await world.stands(name)
    theirs = Insisting(world, name)
    await world.annotate(name, {"ome.io/ingress-url-scheme": "https"})
    told = await world.view.until(lambda: world.condition(name, DOOR_READY), what="nothing is yielded")
    assert told["status"] == "True"
    assert f"https://{name}.{world.namespace}.example.com" in told["message"]
    await world.barrier()
    there = world.view.get("InferenceService", name)
    assert there
    assert theirs.insists_on(there) is None, there["status"]
    assert world.condition(name, DOOR_READY)["status"] == "True"
    assert "StatusContested" in world.told(name)
    assert 5 <= theirs.writes <= 20
    before = there["metadata"]["resourceVersion"]
    await world.barrier()
    after = world.view.get("InferenceService", name)
    assert after
    assert after["metadata"]["resourceVersion"] == before, "they still fight"
