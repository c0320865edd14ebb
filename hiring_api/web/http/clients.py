"""The address of a client, behind proxies too, and the name (Host) under which it called us."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from ipaddress import IPv4Address, IPv4Network, IPv6Network

    from hiring_api.settings import Settings

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

# What proxies write: an address, also with a port; IPv6 with a port in brackets
_HOP = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+):\d+|([0-9A-Fa-f:.]+)")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_NEIGHBOURS = 64  # bits of the network in which one client has all IPv6 addresses


def client_address(peer: str, forwarded: str, proxies: Collection[Network]) -> str:
    """Find the address that a request came from.

    Anybody can send an X-Forwarded-For (`forwarded`), to which each proxy adds the address that called it. So
    it is read from its end: as long as the caller is one of the trusted `proxies`, the address before it is
    believed. What `peer`, the other end of the connection, says is all that is believed of anybody else.
    """
    address = _parsed(peer)
    hops = forwarded.split(",")
    while address and hops and any(address in network for network in proxies):
        hop = _parsed(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address) if address else peer


def one_client(address: str) -> str:
    """The addresses that one client has to itself: one of IPv4, or an IPv6 network of 64 bits."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _NEIGHBOURS), strict=False))
    return address[:64]


def _parsed(text: str) -> Address | None:
    found = _HOP.fullmatch(text.strip())
    if not found:
        return None
    try:
        address = ip_address(found[found.lastindex or 0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_ours(host: str, settings: Settings) -> bool:
    """True if a Host is one of ALLOWED_HOSTS, each with or without a port.

    Without that setting all are ours; but where only this machine can call, only names of this machine are.
    """
    name = re.sub(r":\d*$", "", host.lower())
    if settings.allowed_hosts:
        return host.lower() in settings.allowed_hosts or name in settings.allowed_hosts
    return f"{settings.api_host}" not in {*_LOOPBACK, "::1"} or name in _LOOPBACK
