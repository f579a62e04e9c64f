"""Routes whose runs outlive their request: a producer goes on with each, and runs follow."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from flask import Response

from .asker import watched_asker
from .beginning import Beginning
from .call import Call
from .carried import Carried
from .follow import delivery_of, first_follower, followed_once, response_of
from .formats import AnyFormat
from .limits import take_run
from .once import keep_body, once_of
from .owned import OwnedRuns
from .prepared import prepared_run
from .providers.under_way import outside_run
from .response import passed_on
from .result import Result
from .returned import Opening, batches_of
from .route import Route
from .run import Calling, Run


def resumable(
    view: Callable[[], Any],
    key: str | None,
    runs: OwnedRuns,
    call: Call,
    route: Route,
    format: AnyFormat,
    began: float,
) -> Any:
    """The response for a route's view; or for the run that has answered the same request already.

    :param view: the view, with its arguments.
    :param key: the app's own name for the run.
    :raises Exception: as of a view whose run ends with its request; and what the log raises.
    """
    if call.state.beginning is not None:  # another resumable view calls this one: it is its run
        return _begun(view, call.state.beginning, runs, call, route, format, began)
    keep_body(call.request)
    owner, once = runs.owner(), once_of(call.request)
    linger = route.linger_of(call.app.config)
    with Beginning(runs.keeper, owner, linger=linger, key=key, once=once) as beginning:
        # Before the view is called: what cannot be kept is not asked for, and paid.
        while (answered := beginning.claim()) is not None:
            response = followed_once(runs.keeper, answered, call, format)
            if response is not None:
                return response
        beginning.place = take_run(call.app.config["STREAM_MAX_RUNS"])
        call.state.beginning = beginning
        try:
            answer = _begun(view, beginning, runs, call, route, format, began)
        finally:
            call.state.beginning = None
        if not beginning.has_begun:  # neither by this view nor by one that it has called
            beginning.give_up()
        return answer


def _begun(
    view: Callable[[], Any],
    beginning: Beginning,
    runs: OwnedRuns,
    call: Call,
    route: Route,
    format: AnyFormat,
    began: float,
) -> Any:
    timing = route.timing(call.app.config)
    outer = call.state.outer or Context()
    calling = _in_fresh_context(call, outer)
    with prepared_run(call, timing, began, id=beginning.id, calling=calling) as run:
        value = view()
        batches = batches_of(value)
        if batches is None:
            return passed_on(value, call, run)
        asker = watched_asker(run.id, call, format)
        try:
            beginning.expect(run, lambda: not asker.is_over)
            run.open(batches)
            beginning.opened_within(*_context_of(batches, call, outer))
            return _first_response(beginning, run, runs, call, format, timing.idle)
        finally:
            asker.close()  # not before it follows: somebody waits for the run all the time


def _context_of(
    batches: object, call: Call, outer: Context
) -> tuple[Callable[[Callable[[], None]], None], Carried | None]:
    """What calls the production in the context that it needs; and that, where it is kept for it."""
    if not isinstance(batches, Opening):  # a provider's stream: no code of the app's goes on
        return outer.copy().run, None
    if call.state.outer is None:  # no server has called the app: whoever made the context ends it
        return copy_context().run, None
    carried = call.state.carried = Carried()
    return carried.run, carried


def _first_response(
    beginning: Beginning, run: Run, runs: OwnedRuns, call: Call, format: AnyFormat, idle: float
) -> Response:
    follower = first_follower(runs.keeper, beginning, sums=format.is_complete)
    delivery = delivery_of(follower, call, format)
    # Not before its body is asked for, when this thread needs the request's context no more.
    delivery.at_end.append(beginning.give_up)
    call.hand_over(run, delivery)

    def result() -> Result:
        return run.result if run.result.outcome else follower.result

    return response_of(delivery, format, call, result, idle)


def _in_fresh_context(call: Call, outer: Context) -> Calling:
    """Calls the app's callbacks in an app context of their own, as no request is under way."""
    app = call.app

    def calling(function: Callable[[Result], object], result: Result) -> object:
        def called() -> object:
            with app.app_context():
                return outside_run(function, result)

        return outer.copy().run(called)

    return calling
