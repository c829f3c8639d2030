"""The server as a process: a socket, uvicorn around the application, and a graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn

from voicecli.errors import ExitStatus, UsageError
from voicecli.server.door import Door
from voicecli.server.guard import Guard
from voicecli.server.http_protocol import DoorConfig
from voicecli.server.race import first_of, race
from voicecli.server.recognition_socket import Stopping

__all__ = ["address_of", "allow_sockets", "bind", "serve"]

log = logging.getLogger(__name__)

_BACKLOG: Final = 2048  # connections that the system keeps until we take them
_SPARE: Final = 24  # files that are opened for a moment, or to say that there are too many
_WORKER: Final = 4  # files that a process for recognition takes
_CLOSING: Final = 2.0  # seconds for requests that are under way when the time to finish is over


def bind(host: str, port: int) -> list[socket.socket]:
    """A listening socket for every address of `host`, all on one port; port 0 takes any that is free.

    Raises UsageError.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host!r} is no address of this machine: {error}.", "Try 127.0.0.1.") from error
    addresses = list(dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found))
    sockets: list[socket.socket] = []
    try:
        for family, sockaddr in addresses:
            address = (sockaddr[0], port, *sockaddr[2:])
            made = socket.create_server(address, family=family, backlog=_BACKLOG)
            sockets.append(made)
            made.setblocking(False)
            port = port or made.getsockname()[1]  # the other addresses have the same
    except OSError as error:
        for made in sockets:
            made.close()
        raise _not_bound(host, port, error) from error
    return sockets


def _not_bound(host: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            f"Port {port} of {host or 'this machine'} is in use.",
            "Stop what listens there, or choose another with --port (0 takes any that is free).",
        )
    if error.errno == errno.EACCES:
        return UsageError(f"Port {port} is kept for the system.", "Choose one from 1024 on.")
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(f"{host} is no address of this machine.", "Try 127.0.0.1.")
    return UsageError(f"Nothing can listen on {host} port {port}: {error.strerror or error}.")


def address_of(sockets: list[socket.socket], host: str) -> tuple[str, int]:
    """URL and port of what `bind` made, as somebody on this machine would call it."""
    port = sockets[0].getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}", port


def allow_sockets(wanted: int, workers: int, inside: int = 0) -> int:
    """Let this process have so many sockets besides what it needs itself; how many it may have. So many as
    `inside` says are there.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    own = sum(1 for _ in Path("/dev/fd").iterdir()) - inside + _SPARE + _WORKER * workers
    needed = wanted + own
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    allowed = wanted if soft == resource.RLIM_INFINITY else min(wanted, max(1, soft - own))
    if allowed < wanted:
        log.warning(
            "This process may have %d sockets, not %d: raise the limit of open files (ulimit -n).",
            allowed,
            wanted,
        )
    return allowed


class _Server(uvicorn.Server):
    """Leaves signals to us, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: Any,
    sockets: list[socket.socket],
    *,
    door: Door,
    guard: Guard,
    stopping: Stopping,
    grace: float,
    announce: Callable[[], None],
    reload: Callable[[], None],
) -> ExitStatus:
    """Serve until SIGTERM or SIGINT; then take no more sessions, let those that there are, and questions,
    finish for `grace` seconds, and end. A second signal ends everything at once. SIGHUP calls `reload`, or
    ends it when the terminal has gone.
    """
    told, hurried = asyncio.Event(), asyncio.Event()
    server = _Server(DoorConfig(app, door))
    works = (server.serve(sockets), door.keep(), told.wait(), server.up.wait(), hurried.wait())
    with _signals(told, hurried, reload):
        async with race(*works) as (serving, sweeping, waiting, starting, hurrying):
            await first_of(serving, sweeping, waiting, starting)
            if server.up.is_set():
                announce()
            await first_of(serving, sweeping, waiting)
            if sweeping.done():
                sweeping.result()  # raises: it only ends by a defect
            guard.stopping = True
            began = asyncio.get_running_loop().time()
            await _end_sessions(stopping, grace, hurrying)
            left = grace - (asyncio.get_running_loop().time() - began)
            await _end_server(server, serving, hurrying, max(left, _CLOSING))
    return ExitStatus.INTERRUPTED if hurried.is_set() else ExitStatus.FINE


async def _end_sessions(stopping: Stopping, grace: float, hurrying: asyncio.Task[Any]) -> None:
    """Let sessions finish, unless somebody is in a hurry."""
    async with race(stopping.finish(grace)) as (finishing,):
        in_time = await first_of(finishing, hurrying) is finishing
    if not in_time:
        await stopping.finish(0)
    elif cut := finishing.result():
        log.warning("%d sessions did not finish within %g s and were cut off.", cut, grace)


async def _end_server(
    server: uvicorn.Server, serving: asyncio.Task[Any], hurrying: asyncio.Task[Any], timeout: float
) -> None:
    """Close the listening sockets, and let requests under way finish, unless somebody is in a hurry."""
    server.should_exit = True
    await first_of(serving, hurrying, timeout=timeout)
    if not serving.done():
        server.force_exit = True
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await asyncio.wait({serving}, timeout=_CLOSING)


@contextlib.contextmanager
def _signals(told: asyncio.Event, hurried: asyncio.Event, reload: Callable[[], None]) -> Iterator[None]:
    """The first signal sets `told`, the second `hurried`; SIGHUP reloads while there is what was there."""
    loop = asyncio.get_running_loop()
    in_terminal = _has_terminal()

    def on_signal() -> None:
        (hurried if told.is_set() else told).set()

    def on_hangup() -> None:
        if in_terminal and not _has_terminal():
            on_signal()
        elif not told.is_set():
            reload()

    signals = {signal.SIGTERM: on_signal, signal.SIGINT: on_signal, signal.SIGHUP: on_hangup}
    for number, handler in signals.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _has_terminal() -> bool:
    """Whether a terminal controls this process."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
