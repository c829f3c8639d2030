"""Probes: whether a server that the settings name answers, takes the key, and has the model."""

from __future__ import annotations

import socket
import ssl
import time
import urllib.request
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from voicecli.errors import NotFound, ProviderError
from voicecli.providers.openai.base_url import Address

__all__ = ["Journey", "Listing", "listed_models", "proxy_for", "travel"]


@dataclass(frozen=True, slots=True)
class Journey:
    """How long each step of the way to a server took, in seconds; None for a step that was not reached."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None  # also None where the server wants none
    first_byte: float | None = None  # from the request to the first byte of whatever the server answers
    failure: str = ""  # why the step after the last one did not succeed

    @property
    def steps(self) -> dict[str, float]:
        """Those that were reached, by their names on screen."""
        named = {"DNS": self.dns, "connect": self.connect, "TLS": self.tls, "first byte": self.first_byte}
        return {name: seconds for name, seconds in named.items() if seconds is not None}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server says of its models."""

    models: tuple[str, ...] | None  # None where it has no such list
    seconds: float  # from the request to all of the answer


def proxy_for(server: Address) -> str:
    """Host and port of the proxy that stands before the server, or an empty string; never its password."""
    parts = urlsplit(server.url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or server.is_loopback or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return urlsplit(proxy if "://" in proxy else f"//{proxy}").netloc.rpartition("@")[2]


def travel(server: Address, limit: float) -> Journey:
    """Look the server up, connect, and ask for its models without a key: any answer will do; blocks.

    `limit` is in seconds and holds for connecting, for TLS and for the answer; nothing but the system's own
    limit holds for the look-up.
    """
    parts = urlsplit(server.url)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(host, parts.port or (443 if secure else 80), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Journey(failure=f"not known to the network ({_why(error)})")
    dns = time.monotonic() - began
    began = time.monotonic()
    try:
        plain = _connected(found, limit)
    except OSError as error:
        return Journey(dns, failure=_why(error))
    connect = time.monotonic() - began
    request = _request(parts.path, parts.netloc.rpartition("@")[2])
    with plain:
        if not secure:
            return _answered(plain, request, Journey(dns, connect))
        began = time.monotonic()
        try:
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as private:
                return _answered(private, request, Journey(dns, connect, time.monotonic() - began))
        except (OSError, ValueError) as error:
            return Journey(dns, connect, failure=_why(error))


def _request(path: str, host: str) -> bytes:
    lines = [f"GET {path.rstrip('/')}/models HTTP/1.1", f"Host: {host}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("ascii", "replace")


def _answered(way: socket.socket, request: bytes, journey: Journey) -> Journey:
    """The journey with the time of the first byte; without it if none came."""
    began = time.monotonic()
    try:
        way.sendall(request)
        if way.recv(1):
            return replace(journey, first_byte=time.monotonic() - began)
    except OSError as error:
        return replace(journey, failure=_why(error))
    return replace(journey, failure="it closed the connection without an answer")


async def listed_models(server: Address, limit: float) -> Listing:
    """The models that the server lists to the holder of the key.

    Goes the way that every request of a conversation goes, through the same proxy and with the same
    certificates. Raises ProviderError.
    """
    from voicecli.providers.openai.faults import Call
    from voicecli.providers.openai.sdk import Client, entries_of

    client = await Client.join(server, 0)
    began = time.monotonic()  # loading the library is not the server's fault
    try:
        listing: Any = await client.fetch("/models", Call("llm", server, "", limit), limit)
    except NotFound:
        return Listing(None, time.monotonic() - began)
    finally:
        seconds = time.monotonic() - began
        await client.leave(0)
    models = entries_of(listing)
    if models is None:
        raise ProviderError(f"{server.host} answers, but not as an OpenAI-compatible server does.")
    return Listing(tuple(models), seconds)


def _connected(found: list[Any], limit: float) -> socket.socket:
    """To the first address that answers. Raises OSError."""
    failure: OSError = OSError("it has no address")
    deadline = time.monotonic() + limit
    for *_, where in found:
        try:
            return socket.create_connection(where[:2], max(0.1, deadline - time.monotonic()))
        except OSError as error:
            failure = error
    raise failure


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
