"""Whose page asks: one of the app's own site, or another's, which would spend its tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import current_app, request
from werkzeug.exceptions import Forbidden

# As browsers write one (RFC 6454, section 6.1): no path, and no character but ASCII's.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}

# What `Sec-Fetch-Site` says of requests that are let through. same-site: a page of a sibling
# subdomain, or of another port: it is the same owner's, and gets the cookies that are the
# domain's. none: no page at all, but a reader who typed the address, or chose a bookmark.
_OWN = {"same-origin", "same-site", "none"}

_REFUSED = (
    "A page of another site asked for this, so it was refused: it would spend your tokens. If "
    "that site may ask (in an app with Flask-CORS and tokens of its own, for instance), name it "
    "in STREAM_TRUSTED_ORIGINS, or put @stream.response(cross_site=True) on the route."
)
_BEHIND_A_PROXY = (
    " If it was the app's own page, a proxy changes the Host header: have it pass on the "
    "browser's (nginx: proxy_set_header Host $host)."
)


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None


def are_origins(value: object) -> bool:
    """Whether it can be STREAM_TRUSTED_ORIGINS."""
    if not isinstance(value, tuple | list):  # a str would be taken for its letters
        return False
    return all(isinstance(each, str) and _read(each) is not None for each in value)


def refuse_other_sites() -> None:
    """Let no page of a site go on that neither is the app's own nor is trusted.

    `Sec-Fetch-Site` tells (W3C, Fetch Metadata Request Headers), which pages cannot forge; a
    value that the standard does not have is ignored, as it asks for. Browsers leave it out over
    plain http, but for localhost. Then `Origin` tells, which they send with every POST, and with
    a GET whose answer a page of another origin could read. Its host must be the request's, as
    ProxyFix has it; whatever its scheme and port, as a cookie goes to all of a host's (RFC 6265,
    section 8.5), and as a proxy that ends TLS, or drops the port from Host, has no effect then.
    `Origin: null` (a sandboxed frame, a file) is nobody's. A request with neither header is let
    through: a program's, an old browser's GET, and what no header tells, as an image over http.

    :raises Forbidden: the request comes from another site.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "").strip().lower()
    if site in _OWN:
        return
    asking = _read(origin) if origin else None
    if site != "cross-site":
        own = _read(f"{request.scheme}://{request.host}")
        if not origin or (asking and own and asking.host == own.host):
            return
    trusted = (_read(each) for each in current_app.config["STREAM_TRUSTED_ORIGINS"])
    if asking is None or asking not in trusted:
        raise Forbidden(_REFUSED if site == "cross-site" else _REFUSED + _BEHIND_A_PROXY)


def _read(origin: str) -> _Origin | None:
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    number = int(port) if port else _DEFAULT_PORTS.get(scheme)
    return _Origin(scheme, host, number) if number is None or number < 65536 else None
