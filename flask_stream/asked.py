"""The route that a chat asks: what of it goes on, for the reader of a page.

A template names it by its URL alone, which is looked up among the app's routes as a question's own
request will be. What would come to nothing then is told in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from flask import after_this_request, current_app, request
from werkzeug.exceptions import HTTPException, UnsupportedMediaType

from . import advice
from .app_state import this_app
from .caches import keep_page
from .dispatch import MARK, active
from .errors import FlaskStreamError
from .owners import give_key
from .route import Route

# What a function raises that looks for what only a question's request has.
_MISSING = (LookupError, TypeError, AttributeError, ValueError, UnsupportedMediaType)


class GoingOn(NamedTuple):
    """What goes on at a route.

    :ivar key: the app's own name for the reader's run; None where the route has none.
    :ivar resume: what the element's attribute is to be: the run's URL, or ``""`` where the page
        remembers it; None, where nothing can go on.
    """

    key: str | None = None
    resume: str | None = None


class _Asked(NamedTuple):
    endpoint: str
    route: Route
    view: Callable[..., Any]
    arguments: Mapping[str, Any]


def leads_elsewhere(url: str) -> bool:
    """Whether it is one of another site."""
    return urlsplit(url).netloc not in ("", request.host)


def going_on(url: str) -> GoingOn:
    """What is being written for the reader by the route with this URL.

    :raises FlaskStreamError: its `key` cannot be told in the request of a page.
    :raises HTTPException: that `key` raises, to refuse the reader.
    :raises RunError: the log cannot be used.
    """
    asked = _asked(url)
    if asked is None or not asked.route.resumable:
        return GoingOn()
    give_key(this_app().extension._owner)
    key = _key_of(asked)
    if key is None:
        after_this_request(keep_page)  # as `active` sees to it
        return GoingOn(resume="")
    live = active(key)
    return GoingOn(key, "" if live is None else live.url)


def _asked(url: str) -> _Asked | None:
    """None where that is no route of this app that streams."""
    root = request.root_path.rstrip("/")
    path = unquote(urlsplit(urljoin(request.base_url, url)).path)
    adapter = current_app.create_url_adapter(request)
    if adapter is None or leads_elsewhere(url) or not path.startswith(f"{root}/"):
        return None
    try:
        endpoint, arguments = adapter.match(path[len(root) :], method="POST")
    except HTTPException as error:
        advice.of_chat(request.endpoint, url, error.code)
        return None
    view = current_app.view_functions[endpoint]
    route: Route | None = getattr(view, MARK, None)
    if route is None:
        if not hasattr(view, "view_class"):  # whose methods may have it
            advice.of_undecorated(url, endpoint)
        return None
    return _Asked(endpoint, route, view, arguments)


def _key_of(asked: _Asked) -> str | None:
    try:
        return asked.route.key_of(asked.view, (), asked.arguments)
    except _MISSING as error:
        raise FlaskStreamError(
            f"key= of the route {asked.endpoint!r} raised {type(error).__name__} in the page's "
            f"request ({request.method} {request.path}). stream_chat() asks for the key there, "
            "too, to find the answer that is being written. So it may use the route's arguments "
            "(as a function's parameters), the session and the current user, and nothing of the "
            "question's own request, such as request.form or request.view_args. What names the "
            'conversation belongs into the URL: @app.post("/chats/<id>"), key="chat:{id}".'
        ) from error
