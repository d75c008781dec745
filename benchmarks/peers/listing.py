"""Reading everything that doorward reads when it starts, with nobody who thinks about it.

The arguments are KIND/PLURAL/VERSION.  All kinds are read at once, in pages, and decoded; one that isn't served is
left out.
"""

from __future__ import annotations

import asyncio
import sys

from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import Resource

PAGE = 500


async def listed(kinds: list[Resource]) -> None:
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
    named = (argument.split("/") for argument in sys.argv[1:])
    asyncio.run(listed([Resource(kind, plural, (version,)) for kind, plural, version in named]))
