"""The one watcher of a worker process: heartbeats, clients gone, deadlines, shutdown.

An attached run is read by its request's own thread. While that thread waits for the
provider it can do nothing else, so one thread looks after all of the process, ten times a
second: after runs (how long they take, and their providers), and apart from that after
deliveries (whether their client is there, and when it last heard of us). It writes only where
nobody else does, under the delivery's lock, which it takes without blocking: nothing stands
between a token and the socket.
"""

from __future__ import annotations

import math
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from .delivery import Delivery
from .errors import SAFE_MESSAGES, ProviderError, RunError
from .run import ClientLeft, Run
from .server import Environ, new_poll, serves_one_at_a_time, worker_of
from .told import logger

_TICK = 0.1  # seconds

# How long the watcher stays when there is nothing to watch, so that a stream now and then
# does not start a thread each; in ticks.
_IDLE_TICKS = 10

# Requests that are one stream too many may come by the thousand: each process tells their number
# once in so many seconds.
_BETWEEN_REFUSALS = 60.0

# How long a run that is to end may still be in one write before its client is hung up on, in
# seconds: less than what is left between a shutdown's deadline and the worker's end.
_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """What the watcher holds a run to, in seconds. From the configuration and the route.

    :ivar max: of the whole run; None for no limit.
    :ivar shutdown: from when the worker stops taking requests; None: as long as gunicorn
        gives it, less what it takes to say good-bye.
    """

    heartbeat: float
    idle: float
    max: float | None
    shutdown: float | None


@dataclass(slots=True, eq=False)
class _Watched:
    delivery: Delivery
    timing: Timing
    beaten_at: float = 0.0
    ended_at: float | None = None  # when the run's `ending` was first seen

    @property
    def run(self) -> Run:
        return self.delivery.run


