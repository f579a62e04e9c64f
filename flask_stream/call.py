"""What one request keeps for us, in one object; and in it, each call of a decorated view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from flask import current_app, request

from . import limits
from .formats import AnyFormat
from .providers.under_way import Bounds, Relays, current_relays
from .server import Environ

if TYPE_CHECKING:
    from flask import Flask, Request

    from .beginning import Beginning
    from .carried import Carried
    from .delivery import Delivery
    from .route import NoJs, Route
    from .run import Callback, Run

_KEY = "flask_stream"  # in the request's environ: the only one


@dataclass(slots=True)
class RequestState:
    """What one request keeps for us, whatever it calls: all of it is in this one object.

    :ivar call: the call that is under way, or whose run is.
    :ivar called_streaming_view: it has called a view that has the decorator.
    :ivar last_error: the last exception that has left the outermost call.
    :ivar is_refused: it gets no answer of its view's: an exception left that, or we refuse.
    :ivar is_of_other_site: a page of another site has sent it, and it was refused for that.
    :ivar format: that of the route, where it has one whatever is asked for.
    :ivar response: the streamed response, weakly, until it is sent.
    :ivar outer: the context variables from before the request, where `carried.carrying` keeps them.
    :ivar carried: the request's context, where a producer goes on with it.
    :ivar beginning: the run that a resumable view is about to begin; of those that call each other,
        the first one's.
    :ivar is_followed: its answer is a follower's, who needs no context.
    :ivar submission: the id of its question, once that was asked for.
    """

    call: Call | None = None
    called_streaming_view: bool = False
    last_error: Exception | None = None
    is_refused: bool = False
    is_of_other_site: bool = False
    format: type[AnyFormat] | None = None
    response: Callable[[], Any] | None = None
    outer: Context | None = None
    carried: Carried | None = None
    beginning: Beginning | None = None
    is_followed: bool = False
    submission: str | None = None


def state_of(environ: Environ) -> RequestState:
    """What the request with this environ keeps."""
    state: RequestState | None = environ.get(_KEY)
    if state is None:
        state = environ[_KEY] = RequestState()
    return state


def this_request() -> RequestState:
    """What the current request keeps."""
    return state_of(request.environ)


class Call:
    """One call of a view that has the decorator, from before it until its response is made.

    A view may call another one that has it, and hand on what that gives: the run that comes of
    it has the callbacks of both, and one place among the process's streams. What a call leaves
    that came to no run, as its view failed or refused, goes with it: an errorhandler, or the
    view that called it, may go on with another one. As context manager, while it is current.

    :ivar app, request: the current ones themselves, since each look at a proxy is paid for.
    :ivar state: what the request keeps.
    :ivar no_js: makes the page for a form without JavaScript: of the calls that this is inside
        of, and itself, the first one's that has one.
    :ivar cross_site: whether pages of other sites may ask: what the first view says, whose route it
        was that they asked.
    :ivar callbacks: the callbacks that this view and those that call it have registered.
    :ivar callbacks_of_run: those of the run that came of it, its own or that of a view it called.
    :ivar relays: what the view begins to relay, before there is a run.
    :ivar response_reads_relayed: a response of the view's own reads what was relayed.
    :ivar last_error: the last exception that came out of it, as the app gets it.
    """

    def __init__(self, route: Route) -> None:
        self.app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self.request: Request = request._get_current_object()  # type: ignore[attr-defined]
        self.state = state_of(self.request.environ)
        previous = self.state.call
        caller = previous if previous is not None and previous._entered else None
        self._entered: bool = False
        self._previous = previous  # its view calls this one, or its run does
        self._caller = caller
        self._slot: limits.Slot | None = None  # of the outermost one
        self._runs = 0  # that go on; of the outermost one
        if caller is None:
            self.state.format = route.format
        partial = route.partial or (caller is not None and caller.relays.partial)
        self.relays: Relays = Relays(bounds_of(self.app.config), partial=partial)
        self.last_error: Exception | None = None
        self.callbacks: list[Callback] = [] if caller is None else [*caller.callbacks]
        self.callbacks_of_run: list[Callback] | None = None
        self.response_reads_relayed = False
        self.cross_site: bool = route.cross_site if previous is None else previous.cross_site
        self.no_js: NoJs | None = route.no_js if caller is None else caller.no_js or route.no_js

    @property
    def is_outermost(self) -> bool:
        return self._caller is None

    @property
    def _outermost(self) -> Call:
        return self if self._caller is None else self._caller._outermost

    def __enter__(self) -> Self:
        self._entered = True
        self._token = current_relays.set(self.relays)
        self.state.call, self.state.called_streaming_view = self, True
        return self

    def __exit__(self, *_: object) -> None:
        self._entered = False
        current_relays.reset(self._token)
        if self._caller is not None:
            self.state.call = self._caller
            self._caller.last_error = self.last_error
            if self.callbacks_of_run is not None:
                self._caller.callbacks_of_run = self.callbacks_of_run
            return
        self.last_error = None  # whose traceback leads back to here
        if self._slot is not None:
            self._slot.release()  # what the view gave was no stream
        self._leave()

    def add(self, callback: Callback) -> None:
        """Have the run that comes of it, or has come of it, call this as it ends."""
        self.callbacks.append(callback)
        if self.callbacks_of_run is not None and self.callbacks_of_run is not self.callbacks:
            self.callbacks_of_run.append(callback)

    def reserve(self) -> None:
        """Have a place among the process's streams, if there is none yet.

        :raises StreamFailed: all are taken.
        """
        outermost = self._outermost
        if outermost._slot is None:
            most = self.app.config["STREAM_MAX_CONCURRENT"]
            outermost._slot = limits.take(self.request.environ, most)

    def hand_over(self, run: Run, delivery: Delivery) -> None:
        """The run has opened: what was kept for it is its own now, until its response is over."""
        outermost = self._outermost
        self.callbacks_of_run = self.callbacks
        outermost._runs += 1
        run.at_end.append(outermost._run_is_over)
        self.lend(delivery)

    def lend(self, delivery: Delivery) -> None:
        """Its place among the process's streams is the delivery's now, until that is over."""
        outermost = self._outermost
        slot, outermost._slot = outermost._slot, None
        if slot is not None:
            delivery.at_end.append(slot.release)

    def _run_is_over(self) -> None:
        self._runs -= 1
        if not self._entered:
            self._leave()

    def _leave(self) -> None:
        """The call is over, unless a run of it goes on, whose generator may register callbacks.

        Until then it keeps its request, and the request keeps it.
        """
        if not self._runs and self.state.call is self:
            self.state.call = self._previous


def current_call() -> Call | None:
    """The call that is under way, or whose run is."""
    return this_request().call if request else None


def bounds_of(config: Mapping[str, Any]) -> Bounds:
    """What a provider's streams are held to in an app with this configuration."""
    return Bounds(config["STREAM_MAX_EVENT_BYTES"], config["STREAM_MAX_CHARACTERS"])
