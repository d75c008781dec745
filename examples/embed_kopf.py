"""doorward inside a kopf operator: the shell is one more task of its event loop.

To try it: ``pip install kopf`` beside doorward, and ``kopf run --all-namespaces embed_kopf.py``.
"""

from __future__ import annotations

from typing import Any

import kopf
from doorward import Engine, KubeCluster, Shell


@kopf.on.startup()
async def open_doors(memo: kopf.Memo, **_: Any) -> None:
    memo.cluster = KubeCluster.connect()
    memo.doors = Shell(Engine(budget=100), memo.cluster)
    await memo.doors.start()


@kopf.on.cleanup()
async def leave_them_standing(memo: kopf.Memo, **_: Any) -> None:
    await memo.doors.stop()
    await memo.cluster.close()


@kopf.on.probe(id="doors")
async def knows_the_cluster(memo: kopf.Memo, **_: Any) -> bool:
    engine: Engine = memo.doors.engine
    return engine.ready


@kopf.on.event("ome.io", "v1beta1", "inferenceservices", field="status.url", value=kopf.PRESENT)
async def is_reached(memo: kopf.Memo, uid: str, logger: kopf.Logger, **_: Any) -> None:
    """What your operator does with a service that has a door; here: tell what stands for it."""
    stands = ", ".join(str(ref) for ref, _ in memo.doors.engine.objects(uid))
    logger.info(f"is reached by {stands}")
