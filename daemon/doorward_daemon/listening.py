"""A server that listens at an address."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from doorward_daemon.address import AddressError, parse_address


@asynccontextmanager
async def listening(runner: web.BaseRunner, address: str, *, backlog: int = 128) -> AsyncIterator[str]:
    """Serve at ``HOST:PORT`` until it is left; gives the URL.  Raises AddressError."""
    host, port = parse_address(address)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=backlog)
        try:
            await site.start()
        except OSError as error:
            # asyncio puts its own sentence around the system's words.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise AddressError(f"can't listen on {address}: {why}; --listen takes another address") from None
        bound = runner.addresses[0]
        where = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{where}:{bound[1]}"
    finally:
        await runner.cleanup()
