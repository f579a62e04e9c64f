"""A run whose time is up when a test says so, however busy the machine is."""

from __future__ import annotations

from itertools import count

from flask_stream import watch
from flask_stream.run import Run
from tests.provider import Exchange
from tests.servers.running import until
from tests.stalling import Stalling

LONG = 3600.0  # seconds, for `max_seconds`


def the_run() -> Run:
    """The one that there is."""
    (run,) = watch.watcher()._runs
    return run


def time_is_up() -> None:
    """The run's `max_seconds`, LONG, have passed, and its watcher has seen it."""
    run = the_run()
    run.began -= LONG
    until(lambda: run.ending, "its time was not up")


class Overdue(Stalling):
    """Says one word, and is silent; the run's time is up once it has passed that on."""

    def __init__(self, wire: str = "anthropic") -> None:
        super().__init__(wire)
        self._requests = count()

    def wait(self, exchange: Exchange) -> None:
        if next(self._requests) == 0:
            run = the_run()
            until(lambda: run.result.text, "the word was not passed on")
            time_is_up()
        super().wait(exchange)
