"""What caches are told of a streaming route's responses: to keep none, and to mix none up.

A shared cache may be told by its own configuration what it keeps, and for how long (nginx's
`proxy_cache_valid`). One answer to everybody would be one reader's words for all; one refusal to
everybody, a route that is dead. No page may have them taken for a script or a style either.
"""

from __future__ import annotations

from werkzeug.http import parse_set_header
from werkzeug.wrappers import Response

from .formats import COMPLETE_HEADERS

#: All that decides about what a route answers: the format, whose page asks, and whether it is
#: an EventSource that connects again. On each response, since each could have been another.
_VARY = ("Accept", "Sec-Fetch-Site", "Origin", "Last-Event-ID")


def vary(response: Response) -> None:
    """Name in Vary what it hangs on; what the app has there, which may be several lines, stays."""
    told = response.headers.getlist("Vary")
    if told:
        named = parse_set_header(", ".join(told))
        named.update(_VARY)
        response.headers["Vary"] = named.to_header()
    else:
        response.headers["Vary"] = ", ".join(_VARY)


def keep_from_caches(response: Response) -> None:
    """Tell caches to keep none of it, whatever the app has told them."""
    if not response.cache_control.no_store:
        response.headers["Cache-Control"] = COMPLETE_HEADERS["Cache-Control"]
    _keep_apart(response)


def keep_from_caches_unless_told(response: Response) -> None:
    """The same, but what the app itself says in Cache-Control is left."""
    keep_page(response)
    _keep_apart(response)


def keep_page(response: Response) -> Response:
    """A page that says which run goes on: what it says is soon not so any more."""
    response.headers.setdefault("Cache-Control", COMPLETE_HEADERS["Cache-Control"])
    return response


def keep_refusals_from_caches(response: Response, *, is_refused: bool) -> None:
    """Of a streaming route's responses, keep those from caches that are no answer.

    An errorhandler may give an error any status, and a refusal is often a redirect. What a view
    itself says of caches is left to it below 400.

    :param is_refused: the request got no answer of its view's, whatever the status says.
    """
    status = response.status_code
    if status >= 400 or is_refused:
        keep_from_caches(response)
    elif status == 204 or status >= 300:
        keep_from_caches_unless_told(response)


def _keep_apart(response: Response) -> None:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    vary(response)
