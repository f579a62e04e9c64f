"""Whose page asks: one of the app's own site, or another's, which would spend its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import advice, texts
from .call import state_of
from .errors import Refused
from .origins import read_origin

if TYPE_CHECKING:
    from flask import Request

# What `Sec-Fetch-Site` says of requests that are let through. same-site: a page of a sibling
# subdomain, or of another port: it is the same owner's, and gets the cookies that are the
# domain's. none: no page at all, but a reader who typed the address, or chose a bookmark.
_LET_THROUGH = {"same-origin", "same-site", "none"}


class OtherSite(Refused):
    """A page of another site has asked."""


def refuse_other_sites(request: Request, trusted: Iterable[str]) -> None:
    """Let no page of a site go on that neither is the app's own nor is trusted.

    `Sec-Fetch-Site` tells (W3C, Fetch Metadata Request Headers), which pages cannot forge; a
    value that the standard does not have is ignored, as it asks for. Browsers leave it out over
    plain http, but for localhost. Then `Origin` tells, which they send with every POST, and with
    a GET whose answer a page of another origin could read. Its host must be the request's, as
    ProxyFix has it; whatever its scheme and port, as a cookie goes to all of a host's (RFC 6265,
    section 8.5), and as a proxy that ends TLS, or drops the port from Host, has no effect then.
    `Origin: null` (a sandboxed frame, a file) is nobody's. A request with neither header is let
    through: a program's, an old browser's GET, and what no header tells, as an image over http.

    Once refused, a request is not asked again: its errorhandler may answer by a stream.

    :param trusted: STREAM_TRUSTED_ORIGINS.
    :raises StreamFailed: the request comes from another site: 403, code `cross_site`.
    """
    state = state_of(request.environ)
    if state.is_of_other_site:
        return
    origin, host = request.headers.get("Origin"), _host(request)
    # A proxy may join two of them by a comma, or send its own behind the browser's.
    told = {each.strip().lower() for each in request.headers.get("Sec-Fetch-Site", "").split(",")}
    if told <= _LET_THROUGH:
        return
    asking = read_origin(origin) if origin else None
    is_cross_site = "cross-site" in told
    if not is_cross_site:
        own = read_origin(f"{request.scheme}://{host}")
        if not origin or (asking and own and asking.host == own.host):
            return
    if asking is not None and asking in map(read_origin, trusted):
        return
    state.is_of_other_site = True
    if is_cross_site:
        why = texts.OTHER_SITE if origin else texts.SITE_WITHOUT_ORIGIN
    else:
        why = texts.SITE_OF_NOBODY if origin == "null" else texts.OTHER_SITE_OR_PROXY
    advice.of_refused_page(why, request.endpoint, origin, host)
    raise OtherSite(why, error_code="cross_site", status=403)


def _host(request: Request) -> str:
    """As the browser, or ProxyFix, has it: Werkzeug's own takes names with a `_` for none."""
    environ = request.environ
    return str(environ.get("HTTP_HOST") or environ.get("SERVER_NAME") or "")
