"""Where a server is, as people write it, and the URLs that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from voicecli.errors import UsageError
from voicecli.server.subnet import is_loopback

__all__ = ["PORT", "ServerAddress", "parse_address"]

PORT: Final = 8080  # where a server listens when nobody says otherwise

_SCHEMES: Final = {"ws": False, "http": False, "wss": True, "https": True}
_HINT: Final = "It looks like ws://127.0.0.1:8080 or https://example.org."


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server; `path` is empty unless it was written out."""

    secure: bool
    host: str  # with its port where that is not the usual one
    path: str = ""  # with the query

    def websocket(self, path: str) -> str:
        """The URL of `path` on it, or of its own path."""
        return f"{'wss' if self.secure else 'ws'}://{self.host}{self.path or path}"

    def http(self, path: str) -> str:
        """The URL of `path` on it, or of its own path."""
        return f"{'https' if self.secure else 'http'}://{self.host}{self.path or path}"

    @property
    def name(self) -> str:
        """The host alone."""
        return urlsplit(f"//{self.host}").hostname or self.host

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, so that nobody in between can listen."""
        return is_loopback(self.name)


def parse_address(text: str) -> ServerAddress:
    """An address with or without scheme, port and path. Raises UsageError."""
    text = text.strip()
    bare = "://" not in text
    try:
        parts = urlsplit(f"ws://{text}" if bare else text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{text!r} is not an address: {error}.", _HINT) from None
    if parts.scheme not in _SCHEMES:
        raise UsageError(f"{text!r} is not the address of such a server.", _HINT)
    if not parts.hostname or not all(letter.isprintable() and letter != " " for letter in text):
        raise UsageError(f"{text!r} is not an address.", _HINT)
    if parts.username is not None or parts.password is not None:
        raise UsageError("An address holds no name or password.", "A token comes from --token-env.")
    if bare and port is None:
        port = PORT
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path if parts.path != "/" else ""
    query = f"?{parts.query}" if parts.query else ""
    return ServerAddress(_SCHEMES[parts.scheme], host if port is None else f"{host}:{port}", path + query)
