"""Local servers: which OpenAI-compatible servers are running on this machine, and what they have loaded."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

__all__ = ["PORTS", "LocalServer", "find_servers"]

PORTS: Mapping[int, str] = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama.cpp",
    8000: "vLLM",
    8880: "Kokoro-FastAPI",
}
"""Where each usually listens, in the order in which they are preferred."""

LIMIT = 0.5  # seconds for all of them; a port where nobody listens refuses at once
LARGEST = 1 << 20  # bytes of an answer; a list of models is far smaller

_OWNERS = {
    "library": "Ollama",
    "llamacpp": "llama.cpp",
    "vllm": "vLLM",
    "organization_owner": "LM Studio",
    "organization-owner": "LM Studio",
    "kokoro": "Kokoro-FastAPI",
}
# What a model is for is not in the list; its name tells. The first pattern that matches decides.
_KINDS: tuple[tuple[Literal["asr", "tts", "none"], re.Pattern[str]], ...] = (
    ("none", re.compile(r"embed|rerank|\b(bge|gte|e5|vad)\b|minilm|clip|moderation|diffusion|dall-e|flux")),
    ("asr", re.compile(r"whisper|parakeet|canary|moonshine|transcri|wav2vec|\basr\b|\bstt\b|voxtral")),
    ("tts", re.compile(r"kokoro|piper|\btts\b|xtts|orpheus|chatterbox|\bbark\b|vits|speecht5|melo")),
)
# Poor company in a chat.
_SLOW = re.compile(r"\b(r1|base|vl)\b|qwq|think|reason|deepseek-r|coder|vision")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered."""

    name: str
    base_url: str  # ends in /v1
    models: tuple[str, ...]  # as the server orders them

    def model(self, stage: Literal["asr", "llm", "tts"]) -> str | None:
        """The model to use for a stage: the first of its kind, rather one that answers fast; or None."""
        fitting = [name for name in self.models if _stage(name) == stage]
        return min(fitting, key=lambda name: bool(_SLOW.search(_plain(name))), default=None)


async def find_servers(ports: Mapping[int, str] | None = None, limit: float = LIMIT) -> list[LocalServer]:
    """Ask each port of this machine for its models, all at once, and wait `limit` seconds for the answers.

    `ports` maps a port to the name of what usually listens there, in the order of the result.
    """
    wanted = _usual_ports() if ports is None else ports
    found = await asyncio.gather(*(_probe(port, name, limit) for port, name in wanted.items()))
    return [server for server in found if server is not None]


def _usual_ports() -> dict[int, str]:
    """The usual ones, and the one that OLLAMA_HOST names if that is on this machine."""
    ports = dict(PORTS)
    host = os.environ.get("OLLAMA_HOST", "").strip()
    try:
        parts = urlsplit(host if "://" in host else f"//{host}")
        port = parts.port
    except ValueError:
        return ports
    if port and parts.hostname in ("127.0.0.1", "localhost", "0.0.0.0", "::1", "::", None):
        ports = {port: "Ollama", **{other: name for other, name in ports.items() if other != port}}
    return ports


async def _probe(port: int, usual: str, limit: float) -> LocalServer | None:
    try:
        async with asyncio.timeout(limit):
            headers, body = await _get(port, "/v1/models")
    except (OSError, ValueError, TimeoutError) as error:
        log.debug("Nothing useful on port %d: %s", port, error or type(error).__name__)
        return None
    if not isinstance(body, dict) or ((entries := body.get("data")) is None and body.get("object") != "list"):
        return None
    listed = [entry for entry in entries or () if isinstance(entry, dict) and entry.get("id")]
    models = tuple(str(entry["id"]) for entry in listed)
    return LocalServer(_identify(headers, listed, usual), f"http://127.0.0.1:{port}/v1", models)


async def _get(port: int, path: str) -> tuple[str, object]:
    """The headers, and the JSON of the body. Raises OSError, ValueError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        # HTTP/1.0: the body comes in one piece and ends with the connection.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        await writer.drain()
        data = bytearray()
        while chunk := await reader.read(65_536):
            data += chunk
            if len(data) > LARGEST or _complete(data):
                break
    finally:
        writer.close()
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].split(b" ")
    if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or status[1] != b"200":
        raise ValueError(head[:60].decode("latin-1"))
    return head.decode("latin-1").lower(), json.loads(body)


def _complete(data: bytearray) -> bool:
    """Some servers keep the connection open; then the length of the body says when it is there."""
    head, found, body = bytes(data).partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.IGNORECASE)
    return bool(found) and length is not None and len(body) >= int(length[1])


def _identify(headers: str, listed: list[dict[str, object]], usual: str) -> str:
    if "\r\nserver: llama.cpp" in headers:
        return "llama.cpp"
    owners = (str(entry.get("owned_by", "")).lower() for entry in listed)
    named = next((_OWNERS[owner] for owner in owners if owner in _OWNERS), None)
    if named is None and any("task" in entry for entry in listed):
        return "speaches"
    return named or usual


def _stage(name: str) -> Literal["asr", "llm", "tts", "none"]:
    plain = _plain(name)
    return next((kind for kind, pattern in _KINDS if pattern.search(plain)), "llm")


def _plain(name: str) -> str:
    return re.sub(r"[_/:.\s]", "-", name.lower())
