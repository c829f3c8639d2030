"""A real server on loopback, in the event loop of the test."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serve `app` and give its address, `ws://127.0.0.1:…`."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Not `serve`: it takes the signals of the process, and looks every 0.1 s whether it should end.
        await server.startup(sockets=[bound])
        try:
            yield f"ws://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            await server.shutdown(sockets=[bound])
