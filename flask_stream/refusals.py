"""Errors before the first byte: as the app's errorhandlers get them, and else as JSON.

A stream's client reads `{code, message, retryable}`, where a browser that asks for a page gets
Flask's. The exception is raised as it is, so that whatever the app has for it has its say; the
body that came of it is changed only where it is the one that Flask makes when the app has nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from flask import Flask, Response, after_this_request, current_app, request
from werkzeug.exceptions import HTTPException, InternalServerError, default_exceptions

from .caches import keep_from_caches
from .call import Call, state_of, this_request
from .errors import SAFE_MESSAGES, RunError, plain_class
from .events import Failed
from .failed import cause_of, failed_by, of_provider
from .formats import AnyFormat, of_refusals
from .limits import Full
from .owned import Gone, NotYet
from .sites import OtherSite
from .told import logger, raised
from .words import say_error, say_failed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def as_http_error(error: Exception, call: Call) -> Exception:
    """The exception to raise for one that came before the first byte.

    A provider's becomes a `ProviderError`. What leaves the outermost call is answered in JSON
    unless the app answers it.
    """
    if error is not call.last_error:  # or a view that this one called has had it
        error = of_provider(error)
        # Anybody can have those, as often as he likes: they are told once, or once a minute.
        if isinstance(error, RunError) and not isinstance(error, Full | Gone | NotYet | OtherSite):
            detail, cause = error.detail or error.message, raised(cause_of(error))
            where = request.endpoint
            logger.warning("%s in %s: %s", error.error_code, where, detail, exc_info=cause)
        call.last_error = error
    if call.is_outermost:
        say_error(error)
        if isinstance(error, RunError) and error.code in default_exceptions:
            # Flask finds the errorhandler for a status by the exception's class.
            error.__class__ = _with_status(plain_class(type(error)), error.code)
        state = call.state
        if state.last_error is None:
            after_this_request(_shape)
        state.last_error = error
        state.is_refused = True
    return error


def raise_as_http_error(error: Exception, call: Call) -> NoReturn:
    """Raise that."""
    raised = as_http_error(error, call)
    if raised is error:
        raise error
    raise raised from error


_classes: dict[tuple[type[RunError], int], type[RunError]] = {}


def _with_status(cls: type[RunError], status: int) -> type[RunError]:
    """`cls`, as a subclass of Werkzeug's for this status."""
    known = default_exceptions[status]
    if issubclass(cls, known):
        return cls
    if (cls, status) not in _classes:
        attributes = {"__module__": cls.__module__, "code": status, "stands_for": cls}
        _classes[cls, status] = type(cls.__name__, (cls, known), attributes)
    return _classes[cls, status]


def _shape(response: Response) -> Response:
    """Give a stream's client JSON in the place of Flask's own page.

    An after_this_request function: it is the first to see the response, and only there is it
    known that no errorhandler of the app has answered.
    """
    state = this_request()
    error, format = state.last_error, of_refusals(request.headers.get("Accept"), state.format)
    if error is None or format.is_page:
        return response
    if isinstance(error, HTTPException) and _is_flasks(response, error):
        _show(response, format, say_failed(failed_by(error, current_app.debug)))
    elif _is_flasks(response, InternalServerError()):
        # An HTTPException comes to this where an errorhandler of the app has failed with it.
        bug = Failed("internal", SAFE_MESSAGES["internal"])
        if not isinstance(error, HTTPException):
            bug = failed_by(error, current_app.debug)
        _show(response, format, say_failed(bug))
    return response


def _is_flasks(response: Response, error: HTTPException) -> bool:
    """Whether the response is what Flask makes of `error`."""
    if (error.code or 0) < 400 or error.response is not None or response.direct_passthrough:
        return False
    if (response.status_code, response.mimetype) != (error.code, "text/html"):
        return False
    bare = error.get_response(request.environ)
    if bare.mimetype != "text/html" or response.content_length != len(bare.get_data()):
        return False
    return response.get_data() == (b"" if request.method == "HEAD" else bare.get_data())


def _show(response: Response, format: AnyFormat, failed: Failed) -> None:
    body, response.mimetype = format.refusal(failed)
    response.set_data(body)


def telling_in_debug_mode(app: Flask) -> WSGIApplication:
    """`app.wsgi_app`, which in debug mode answers a stream's client in JSON.

    In debug mode Flask lets a bug through, for the debugger to show on a page of its own. A
    stream's client would have nothing but its status to show. (It is told in English: the request,
    which knows its reader's language, is over by then.)
    """
    wsgi_app = app.wsgi_app

    def telling(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return wsgi_app(environ, start_response)
        except Exception as error:
            state = state_of(environ)
            format = of_refusals(environ.get("HTTP_ACCEPT"), state.format)
            is_told = state.last_error is error and _lets_through(app)
            if format.is_page or not is_told:
                raise
            path, method = environ.get("PATH_INFO"), environ.get("REQUEST_METHOD")
            logger.error("Exception on %s [%s]", path, method, exc_info=raised(error))
            response = app.response_class(status=_status_of(error))
            _show(response, format, failed_by(error, debug=True))
            keep_from_caches(response)
            return response(environ, start_response)

    return telling


def _lets_through(app: Flask) -> bool:
    """Whether debug mode is why the exception came through, and not what the app has asked for."""
    asked = app.testing or app.config["PROPAGATE_EXCEPTIONS"] is not None
    return app.debug and not asked


def _status_of(error: Exception) -> int:
    return (isinstance(error, HTTPException) and error.code) or 500