class Watcher:
    """Looks after the runs of one process.

    :ivar attended: how many streams there are: runs, and views that may give one.
    """

    def __init__(self) -> None:
        # Both from the module as it is now: gevent may have put its own in their place.
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._watched: set[_Watched] = set()
        self._worker: Any = None
        self._must_notify = False
        self._stopping_since: float | None = None
        self._refused, self._most = 0, 0  # streams, since that was told; and what their limit was
        self._refused_at = -math.inf  # when it was told
        self.attended = 0

    def attend(self, environ: Environ, most: int | None) -> bool:
        """A stream is on its way: its view is about to be called. Until `dismiss`.

        A worker that is told to stop meanwhile gives all its requests the same time.

        :returns: False, and nothing is done, where there are `most` streams already.
        """
        with self._lock:
            if most is not None and self.attended >= most:
                self._refused, self._most = self._refused + 1, most
                return False
            self._worker = worker_of(environ) or self._worker
            self._start()
            self.attended += 1
        return True

    def dismiss(self) -> None:
        with self._lock:
            self.attended -= 1

    def watch(self, delivery: Delivery, environ: Environ, timing: Timing) -> None:
        """Look after a run until it is over. Called by its own thread, before its view is."""
        watched = _Watched(delivery, timing)
        delivery.run.at_end.append(lambda: self._leave(watched))
        with self._lock:
            self._worker = worker_of(environ) or self._worker
            self._must_notify = serves_one_at_a_time(environ)
            self._watched.add(watched)
            self._start()

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(
                target=self._look_after_all, name="flask-stream-watcher", daemon=True
            )
            thread.start()
            self._thread = thread

    def _leave(self, watched: _Watched) -> None:
        with self._lock:
            self._watched.discard(watched)

    def _look_after_all(self) -> None:
        idle = 0
        # Not time.sleep, which people's tests replace.
        clock = threading.Event()
        while True:
            clock.wait(_TICK)
            with self._lock:
                all_watched = list(self._watched)
                busy = all_watched or self.attended or self._refused
                idle = 0 if busy else idle + 1
                if idle >= _IDLE_TICKS:
                    self._thread = None
                    return
            try:
                self._tick(all_watched)
            except Exception:  # the next tick may go better, and without it nobody is watched
                logger.exception("Flask-Stream's watcher failed")

    def _tick(self, all_watched: list[_Watched]) -> None:
        now = time.monotonic()
        self._tell_refused(now)
        if self._worker is not None and not self._worker.alive and self._stopping_since is None:
            # Not «at once»: the request that trips max_requests finds it so from its start.
            self._stopping_since = now
        hinted = _hints(all_watched)
        for watched in all_watched:
            try:
                self._look_after(watched, now, watched in hinted)
            except Exception:
                logger.exception("Run %s: watching it failed", watched.run.id)
        if self._must_notify and any(_may_take_long(watched.run) for watched in all_watched):
            self._worker.notify()

    def _tell_refused(self, now: float) -> None:
        if not self._refused or now - self._refused_at < _BETWEEN_REFUSALS:
            return
        with self._lock:
            refused, self._refused = self._refused, 0
        self._refused_at = now
        logger.warning(
            "Streams refused with 503: %d. This process carries %d at once "
            "(STREAM_MAX_CONCURRENT). More threads or more workers carry more.",
            refused,
            self._most,
        )

    def _look_after(self, watched: _Watched, now: float, hinted: bool) -> None:
        self._look_after_run(watched.run, watched.timing, now)
        self._look_after_delivery(watched, now, hinted)

    def _look_after_run(self, run: Run, timing: Timing, now: float) -> None:
        """Have it end where it is time, and wake what it reads."""
        ending = run.ending or self._deadline_passed(run, timing, now)
        if ending is not None and not run.over:
            run.end(ending)
        for source in run.relays.sources:
            if source.due is not None and now >= source.due:
                source.cancel()  # the rest of its body takes too long
            elif source.asked_at is not None and now - source.asked_at >= timing.idle:
                source.cancel(_silent(timing.idle))

    def _look_after_delivery(self, watched: _Watched, now: float, hinted: bool) -> None:
        """See whether its client is there, and have that know that we are."""
        delivery, run = watched.delivery, watched.run
        if not delivery.lock.acquire(blocking=False):
            self._hang_up_if_stuck(watched, now)
            return
        try:
            if run.over or isinstance(run.ending, ClientLeft):
                return
            if hinted and run.ending is None and delivery.connection.has_left():
                run.end(ClientLeft())
            else:
                self._beat(watched, now)
        except OSError:  # of a write: the connection is lost
            run.end(ClientLeft())
        finally:
            delivery.lock.release()

    def _beat(self, watched: _Watched, now: float) -> None:
        """Send a comment, if it is time. Under the delivery's lock."""
        delivery = watched.delivery
        beat = delivery.connection.beat
        due = max(delivery.sent_at or now, watched.beaten_at) + delivery.heartbeat
        if now >= due and beat is not None and delivery.connection.can_take():
            beat()
            # By the clock, so that comments do not drift, but never to catch up.
            watched.beaten_at = max(due, now - delivery.heartbeat)

    def _deadline_passed(self, run: Run, timing: Timing, now: float) -> RunError | None:
        if timing.max is not None and now - run.began >= timing.max:
            detail = f"it took more than {timing.max:g} s (STREAM_MAX_SECONDS, max_seconds=)"
            message = "The answer took too long."
            return RunError(message, error_code="timeout", retryable=True, detail=detail)
        if self._stopping_since is not None:
            seconds = timing.shutdown
            if seconds is None:
                graceful = float(self._worker.cfg.graceful_timeout)
                seconds = max(graceful - 2, graceful / 2)
            if now - self._stopping_since >= seconds:
                detail = f"the worker stops, and {seconds:g} s have passed since"
                message = SAFE_MESSAGES["shutdown"]
                return RunError(message, error_code="shutdown", retryable=True, detail=detail)
        return None

    def _hang_up_if_stuck(self, watched: _Watched, now: float) -> None:
        if watched.run.ending is None:
            return
        if watched.ended_at is None:
            watched.ended_at = now
        if now - watched.ended_at >= _GRACE:
            with self._lock:  # under which runs leave, so that the connection is still this run's
                if watched in self._watched and watched.delivery.sent_at is None:
                    watched.delivery.connection.hang_up()


def _may_take_long(run: Run) -> bool:
    """Whether it is a stream's time that passes, and not that of a view which may be stuck."""
    reads = run.opened or any(not source.closed for source in run.relays.sources)
    return run.ending is None and reads


def _silent(seconds: float) -> ProviderError:
    detail = f"the provider sent no event for {seconds:g} s (STREAM_IDLE_SECONDS, idle_seconds=)"
    return ProviderError("timeout", detail=detail)


def _hints(all_watched: list[_Watched]) -> set[_Watched]:
    """Whose client may have left, asked for all at once.

    A hint only: what a descriptor stands for may have changed by the time it is read.
    """
    poll = new_poll()
    if poll is None:
        return set()
    by_fileno: dict[int, list[_Watched]] = {}
    signs: dict[int, int] = {}  # a view that calls another one has its connection, too
    for watched in all_watched:
        connection = watched.delivery.connection
        fileno = connection.fileno
        if fileno >= 0:
            by_fileno.setdefault(fileno, []).append(watched)
            signs[fileno] = signs.get(fileno, 0) | connection.signs
    for fileno, wanted in signs.items():
        poll.register(fileno, wanted)
    return {watched for fileno, _ in poll.poll(0) for watched in by_fileno[fileno]}


_watchers: dict[int, Watcher] = {}


def watcher() -> Watcher:
    """This process's: a fork's child has none of its parent's threads, and needs its own."""
    pid = os.getpid()
    if pid not in _watchers:
        _watchers.setdefault(pid, Watcher())
    return _watchers[pid]
