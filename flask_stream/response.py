"""What a view returned, and the format that was asked for, to a Flask response."""

from __future__ import annotations

import warnings
from typing import Any

from flask import Response, current_app, request
from werkzeug.wrappers import Response as WSGIResponse

from . import advice
from .caches import vary
from .call import Call, this_request
from .complete import complete
from .delivery import Delivery
from .errors import StreamFailed
from .formats import AnyFormat
from .providers.not_streams import discard
from .returned import batches_of
from .run import Run
from .streamed import is_ours, streamed
from .watch import Timing


def close_unsent(*_: object, **__: object) -> None:
    """End the run whose response Flask gives up, since an after_request function failed.

    Nobody would close it, and its generator would keep the request's context pushed.
    """
    state = this_request()
    unsent, state.response = state.response, None
    response = unsent() if unsent is not None else None
    if response is not None:
        response.close()


def respond(
    value: Any, format: AnyFormat, call: Call, run: Run, delivery: Delivery, timing: Timing
) -> Any:
    """The response for what a view returned; what is no stream comes back untouched.

    Called by the view's own thread, in its request's context.

    :param run: what `prepared` has made.
    :param delivery: the run's, likewise.
    :raises SourceError: it is nothing that a view may return; the message says what to do.
    :raises RunError, HTTPException, Exception: what the opening of the run raises.
    """
    batches = batches_of(value)
    if batches is None:
        return passed_on(value, call, run)
    try:
        call.reserve()  # again, where the run of a view that this one called has the first place
    except StreamFailed:
        discard(value)
        raise
    run.open(batches)
    call.hand_over(run, delivery)
    advice.of_server(call.request.environ, delivery.connection, delivery.heartbeat)
    advice.of_extensions(call.app.extensions)
    if format.is_complete:
        response = complete(lambda: run.result, delivery, format, call)
    else:
        response = streamed(delivery, format, timing.idle, in_context=True)
    vary(response)
    return response


def passed_on(value: Any, call: Call, run: Run) -> Any:
    """What is no stream, as it is.

    :raises RunError, ClientLeft: the run has had to end, and would be read by a response.
    """
    _warn_of_what_is_no_stream(value)
    given = value[0] if isinstance(value, tuple) and value else value
    if isinstance(given, WSGIResponse) and given.is_streamed:  # it may read what the view began
        if run.ending is not None:
            raise run.ending
        call.response_reads_relayed = True
        given.call_on_close(lambda: run.relays.close(warn=False))
    return value


def _warn_of_what_is_no_stream(value: Any) -> None:
    # A response (a redirect to a login, say), with its status or without, is meant as it is.
    is_meant = isinstance(value, WSGIResponse | tuple) or callable(value)
    if not is_meant and "text/event-stream" in request.headers.get("Accept", ""):
        warnings.warn(
            f"The view of endpoint {request.endpoint!r} returned something of type "
            f"{type(value).__name__}, which is no stream, to a client that asks for one and "
            "shows an error. Return the provider's stream, a generator, or a list of str: [text], "
            "where that is the answer.",
            stacklevel=2,
        )
    is_events = isinstance(value, WSGIResponse) and value.mimetype == "text/event-stream"
    if is_events and not is_ours(value):
        warnings.warn(
            f"The view of endpoint {request.endpoint!r} returned a Response that is "
            "text/event-stream already. It goes out as it is, without Flask-Stream's events. "
            "Return the generator itself, yielding bare words, or take @stream.response off.",
            stacklevel=2,
        )


def head_response(format: AnyFormat) -> Response:
    """The headers of an answer that nobody was asked for (HEAD)."""
    response = current_app.response_class(mimetype=format.mimetype, headers=format.headers)
    response.automatically_set_content_length = False  # it is not known before the answer is
    vary(response)
    return response
