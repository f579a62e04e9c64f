"""Responses that follow a run which is kept in a log: the first one, and all others."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from flask import Request, Response, url_for
from werkzeug.exceptions import ClientDisconnected

from . import advice
from .beginning import Beginning, asking_log
from .caches import vary
from .call import Call
from .complete import complete
from .delivery import Delivery
from .detached.following import Follower, Lost
from .detached.keeper import Keeper
from .errors import SAFE_MESSAGES, RunError, StreamFailed
from .formats import AnyFormat
from .logs.log import State
from .owners import Owner, is_same, known_owner, owner_of_request
from .prepared import watched_delivery
from .result import Result
from .run import ClientLeft
from .streamed import streamed
from .told import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(r"[0-9a-f]{32}")
_NUMBERED = re.compile(r"([0-9a-f]{32})\.([0-9]{1,15})")
_LOOKS = 0.1  # seconds between two looks for a run that is to begin


class Gone(StreamFailed):
    """There is no such run for whoever asks. The app knows it as what it stands for."""

    stands_for = StreamFailed

    def __init__(self) -> None:
        super().__init__("This answer is not there any more.", error_code="gone", status=404)


class NotYet(StreamFailed):
    """A run that was waited for has not begun. The app knows it as what it stands for."""

    stands_for = StreamFailed

    def __init__(self) -> None:
        super().__init__(
            "This answer has not begun yet. Please try again in a moment.",
            error_code="overloaded",
            retryable=True,
        )


class LiveRun(NamedTuple):
    """A run that is being written.

    :ivar url: where it can be followed, for `<flask-stream resume="…">`.
    """

    id: str
    url: str


class Readers:
    """Those of one app's runs.

    :param keeper: this process's.
    :param owner: the app's callback that says who asks, or None.
    """

    def __init__(self, keeper: Keeper, owner: Owner | None) -> None:
        self.keeper = keeper
        self._owner = owner

    def owner(self) -> str:
        """Whose a run is that this request begins."""
        return owner_of_request(self._owner)

    def found(self, id: str) -> State:
        """The run that this request may follow and stop.

        :raises Gone: there is none: 404, code `gone`. The log says why.
        :raises RunError: the log cannot be used.
        """
        owner = known_owner(self._owner)
        with asking_log():
            state = self.keeper.state(id) if is_run_id(id) else None
        # Whoever it is, and whether there is one: the same is done.
        is_owners = is_same(owner, state.owner if state is not None else "nobody")
        if state is None or not is_owners:
            why = "there is none, or none any more" if state is None else "it is another owner's"
            logger.info("Run %s is not followed: %s.", id, why)
            raise Gone
        return state

    def stop(self, id: str) -> None:
        """End a run, if it has not ended.

        :raises StreamFailed: there is none that this request may stop.
        :raises RunError: the log cannot be used.
        """
        self.found(id)
        with asking_log():
            self.keeper.stop(id)

    def live(self, key: str) -> LiveRun | None:
        """The reader's newest run with this key of the app's, unless it has ended."""
        owner = known_owner(self._owner)
        with asking_log():
            state = self.keeper.newest(owner, key) if owner is not None else None
        if state is None or state.ended:
            return None
        return LiveRun(state.id, url_of(state.id))

    def newest(self, key: str, wait: float) -> str:
        """The id of the reader's newest run with this key of the app's, ended or not.

        :param wait: seconds for which one is waited for that is to begin.
        :raises StreamFailed: there is none; or, where one was waited for, none yet.
        :raises RunError: the log cannot be used.
        """
        owner = known_owner(self._owner)
        if owner is None:  # nobody can have been told whose it is to be
            raise Gone
        end = time.monotonic() + wait
        pause = threading.Event()  # not time.sleep, which people's tests replace
        while True:
            with asking_log():
                state = self.keeper.newest(owner, key)
            if state is not None:
                return state.id
            left = end - time.monotonic()
            if left <= 0:
                raise NotYet if wait else Gone
            pause.wait(min(left, _LOOKS))

    def follower_of(self, beginning: Beginning, *, sums: bool) -> Follower:
        """The first one of a run that begins when this asks for its first batch."""
        return self.keeper.follow(
            beginning.id,
            0,
            url=url_of(beginning.id),
            begin=beginning.start,
            sums=sums,
        )

    def followed(self, id: str, after: int, call: Call, format: AnyFormat) -> Response:
        """The response of one more who reads it.

        :param after: the number of the last event that is known; 0 for all of it.
        :raises StreamFailed: there is no such run; or all places are taken.
        """
        state = self.found(id)
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
        follower, delivery = self._read(state, 0 if format.is_complete else after, call, format)
        return self._response(follower, delivery, call, format)

    def followed_once(self, id: str, call: Call, format: AnyFormat) -> Response | None:
        """The response for a request that was sent twice; None where its run came to nothing.

        That is not known before its view has returned.

        :raises RunError: nobody waits for that here any more: 503, and another worker may be asked.
        """
        with asking_log():
            state = self.keeper.state(id)
        if state is None:
            return None
        follower, delivery = self._read(state, 0, call, format)
        if not follower.has_begun():
            delivery.close()
            if follower.ending is not None:  # this worker stops; or the client has left
                told = SAFE_MESSAGES["shutdown"]
                raise RunError(told, error_code="shutdown", retryable=True)
            return None
        return self._response(follower, delivery, call, format)

    def _read(
        self, state: State, after: int, call: Call, format: AnyFormat
    ) -> tuple[Follower, Delivery]:
        follower = self.keeper.follow(
            state.id, state.last, after=after, url=url_of(state.id), sums=format.is_complete
        )
        return follower, delivery_of(follower, call, format)

    def _response(
        self, follower: Follower, delivery: Delivery, call: Call, format: AnyFormat
    ) -> Response:
        call.lend(delivery)
        return response_of(
            delivery, format, call, lambda: follower.result, call.app.config["STREAM_IDLE_SECONDS"]
        )


def is_run_id(text: str) -> bool:
    """Whether it may be a run's: a log is asked for no other."""
    return _ID.fullmatch(text) is not None


def number_of(request: Request) -> tuple[str, int] | None:
    """The run and the number of `Last-Event-ID`; None where there is no such header.

    :raises StreamFailed: it is none of ours, so there is nothing to go on with.
    """
    told = request.headers.get("Last-Event-ID")
    if told is None:
        return None
    found = _NUMBERED.fullmatch(told)
    if found is None:
        raise Gone
    return found[1], int(found[2])


def after_of(arguments: Mapping[str, str]) -> int:
    """`?after=`: the number of the last event that is known; 0 unless told.

    :raises StreamFailed: it is no number.
    """
    told = arguments.get("after", "0")
    if not re.fullmatch(r"[0-9]{1,15}", told):
        raise StreamFailed(
            "after= must be the number of an event: what stands behind the dot of its id.",
            error_code="bad_request",
        )
    return int(told)


def url_of(id: str) -> str:
    """Where a run can be followed; `/stop` behind it ends it."""
    return url_for("flask_stream.follow", run=id)


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
