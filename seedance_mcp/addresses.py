"""Which addresses may be fetched from: a film's link must not lead into the network of whoever runs the server."""

from __future__ import annotations

import ipaddress

_DENIED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/3",
        "::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
"""`is_global` alone lets some of these by (NAT64, 6to4, site-local), each a way to a private address. Of IPv6, only
2000::/3 is handed out to anybody."""


def may_be_fetched(address: str, *, local: bool) -> bool:
    """Whether it is a public address, or (with `local`) one of this machine's own."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return local
    return ip.is_global and not any(ip.version == n.version and ip in n for n in _DENIED)
