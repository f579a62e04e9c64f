"""What caches are told of a streaming route's responses: to keep none, and to mix none up.

A shared cache may be told by its own configuration what it keeps, and for how long (nginx's
`proxy_cache_valid`). One answer to everybody would be one reader's words for all; one refusal to
everybody, a route that is dead. No page may have them taken for a script or a style either.
"""

from __future__ import annotations

from flask import Response

#: All that decides about what a route answers: the format, whose page asks, and whether it is
#: an EventSource that connects again. On each response, since each could have been another.
VARY = ("Accept", "Sec-Fetch-Site", "Origin", "Last-Event-ID")

COMPLETE_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def keep_from_caches(response: Response) -> None:
    """Tell caches nothing but what an app has not told them itself."""
    for name, value in COMPLETE_HEADERS.items():
        response.headers.setdefault(name, value)
    response.vary.update(VARY)


def keep_refusals_from_caches(response: Response) -> Response:
    """An after_this_request function, for errors and refusals, whoever has made them."""
    if response.status_code == 204 or response.status_code >= 400:
        keep_from_caches(response)
    return response
