"""What one request keeps for us, in one object; and in it, each call of a decorated view."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from flask import current_app, request

from . import limits
from .providers.relays import Bounds, Relays, relays
from .server import Environ

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from .result import Result
    from .run import Callback, Run

    NoJs = Callable[[Result], ResponseReturnValue]

_KEPT = "flask_stream"  # in the request's environ


class Kept:
    """What one request keeps for us, whatever it calls.

    :ivar call: the call that is under way, or whose run is.
    :ivar was_called: it has called a view that has the decorator.
    :ivar left_by: the last exception that has left the outermost call.
    :ivar is_refused: it gets no answer of its view's: an exception left that, or we refuse.
    :ivar response: the streamed response, weakly, until it is sent.
    """

    call: Call | None = None
    was_called = is_refused = False
    left_by: Exception | None = None
    response: Callable[[], Any] | None = None


def kept(environ: Environ | None = None) -> Kept:
    """This request's, or that of the request with this environ."""
    environ = request.environ if environ is None else environ
    found: Kept | None = environ.get(_KEPT)
    if found is None:
        found = environ[_KEPT] = Kept()
    return found


class Call:
    """One call of a view that has the decorator, from before it until its response is made.

    A view may call another one that has it, and hand on what that gives: the run that comes of
    it has the callbacks of both, and one place among the process's streams. What a call leaves
    that came to no run, as its view failed or refused, goes with it: an errorhandler, or the
    view that called it, may go on with another one. As context manager, while it is current.

    :ivar no_js: makes the page for a form without JavaScript: of the calls that this is inside
        of, and itself, the first one's that has one.
    :ivar cross_site: whether pages of other sites may ask: what the first view says, whose route it
        was that they asked.
    :ivar own: the callbacks that this view and those that call it have registered.
    :ivar of_run: those of the run that came of it, its own or that of a view it called.
    :ivar relayed: what the view begins to relay, before there is a run.
    :ivar hands_on: what was relayed is read by a response of the view's own.
    :ivar refused: the last exception that came out of it, as the app gets it.
    """

    def __init__(self, no_js: NoJs | None, *, cross_site: bool) -> None:
        before = current()
        caller = before if before is not None and before._entered else None
        self._entered: bool = False
        self._before = before
        self._caller = caller
        self._outermost: Call = self if caller is None else caller._outermost
        self._slot: limits.Slot | None = None  # of the outermost one
        config = current_app.config
        self.relayed = Relays(
            Bounds(config["STREAM_MAX_EVENT_BYTES"], config["STREAM_MAX_CHARACTERS"])
        )
        self.refused: Exception | None = None
        self.own: list[Callback] = [] if caller is None else [*caller.own]
        self.of_run: list[Callback] | None = None
        self.hands_on = False
        self.cross_site: bool = cross_site if before is None else before.cross_site
        self.no_js: NoJs | None = no_js if caller is None else caller.no_js or no_js

    @property
    def is_outermost(self) -> bool:
        return self._caller is None

    def __enter__(self) -> Self:
        self._entered = True
        self._token = relays.set(self.relayed)
        here = kept()
        here.call, here.was_called = self, True
        return self

    def __exit__(self, *_: object) -> None:
        self._entered = False
        relays.reset(self._token)
        if self._caller is not None:
            kept().call = self._caller
            self._caller.refused = self.refused
            if self.of_run is not None:
                self._caller.of_run = self.of_run
            return
        self.refused = None  # whose traceback leads back to here
        if self._slot is not None:
            self._slot.release()  # what the view gave was no stream
        if self.of_run is None:
            kept().call = self._before
        # Otherwise it stays: the view's generator may register callbacks while it runs.

    def add(self, callback: Callback) -> None:
        self.own.append(callback)
        if self.of_run is not None and self.of_run is not self.own:
            self.of_run.append(callback)

    def reserve(self) -> None:
        """Have a place among the process's streams, if there is none yet.

        :raises StreamFailed: all are taken.
        """
        outermost = self._outermost
        if outermost._slot is None:
            most = current_app.config["STREAM_MAX_CONCURRENT"]
            outermost._slot = limits.take(request.environ, most)

    def begun(self, run: Run) -> None:
        """The run has opened: what was kept for it is its own now."""
        self.of_run = self.own
        slot, self._outermost._slot = self._outermost._slot, None
        if slot is not None:
            run.at_end.append(slot.release)


def current() -> Call | None:
    """The call that is under way, or whose run is."""
    return kept().call if request else None
