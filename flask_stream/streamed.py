"""A delivery as a Flask response that streams."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import ref

from flask import Response, stream_with_context

from .body import Body, StreamedResponse, response_class
from .call import this_request
from .delivery import Delivery
from .formats import Streamed
from .words import for_response


def streamed(delivery: Delivery, format: Streamed, idle: float, *, in_context: bool) -> Response:
    """The response, whose first bytes leave when its body is asked for.

    :param idle: seconds that its client may take nothing.
    :param in_context: whether what gives the answer runs in the request's context.
    """
    delivery.connection.limit(idle)
    delivery.telling = for_response(in_context=in_context)
    body: Iterator[bytes] = delivery.stream(format)
    if in_context:
        body = stream_with_context(body)
    # Flask 3.1.2 and later tear the request down twice unless the first item is taken here.
    next(body)
    stream_body = Body(body, delivery, format.comment, warns_of_session=in_context)
    response = response_class()(stream_body, mimetype=format.mimetype, headers=format.headers)
    response.stream_body = stream_body  # type: ignore[attr-defined]
    response.call_on_close(delivery.close)
    this_request().response = ref(response)
    return response


def is_ours(response: object) -> bool:
    """Whether it was made here."""
    return isinstance(response, StreamedResponse)
