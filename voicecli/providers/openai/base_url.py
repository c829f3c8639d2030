"""Address: where an OpenAI-compatible server is, whether it is near, and the key for it."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from voicecli.errors import SettingsError
from voicecli.printable import without_credentials
from voicecli.secrets import KEYRING_SERVICE, secret

__all__ = ["OPENAI_URL", "Address", "address", "missing_key"]

OPENAI_URL = "https://api.openai.com/v1"
_NEAR_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Address:
    """One server as one holder of a key sees it."""

    url: str
    key: str | None = field(default=None, repr=False)  # never printed
    key_name: str = field(default="", compare=False)  # the variable that it came from, or would

    @property
    def host(self) -> str:
        """Host and port, as errors name it, without a password that the URL may carry."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def is_openai(self) -> bool:
        host = urlsplit(self.url).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    @property
    def is_ollama(self) -> bool:
        """By its port, which nothing else uses."""
        return self.is_local and urlsplit(self.url).port == 11434

    @property
    def is_loopback(self) -> bool:
        """On this machine."""
        host = urlsplit(self.url).hostname or ""
        ip = _ip(host)
        return (
            ip.is_loopback or ip.is_unspecified if ip else host == "localhost" or host.endswith(".localhost")
        )

    @property
    def is_local(self) -> bool:
        """On this machine or in its network, where a server usually wants no key."""
        host = urlsplit(self.url).hostname or ""
        ip = _ip(host)
        if ip:
            return ip.is_private or ip.is_loopback or ip.is_link_local
        return "." not in host or host.endswith(_NEAR_SUFFIXES)


def address(base_url: str | None, key_name: str) -> Address:
    """The server at `base_url`; None or empty means OPENAI_BASE_URL, and without that OpenAI's own.

    Forgives a missing scheme and, where the URL has no path, a missing `/v1`. Raises SettingsError for what
    is not the address of a web server, and for a key that no header can carry.
    """
    given = (base_url or os.environ.get("OPENAI_BASE_URL", "")).strip() or OPENAI_URL
    url = given.rstrip("/")
    if "://" not in given:
        near = Address(f"http://{url}").is_local
        url = f"{'http' if near else 'https'}://{url}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        usable = False
    if not usable:
        raise SettingsError(
            f"base_url {without_credentials(given)!r} is not a web address.",
            "One looks like http://localhost:11434/v1.",
        )
    if not parts.path:
        url += "/v1"
    # A server nearby seldom wants a key: for it nobody is asked to unlock a keyring.
    key = secret(key_name, keyring=not Address(url).is_local)
    if key is not None and not re.fullmatch(r"[!-~]+", key):
        raise SettingsError(f"{key_name} holds characters that no key has.", "Copy it again.")
    return Address(url, key, key_name)


def missing_key(base_url: str | None, key_name: str) -> str | None:
    """What keeps an engine from using this server, in one sentence, or None. Asks no network."""
    try:
        server = address(base_url, key_name)
    except SettingsError as error:
        return str(error)
    if server.key or server.is_local:
        return None
    if not key_name:
        return f"no key for {server.host}: name its environment variable in api_key_env"
    return f"no key: set {key_name} (or store it: keyring set {KEYRING_SERVICE} {key_name})"


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
