"""The one watcher of a worker process: deadlines, shutdown, heartbeats, clients gone.

An attached run is read by its request's own thread. While that thread waits for the
provider it can do nothing else, so one thread looks after all of the process, ten times a
second: after runs (how long they take, and their providers), and apart from that after
deliveries (whether their client is there, and when it last heard of us). It writes only where
nobody else does, under the delivery's lock, which it takes without blocking: nothing stands
between a token and the socket.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from . import texts
from .delivery import Delivery
from .errors import SAFE_MESSAGES, ProviderError, RunError
from .limits import places, run_places, tell_refused
from .process import of_this_process
from .run import ClientLeft, Run
from .server import Environ, new_poll, serves_one_at_a_time, worker_of
from .told import logger

_TICK = 0.1  # seconds

# How long the watcher stays when there is nothing to watch, so that a stream now and then
# does not start a thread each; in ticks.
_IDLE_TICKS = 10


@dataclass(frozen=True, slots=True)
class Timing:
    """What a run is held to, in seconds. From the configuration and the route.

    :ivar max: of the whole run; None for no limit.
    :ivar shutdown: from when the worker stops taking requests; None: as long as gunicorn
        gives it, less what it takes to say good-bye.
    """

    idle: float
    max: float | None
    shutdown: float | None


class Watcher:
    """Looks after the runs, and the deliveries, of one process."""

    def __init__(self) -> None:
        # Both from the module as it is now: gevent may have put its own in their place.
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._runs: dict[Run, Timing] = {}
        self._deliveries: set[Delivery] = set()
        self._worker: Any = None
        self._must_notify = False
        self._stopping_since: float | None = None

    def watch_run(self, run: Run, timing: Timing) -> None:
        """Look after a run until it is over."""
        with self._lock:
            self._start()  # which may fail: then there is nothing to look after
            self._runs[run] = timing
        run.at_end.append(lambda: self._leave(run))

    def watch_delivery(self, delivery: Delivery, environ: Environ) -> None:
        """Look after a delivery until nothing of it is sent any more.

        :param environ: of its request, by whose thread this is called.
        """
        with self._lock:
            self._start()  # which may fail: then there is nothing to look after
            self._worker = worker_of(environ) or self._worker
            self._must_notify = serves_one_at_a_time(environ)
            self._deliveries.add(delivery)
        delivery.at_end.append(lambda: self._leave(delivery))

    @property
    def _is_idle(self) -> bool:
        """There is nothing to look after."""
        return not (self._runs or self._deliveries or places().untold or run_places().untold)

    @property
    def _is_stopping(self) -> bool:
        if self._worker is not None:
            return not self._worker.alive
        # Of other servers: the process ends once its runs have, which are in threads of their own.
        return not threading.main_thread().is_alive()

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(
                target=self._look_after_all, name="flask-stream-watcher", daemon=True
            )
            thread.start()
            self._thread = thread

    def _leave(self, watched: Run | Delivery) -> None:
        with self._lock:
            if isinstance(watched, Run):
                self._runs.pop(watched, None)
            else:
                self._deliveries.discard(watched)

    def _look_after_all(self) -> None:
        idle = 0
        # Not time.sleep, which people's tests replace.
        clock = threading.Event()
        while True:
            clock.wait(_TICK)
            with self._lock:
                idle = idle + 1 if self._is_idle else 0
                if idle >= _IDLE_TICKS:
                    self._thread = None
                    return
            try:
                self._tick()
            except Exception:  # the next tick may go better, and without it nobody is watched
                logger.exception("Flask-Stream's watcher failed")

    def _tick(self) -> None:
        with self._lock:
            runs, deliveries = list(self._runs.items()), list(self._deliveries)
        now = time.monotonic()
        tell_refused(now)
        if self._stopping_since is None and self._is_stopping:
            # Not «at once»: the request that trips max_requests finds it so from its start.
            self._stopping_since = now
        for run, timing in runs:
            try:
                self._look_after_run(run, timing, now)
            except Exception:
                logger.exception("Run %s: watching it failed", run.id)
        hinted = _hints(deliveries)
        for delivery in deliveries:
            try:
                self._look_after_delivery(delivery, now, delivery in hinted)
            except Exception:
                logger.exception("Run %s: watching its client failed", delivery.answer.id)
        if self._must_notify and _may_take_long([run for run, _ in runs], deliveries):
            self._worker.notify()

    def _look_after_run(self, run: Run, timing: Timing, now: float) -> None:
        """Have it end where it is time, and wake what it reads."""
        ending = run.ending or self._deadline_passed(run, timing, now)
        if ending is not None and not run.over:
            run.end(ending)
        for source in run.relays.sources:
            due, asked_at = source.due, source.asked_at  # which its reader may set meanwhile
            if due is not None and now >= due:
                source.cancel()  # the rest of its body takes too long
            elif asked_at is not None and now - asked_at >= timing.idle:
                source.cancel(_silent(timing.idle))

    def _deadline_passed(self, run: Run, timing: Timing, now: float) -> RunError | None:
        if timing.max is not None and now - run.began >= timing.max:
            detail = f"it took more than {timing.max:g} s (STREAM_MAX_SECONDS, max_seconds=)"
            told = texts.TOOK_TOO_LONG
            return RunError(told, error_code="timeout", retryable=True, detail=detail)
        if self._stopping_since is not None:
            seconds = timing.shutdown
            if seconds is None and self._worker is None:
                seconds = 0.0
            elif seconds is None:
                graceful = float(self._worker.cfg.graceful_timeout)
                seconds = max(graceful - 2, graceful / 2)
            if now - self._stopping_since >= seconds:
                detail = f"the worker stops, and {seconds:g} s have passed since"
                message = SAFE_MESSAGES["shutdown"]
                return RunError(message, error_code="shutdown", retryable=True, detail=detail)
        return None

    def _look_after_delivery(self, delivery: Delivery, now: float, hinted: bool) -> None:
        """See whether its client is there, and have that know that we are."""
        if not delivery.lock.acquire(blocking=False):
            if delivery.is_stuck(now):
                self._hang_up(delivery)
            return
        try:
            if delivery.is_over or (hinted and delivery.end_if_client_left()):
                return
            if self._stopping_since is not None and delivery.answer.is_elsewhere:
                delivery.answer.end(ClientLeft())  # its client asks another worker
                return
            delivery.beat(now)
        except OSError:  # of a write: the connection is lost
            delivery.answer.end(ClientLeft())
        finally:
            delivery.lock.release()

    def _hang_up(self, delivery: Delivery) -> None:
        with self._lock:  # under which it leaves, so that the connection is still its own
            if delivery in self._deliveries:
                delivery.hang_up()


def _may_take_long(runs: list[Run], deliveries: list[Delivery]) -> bool:
    """Whether it is a stream's time that passes in the one thread that answers requests.

    And not that of a view which may be stuck, or of a run that a thread of its own produces.
    """
    answers = [delivery.answer for delivery in deliveries]
    for run in runs:
        reads = any(not source.closed for source in run.relays.sources)
        if run.ending is None and (run in answers if run.opened else reads):
            return True
    return any(delivery.has_begun and delivery.answer not in runs for delivery in deliveries)


def _silent(seconds: float) -> ProviderError:
    detail = f"the provider sent no event for {seconds:g} s (STREAM_IDLE_SECONDS, idle_seconds=)"
    return ProviderError("timeout", detail=detail)


def _hints(deliveries: list[Delivery]) -> set[Delivery]:
    """Whose client may have left, asked for all at once.

    A hint only: what a descriptor stands for may have changed by the time it is read.
    """
    poll = new_poll()
    if poll is None:
        return set()
    by_fileno: dict[int, list[Delivery]] = {}
    signs: dict[int, int] = {}  # a view that calls another one has its connection, too
    for delivery in deliveries:
        connection = delivery.connection
        fileno = connection.fileno
        if fileno >= 0:
            by_fileno.setdefault(fileno, []).append(delivery)
            signs[fileno] = signs.get(fileno, 0) | connection.signs
    for fileno, wanted in signs.items():
        poll.register(fileno, wanted)
    return {delivery for fileno, _ in poll.poll(0) for delivery in by_fileno[fileno]}


_watchers: dict[int, Watcher] = {}


def watcher() -> Watcher:
    """This process's: a fork's child has none of its parent's threads, and needs its own."""
    return of_this_process(_watchers, Watcher)
