"""Responses that follow a run which is kept in a log: the first one, and all others."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response
from werkzeug.exceptions import ClientDisconnected

from . import advice
from .asking import asking_log
from .beginning import Beginning
from .caches import vary
from .call import Call
from .complete import complete
from .delivery import Delivery
from .detached.following import Follower, Lost
from .detached.keeper import Keeper
from .errors import SAFE_MESSAGES, RunError
from .formats import AnyFormat
from .logs.log import State
from .owned import Gone, OwnedRuns, url_of
from .prepared import watched_delivery
from .result import Result
from .run import ClientLeft
from .streamed import streamed
from .told import logger


def followed(runs: OwnedRuns, id: str, after: int, call: Call, format: AnyFormat) -> Response:
    """The response of one more who reads it.

    :param after: the number of the last event that is known; 0 for all of it.
    :raises StreamFailed: there is no such run; or all places are taken.
    """
    state = runs.found(id)
    if state.ended and after > state.last:
        logger.warning(
            "Run %s is not followed: its reader knows event %d, and its last one is %d.",
            id,
            after,
            state.last,
        )
        raise Gone
    if not format.is_complete and state.ended and after == state.last:
        call.state.is_refused = True
        return Response(status=204)
    call.reserve()
    follower, delivery = _read(runs.keeper, state, 0 if format.is_complete else after, call, format)
    return _response(follower, delivery, call, format)


def followed_once(keeper: Keeper, id: str, call: Call, format: AnyFormat) -> Response | None:
    """The response for a request that was sent twice; None where its run came to nothing.

    That is not known before its view has returned.

    :raises RunError: nobody waits for that here any more: 503, and another worker may be asked.
    """
    with asking_log():
        state = keeper.state(id)
    if state is None:
        return None
    follower, delivery = _read(keeper, state, 0, call, format)
    if not follower.has_begun():
        delivery.close()
        if follower.ending is not None:  # this worker stops; or the client has left
            told = SAFE_MESSAGES["shutdown"]
            raise RunError(told, error_code="shutdown", retryable=True)
        return None
    return _response(follower, delivery, call, format)


def _read(
    keeper: Keeper, state: State, after: int, call: Call, format: AnyFormat
) -> tuple[Follower, Delivery]:
    follower = keeper.follow(
        state.id, state.last, after=after, url=url_of(state.id), sums=format.is_complete
    )
    return follower, delivery_of(follower, call, format)


def _response(follower: Follower, delivery: Delivery, call: Call, format: AnyFormat) -> Response:
    call.lend(delivery)
    return response_of(
        delivery, format, call, lambda: follower.result, call.app.config["STREAM_IDLE_SECONDS"]
    )


def first_follower(keeper: Keeper, beginning: Beginning, *, sums: bool) -> Follower:
    """The first one of a run that begins when this asks for its first batch."""
    return keeper.follow(
        beginning.id,
        0,
        url=url_of(beginning.id),
        begin=beginning.start,
        sums=sums,
    )


def delivery_of(follower: Follower, call: Call, format: AnyFormat) -> Delivery:
    """What brings it to this request's client, watched."""
    heartbeat = call.app.config["STREAM_HEARTBEAT"]
    try:
        return watched_delivery(follower, format, call.request.environ, heartbeat)
    except BaseException:
        follower.close()
        raise


def response_of(
    delivery: Delivery,
    format: AnyFormat,
    call: Call,
    result: Callable[[], Result],
    idle: float,
) -> Response:
    """The response that a delivery is for.

    :param result: what it came to, once it has been read to its end.
    :param idle: seconds that its client may take nothing.
    """
    advice.of_server(call.request.environ, delivery.connection, delivery.heartbeat)
    try:
        if format.is_complete:
            response = complete(result, delivery, format, call)
        else:
            call.state.is_followed = True
            response = streamed(delivery, format, idle, in_context=False)
    except BaseException as error:  # nobody else will close it
        delivery.close()
        if isinstance(error, Lost):
            told = SAFE_MESSAGES["interrupted"]
            raise RunError(told, error_code="interrupted", retryable=True) from error
        if isinstance(error, ClientLeft):
            raise ClientDisconnected from None
        raise
    vary(response)
    return response
