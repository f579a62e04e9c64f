"""Answers that leave once their run is over: JSON, and pages for forms without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Response, current_app, request
from werkzeug.datastructures import Headers

from .caches import keep_from_caches_unless_told
from .errors import FlaskStreamError
from .formats import Complete, status_of
from .providers.not_streams import discard
from .providers.under_way import outside_run
from .words import say_result

if TYPE_CHECKING:
    from .call import Call
    from .delivery import Delivery
    from .result import Result
    from .route import NoJs


def complete(
    result_of: Callable[[], Result], delivery: Delivery, format: Complete, call: Call
) -> Response:
    """The response for a run that is read to its end here.

    :param result_of: gives what it came to.
    :param delivery: the run's.
    :param call: the view's, which may have a page of its own.
    :raises ClientLeft: the client has.
    :raises FlaskStreamError: what the route's own page is, Flask cannot send.
    :raises Exception: what the route's own page raises.
    """
    delivery.read_to_end()
    result = say_result(result_of())
    if call.no_js is not None and format.is_page:
        return _page(call.no_js, result, call)
    rendered, status = format.render(result)
    return current_app.response_class(rendered, status, format.headers, mimetype=format.mimetype)


def _page(no_js: NoJs, result: Result, call: Call) -> Response:
    try:
        value = outside_run(no_js, result)
        response = _response(no_js, value)
    except Exception as error:
        call.last_error = error  # as it is: what a page does has nothing to do with the provider
        raise
    if not _has_status(value):
        response.status_code = status_of(result)
    keep_from_caches_unless_told(response)
    return response


def _response(no_js: NoJs, value: Any) -> Response:
    try:
        return current_app.make_response(value)
    except TypeError as error:
        if isinstance(value, dict | list):
            raise  # Flask takes one: it is of something inside that the error speaks
        discard(value)  # a coroutine's warning would only repeat what is said here
        name = getattr(no_js, "__qualname__", repr(no_js))
        what = "None" if value is None else f"something of type {type(value).__name__}"
        raise FlaskStreamError(
            f"no_js={name} of endpoint {request.endpoint!r} returned {what}, which is no page. "
            "Return what a view may: a string such as render_template()'s, a Response, a "
            "redirect(), or one of them in a tuple with a status."
        ) from error


def _has_status(value: Any) -> bool:
    """Whether what a view may return says which status it has; the rest has Flask's default."""
    if isinstance(value, tuple):
        value, second, *_ = value
        if second is not None and not isinstance(second, Headers | dict | tuple | list):
            return True
    return callable(value)  # a Response, or another WSGI application
