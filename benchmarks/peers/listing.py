"""Reading everything that doorward reads when it starts, with nobody who thinks about it.

Lists each kind that the backends watch, all at once, in pages, and decodes what comes.
"""

from __future__ import annotations

import asyncio

from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError

from doorward.model.reference import Resource

PAGE = 500


async def _everything(kinds: list[Resource]) -> None:
    cluster = KubeCluster.connect()
    try:
        await asyncio.gather(*(_listed(cluster, kind) for kind in kinds))
    finally:
        await cluster.close()


async def _listed(cluster: KubeCluster, kind: Resource) -> None:
    token = ""
    try:
        while True:
            page = await cluster.list(kind, limit=PAGE, continue_token=token)
            if not (token := page.continue_token):
                return
    except ApiError as error:
        if error.status != 404:
            raise


if __name__ == "__main__":
    # Those of a cluster that has every kind of tests/crds; without what finds out about them, which is doorward's.
    KINDS = {
        "": ("configmaps", "namespaces", "services"),
    }
