"""Where a client is, as far as counting goes: what one person can have many of is one subnet."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence

from voicecli.errors import SettingsError

__all__ = ["check_networks", "is_address", "is_loopback", "is_within", "subnet_of"]

_PREFIX = 64  # bits of an IPv6 address that a customer has at least
_LONGEST = 64  # letters of what is no address


@functools.lru_cache(4096)
def subnet_of(address: str) -> str:
    """An IPv4 address, or the network of an IPv6 address; what is neither counts as it is."""
    found = _address(address)
    if found is None:
        return address[:_LONGEST]
    if found.version == 6:
        return str(ipaddress.ip_network((found.packed, _PREFIX), strict=False))
    return str(found)


def is_within(address: str, networks: Sequence[str]) -> bool:
    """Whether one of the addresses or networks holds the address."""
    found = _address(address) if networks else None
    return found is not None and any(found in ipaddress.ip_network(text) for text in networks)


def is_address(text: str) -> bool:
    """Whether it is one, and not a name."""
    return _address(text) is not None


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach `host`."""
    if host.lower() in ("localhost", "ip6-localhost", "ip6-loopback"):
        return True
    found = _address(host.strip("[]"))
    return found is not None and found.is_loopback


def check_networks(networks: Sequence[str], key: str) -> None:
    """Raises SettingsError for what is neither an address nor a network."""
    for text in networks:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            raise SettingsError(
                f"{key}: {text!r} is no address and no network.", "It holds such as 127.0.0.1 or 10.0.0.0/8."
            ) from error


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
