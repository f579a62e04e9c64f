"""One request of a route that streams: refused, continued, or answered by its view."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from flask import (
    Response,
    after_this_request,
    current_app,
    has_request_context,
    jsonify,
    request,
)

from . import follow
from .app_state import owned_runs, this_app
from .attempts import check_attempt
from .caches import keep_page, keep_refusals_from_caches
from .call import Call, current_call, this_request
from .errors import FlaskStreamError, RunError
from .formats import choose
from .once import key_of
from .owned import LiveRun, OwnedRuns, url_of
from .positions import after_of, number_of
from .prepared import prepared
from .refusals import raise_as_http_error
from .response import head_response, respond
from .resumable import resumable
from .route import Route, in_sync
from .run import Callback
from .sites import refuse_other_sites
from .wanted import STOP, wanted
from .words import say_error

C = TypeVar("C", bound=Callback)

MARK = "flask_stream"  # an attribute of decorated views, which functools.wraps hands on


def after_each_request(response: Response) -> Response:
    """Keep a streaming route's refusals from caches; those of a login or a limit before it, too."""
    view = current_app.view_functions.get(request.endpoint or "")
    state = this_request()
    if state.called_streaming_view or hasattr(view, MARK):
        keep_refusals_from_caches(response, is_refused=state.is_refused)
    return response


def answered(
    view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], route: Route
) -> Any:
    """What a decorated view gives."""
    this_app()
    began = time.monotonic()
    with Call(route) as call:
        asked = call.request
        try:
            if not call.cross_site:
                refuse_other_sites(asked, call.app.config["STREAM_TRUSTED_ORIGINS"])
            want = wanted(asked)
            if ("Last-Event-ID" in asked.headers or want) and not route.resumable:
                # EventSource reconnects by itself; the prompt must not run twice. 204 ends it.
                return _without_body(call)
            if want is not None:
                runs = owned_runs()
                return _done_with(runs, runs.answering(key_of(asked)), want, call)
            format = choose(asked.headers.get("Accept"), route.format)
            if asked.method == "HEAD":
                return head_response(format)
            known = number_of(asked)
            if known is not None:
                return follow.followed(owned_runs(), *known, call, format)
            check_attempt(asked)
            call.reserve()
            if route.on_finish is not None:
                call.add(route.on_finish)
            if route.resumable:
                call_view = partial(in_sync(view), *args, **kwargs)
                key = route.key_of(view, args, kwargs)
                return resumable(call_view, key, owned_runs(), call, route, format, began)
            timing = route.timing(call.app.config)
            with prepared(format, call, timing, began) as (run, delivery):
                value = in_sync(view)(*args, **kwargs)
                return respond(value, format, call, run, delivery, timing)
        except Exception as error:
            raise_as_http_error(error, call)


# What a follower is asked by, whose route is not known: it brings none of its own.
_OF_FOLLOWERS = Route.checked(cross_site=True)


def followed(id: str) -> Response:
    """The response of one more who reads a run; from `Last-Event-ID`, or else `?after=`, on."""
    with Call(_OF_FOLLOWERS) as call:
        try:
            want = wanted(call.request)
            if want is not None:
                return _done_with(owned_runs(), id, want, call)
            known = number_of(call.request)
            after = after_of(call.request.args) if known is None or known[0] != id else known[1]
            format = choose(call.request.headers.get("Accept"))
            if call.request.method == "HEAD":
                owned_runs().found(id)
                return head_response(format)
            return follow.followed(owned_runs(), id, after, call, format)
        except Exception as error:
            raise_as_http_error(error, call)


def followed_by_key(key: str, wait: float) -> Response:
    """The same of the reader's newest run with that key of the app's, once there is one.

    Whoever has some of a run goes on with that one, though it may be the newest no more.
    """
    with Call(_OF_FOLLOWERS) as call:
        try:
            known = number_of(call.request)
            format = choose(call.request.headers.get("Accept"))
            if call.request.method == "HEAD":
                owned_runs().newest(key, 0)
                return head_response(format)
            want = wanted(call.request)
            if want is not None:
                return _done_with(owned_runs(), owned_runs().newest_by_now(key, wait), want, call)
            call.reserve()  # who waits has a thread too
            after = after_of(call.request.args)
            id, after = known or (owned_runs().newest(key, wait), after)
            return follow.followed(owned_runs(), id, after, call, format)
        except Exception as error:
            raise_as_http_error(error, call)


def active(key: str) -> LiveRun | None:
    """See `FlaskStream.active`."""
    if has_request_context():  # Back is to show what goes on by then, and no page from before
        after_this_request(keep_page)
    try:
        return owned_runs().live(key)
    except RunError as error:  # in the view of a page, which is no call of ours
        say_error(error)
        raise


def _done_with(runs: OwnedRuns, id: str, want: str, call: Call) -> Response:
    """The response for who wants something of a run beside reading it."""
    if want == STOP:
        runs.stop(id)
        return _without_body(call)
    runs.found(id)
    call.state.is_refused = True  # it is for this reader, and for no cache
    return jsonify(id=id, url=url_of(id))


def _without_body(call: Call) -> Response:
    call.state.is_refused = True
    return Response(status=204)


def stopped(id: str) -> Response:
    """The response for who asks for a run's end."""
    with Call(_OF_FOLLOWERS) as call:
        try:
            owned_runs().stop(id)
        except Exception as error:
            raise_as_http_error(error, call)
    return Response(status=204)


def after_this_stream(callback: C) -> C:
    """Call `callback` with the run's :class:`~flask_stream.Result` when this request's run ends.

    For use inside a view, beside Flask's ``after_this_request``. It is called exactly once,
    however the run ends, in the request's context (in an app context of its own where the route is
    resumable), and before the terminal event leaves: when the page sees ``done``, what the callback
    saved is saved. If it raises, the run ends as
    ``failed``.

    :raises FlaskStreamError: outside a view that has ``@stream.response``.
    """
    call = current_call()
    if call is None:
        raise FlaskStreamError(
            "after_this_stream() works inside a view that has @stream.response below its route."
        )
    call.add(callback)
    return callback
