"""`LogReader`: one thread a process, which reads what is followed here and produced elsewhere.

It also ends what nobody produces any more, see `dying`: a run whose lease has run out, since its
worker is dead, is `failed: interrupted`, for all who follow it and once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from .. import advice
from ..events import TERMINAL
from ..giving_way import give_way
from ..logs.log import BrokenRun, Log, LogError
from ..told import logger
from .dying import LOOKS, Deaths
from .feed import Feed, Piece
from .stored import from_bytes

_AT_ONCE = 262_144  # bytes read of a run


class LogReader:
    """Reads one log.

    :param lease: seconds for which a run is claimed that is ended here.
    :ivar at_rest: called once nothing is read any more.
    """

    def __init__(self, log: Log, lease: float) -> None:
        self.at_rest: Callable[[], None] = lambda: None
        self._log = log
        self._deaths = Deaths(log, lease)
        self._looks = min(LOOKS, lease / 4)
        # Looked up now: gevent may have put its own in its place since this was imported.
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._feeds: dict[str, Feed] = {}
        self._waited_for: set[str] = set()
        self._look_at = 0.0  # the monotonic clock's time of the next look

    def counts(self) -> Mapping[str, int]:
        """Of each run that is followed in this process, by how many."""
        with self._lock:
            return {id: feed.followers for id, feed in self._feeds.items() if feed.followers}

    def local(self, id: str) -> Feed:
        """The feed of one that is produced here, until `elsewhere`: who follows has it at once."""
        with self._lock:  # somebody may follow it already, who has asked for the same
            feed = self._feed(id, 0)
            feed.is_local = True
            return feed

    def is_local(self, id: str) -> bool:
        """Whether it is produced here."""
        with self._lock:
            feed = self._feeds.get(id)
            return feed is not None and feed.is_local

    def elsewhere(self, feed: Feed) -> None:
        """It was produced here, and is no more."""
        with self._lock:
            feed.is_local = False
            self._forget(feed)
            is_news = self._start()
        if is_news:
            self._log.wake()

    def enter(self, id: str, last: int) -> Feed:
        """Its feed, for one more who follows it.

        :param last: the number of an event that is in the log.
        """
        with self._lock:
            feed = self._feed(id, last)
            feed.followers += 1
            try:
                is_news = self._start()
            except BaseException:
                feed.followers -= 1
                self._forget(feed)
                raise
        if is_news:  # outside of the lock: a log may make who asks it wait
            self._log.wake()
        return feed

    def _feed(self, id: str, last: int) -> Feed:
        feed = self._feeds.get(id)
        if feed is None or feed.is_gone:  # the log may be there again, however slow its last reader
            feed = self._feeds[id] = Feed(id, last)
        return feed

    def leave(self, feed: Feed) -> None:
        """One who followed it does so no more."""
        with self._lock:
            feed.followers -= 1
            self._forget(feed)

    def _forget(self, feed: Feed) -> None:
        if not feed.followers and not feed.is_local and self._feeds.get(feed.id) is feed:
            del self._feeds[feed.id]

    def _start(self) -> bool:
        """See that the thread reads all that it has to; whether it is to be woken for that."""
        remote = {feed.id for feed in self._remote()}
        if remote and self._thread is None:
            thread = threading.Thread(target=self._work, name="flask-stream-reader", daemon=True)
            thread.start()
            self._thread = thread
            return False
        return not remote <= self._waited_for

    def _remote(self) -> list[Feed]:
        return [feed for feed in self._feeds.values() if not feed.is_local and not feed.over]

    def _work(self) -> None:
        while True:
            with self._lock:
                feeds = {feed.id: feed for feed in self._remote()}
                self._waited_for = set(feeds)
                if not feeds:
                    self._thread = None
                    break
            try:
                lasts = {id: feed.last for id, feed in feeds.items()}
                more = self._log.wait(lasts, max(0.0, self._look_at - time.monotonic()))
                for id in more:
                    self._read(feeds[id])
                now = time.monotonic()
                if now >= self._look_at:
                    self._look_at = now + self._looks
                    self._look_after(feeds.values())
            except Exception as error:
                if isinstance(error, LogError):
                    advice.of_log(error)
                else:
                    logger.exception("Flask-Stream's reader failed")
                for feed in feeds.values():  # who follows it asks anew, perhaps another worker
                    feed.lose()
        self.at_rest()

    def _read(self, feed: Feed) -> None:
        """What has come to the log."""
        try:
            pieces = pieces_after(self._log, feed.id, feed.last)
        except BrokenRun:
            feed.lose()  # who follows it asks anew, and is told
            return
        for piece in pieces:
            feed.note_in_log(piece.last)
            feed.add(piece, over=isinstance(piece.events[-1], TERMINAL))
        if not pieces and self._log.state(feed.id) is None:
            feed.lose()

    def _look_after(self, feeds: Iterable[Feed]) -> None:
        states = self._log.states([feed.id for feed in feeds if not feed.over])
        for feed in feeds:
            if feed.over or feed.is_local:
                continue
            state = states.get(feed.id)
            if state is None:
                feed.lose()
            elif state.ended and state.last <= feed.last:
                feed.lose()  # its producer has told more than it could write
            elif not state.ended:
                self._deaths.look_at(state)


def pieces_after(log: Log, id: str, after: int) -> list[Piece]:
    """Some of a run, behind event number `after`.

    :raises BrokenRun: one is missing before one of them, or is none of ours.
    """
    pieces = []
    for row in log.read(id, after, _AT_ONCE):
        give_way()
        if row.last - row.count > after:
            raise BrokenRun(f"Run {id}: what was written behind its event {after} is not there.")
        try:
            events = tuple(from_bytes(row.data, row.last))
        except (TypeError, ValueError) as error:
            raise BrokenRun(f"Run {id}: its row {row.last} cannot be read: {error}.") from error
        pieces.append(Piece(row.last, row.count, events, len(row.data)))
        after = row.last
    return pieces
