"""What an origin is: whose a page is, as browsers write it."""

from __future__ import annotations

import re
from typing import NamedTuple

# RFC 6454, section 6.1: no path, and no character but ASCII's. Beside letters a host may have
# what is no separator (RFC 3986, section 3.2.2); `*` would be a wildcard.
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()+;=-]+)(?::([0-9]{1,5}))?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None


def read_origin(text: str) -> Origin | None:
    """The origin that `text` is; None where it is none, as `null` is not."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    host = host.removesuffix(".")  # of the root (RFC 1034, section 3.1), which nginx drops
    number = int(port) if port else _DEFAULT_PORTS.get(scheme)
    if not host or (number is not None and number >= 65536):
        return None
    return Origin(scheme, host, number)


def are_origins(value: object) -> bool:
    """Whether it can be STREAM_TRUSTED_ORIGINS."""
    if not isinstance(value, tuple | list):  # a str would be taken for its letters
        return False
    return all(isinstance(each, str) and read_origin(each) is not None for each in value)
