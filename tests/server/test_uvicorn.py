"""What the door leans on inside uvicorn, which any version may change; a failure says where to look."""

from __future__ import annotations

import hashlib
import inspect
import re
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from packaging.requirements import Requirement
from packaging.version import Version
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.server import ServerProtocol

from voicecli.server.daemon import _Server
from voicecli.server.http_protocol import GuardedHttp
from voicecli.server.websocket_protocol import GuardedWebSocket

METHODS = {  # that are overridden, as they are called
    HttpToolsProtocol: "connection_made(transport) connection_lost(exc) data_received(data) "
    "on_message_begin() on_url(url) on_header(name,value) on_headers_complete() on_message_complete() "
    "on_response_complete() send_400_response(msg) pause_writing() resume_writing()",
    WebSocketsSansIOProtocol: "connection_made(transport) connection_lost(exc) run_asgi() send(message) "
    "receive() data_received(data) handle_events() handle_parser_exception() pause_writing() "
    "resume_writing() keepalive_timeout()",
    uvicorn.Server: "startup(sockets) capture_signals()",
}
ATTRIBUTES = {  # that are read or set
    HttpToolsProtocol: "config transport loop client scope cycle pipeline parser",
    RequestResponseCycle: "body response_started response_complete",
    WebSocketsSansIOProtocol: "config transport loop scope conn queue writable "
    "read_paused handshake_complete close_sent close_timeout close_timer pong_timer pending_ping_payload",
    uvicorn.Server: "config should_exit force_exit server_state",
    ServerState: "connections",
}
REPLACED = {  # whose work ours does without calling them, and what they read like when ours was written
    WebSocketsSansIOProtocol.receive: "76b096e895514175",
    WebSocketsSansIOProtocol.handle_events: "c638cca6e8b57607",
    WebSocketsSansIOProtocol.handle_text: "2485281616155080",
    WebSocketsSansIOProtocol.handle_bytes: "33c3b5944ec8b1fc",
    WebSocketsSansIOProtocol.handle_cont: "2b42372447d8261a",
    WebSocketsSansIOProtocol.handle_ping: "f1c52319c8470d92",
    WebSocketsSansIOProtocol.send_receive_event_to_app: "6e70462ac67d8929",
    WebSocketsSansIOProtocol.handle_parser_exception: "604f5a7a2d5cd56d",
    uvicorn.Server.capture_signals: "90b741862efc8459",
}
OURS = {
    HttpToolsProtocol: GuardedHttp,
    WebSocketsSansIOProtocol: GuardedWebSocket,
    uvicorn.Server: _Server,
}
UVICORN = f"uvicorn {version('uvicorn')}"
OURS_ARE = "http_protocol.py, websocket_protocol.py and daemon.py of voicecli/server"
ADVICE = f"compare it with {OURS_ARE} before you take this version"


def shape(method: Callable[..., Any]) -> str:
    names = [name for name in inspect.signature(method).parameters if name != "self"]
    return f"{method.__name__}({','.join(names)})"


@pytest.mark.parametrize("theirs", METHODS, ids=lambda theirs: theirs.__name__)
def test_methods_that_we_override(theirs: type) -> None:
    for wanted in METHODS[theirs].split():
        found = getattr(theirs, wanted.partition("(")[0], None)
        assert found, (
            f"{UVICORN} has no {theirs.__name__}.{wanted} any more, and ours is never called: {ADVICE}"
        )
        assert shape(found) == wanted, f"{UVICORN} calls {theirs.__name__}.{wanted} otherwise: {ADVICE}"
    classes = [made for made in OURS[theirs].__mro__ if made.__module__.startswith("voicecli.")]
    own = {
        name
        for ours in classes
        for name, made in vars(ours).items()
        if callable(made) and hasattr(theirs, name)
    }
    listed = {text.partition("(")[0] for text in METHODS[theirs].split()}
    assert {name for name in own if not name.startswith("__")} == listed, "METHODS says what is overridden"


@pytest.mark.parametrize("theirs", ATTRIBUTES, ids=lambda theirs: theirs.__name__)
def test_attributes_that_we_use(theirs: type) -> None:
    source = inspect.getsource(theirs)
    for name in ATTRIBUTES[theirs].split():
        kept = re.search(rf"self\.{name}\b[^=\n]*=[^=]", source)
        assert kept, f"{UVICORN} keeps no {theirs.__name__}.{name} any more: {ADVICE}"


@pytest.mark.parametrize("theirs", REPLACED, ids=lambda theirs: theirs.__name__)
def test_methods_that_we_replace(theirs: Callable[..., Any]) -> None:
    digest = hashlib.sha256("".join(inspect.getsource(theirs).split()).encode()).hexdigest()[:16]
    assert digest == REPLACED[theirs], (
        f"{UVICORN} does something else in {theirs.__qualname__}, which ours replaces: {ADVICE}, "
        f"then write {digest} here"
    )


def test_state_of_a_socket_that_we_read() -> None:
    for name in ("parser_exc", "close_sent", "current_size", "max_message_size", "max_fragment_size"):
        assert hasattr(ServerProtocol(), name), (
            f"websockets {version('websockets')} keeps no {name}: {ADVICE}"
        )
    assert isinstance(ServerProtocol().reader.buffer, bytearray)


def test_no_version_is_taken_unseen() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    wanted = next(
        found
        for found in map(Requirement, project["optional-dependencies"]["server"])
        if found.name == "uvicorn"
    )
    assert version("uvicorn") in wanted.specifier
    major, minor, *_ = Version(version("uvicorn")).release
    assert f"{major}.{minor + 1}" not in wanted.specifier
