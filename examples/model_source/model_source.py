"""A source of doors: a kind of its own, ``Model`` of ``models.example``, with one component, the server."""

from doorward import JsonObject, Resource
from doorward.hooks import Part, Source, hookimpl


def read(obj: JsonObject) -> JsonObject:
    server = obj["spec"]["server"]
    return {"spec": {"engine": {"service": server["service"], "timeoutSeconds": server.get("timeout")}}}


@hookimpl
def source() -> Source:
    return Source(
        resource=Resource("Model.models.example", "models", ("v1",)),
        parts={"engine": Part(called="server", ready=("ServerReady",))},
        label="models.example/model",
        labelled_pods=False,
        read=read,
    )
