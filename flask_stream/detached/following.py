"""`Follower`: one who reads a run that is kept in a log; an `Answer`, as a `Run` is one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from ..batches import Batch, Numbered
from ..events import TERMINAL, Done, Event, Failed, Reasoning, Refusal, Start, Text, Usage
from ..failed import failed_by
from ..logs.log import BrokenRun, Log, LogError
from ..result import Result
from ..run import ClientLeft, Ending
from ..told import logger
from .feed import Feed, Piece
from .reading import LogReader, pieces_after

_JOINED = (Text, Reasoning, Refusal)
_PUSHED = 1024  # bytes of a piece: a socket that can take more at all can take what it comes to


class Lost(ClientLeft):
    """The run can be read here no more; its client asks anew, perhaps another worker."""


class Follower:
    """Gives a run's batches from some event on, as they come.

    :param after: the number of the last event that is known; 0 for the whole of it.
    :param url: where the run can be followed and stopped, for `start`.
    :param begin: called as the first batch is asked for.
    :param sums: have `result` be what the events add up to.

    :ivar number: that of the last event that was given.
    :ivar deliver: takes a batch from another thread's, if it can at once; see `Delivery.deliver`.
    :ivar result: what is known of it by its events alone.
    """

    def __init__(
        self,
        id: str,
        log: Log,
        reader: LogReader,
        *,
        last: int,
        after: int = 0,
        url: str | None = None,
        begin: Callable[[], None] | None = None,
        sums: bool = False,
    ) -> None:
        self.id = id
        self.ending: Ending | None = None
        self.deliver: Callable[[Callable[[], Batch]], bool] | None = None
        self.result = Result(id)
        self._log = log
        self._reader = reader
        self._url = url
        self._begin = begin
        self._sums = sums
        self.number = after
        self._feed: Feed | None = (feed := reader.enter(id, last))
        # A replay is one paint: what is there already is sent together.
        self._joined_until = 0 if after else feed.last

    @property
    def over(self) -> bool:
        return self._feed is None

    @property
    def is_elsewhere(self) -> bool:
        """It is produced in another process, so that this one may end."""
        return self._feed is not None and not self._feed.is_local and not self._feed.over

    def batches(self) -> Generator[Batch, None, None]:
        """Each event has its number; the last one of all is `done` or `failed`.

        :raises ClientLeft: this reader has left.
        :raises Lost: the run is gone, or its log cannot be read.
        """
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()
        try:
            if self._feed is not None and self._feed.last <= self.number:
                yield []  # the headers: that it goes on is known before there is more
            while True:
                try:
                    batch = self._numbered(self._more())
                except BrokenRun as error:  # which no other worker can read, either
                    yield self._broken(error)
                    return
                try:
                    yield batch
                except Exception as error:  # of an event that cannot be sent to this one
                    yield [failed_by(error, debug=False)]
                    return
                if isinstance(batch[-1], TERMINAL):
                    return
        finally:
            self.close()

    def has_begun(self) -> bool:
        """Wait for its first event. False: there will be none, or this reader has left."""
        feed = self._feed
        return feed is not None and feed.more_for(self) != []

    @property
    def is_to_end(self) -> bool:
        return self.ending is not None

    def push(self, piece: Piece) -> bool:
        follows = piece.last - piece.count == self.number
        if self.deliver is None or not follows or piece.size > _PUSHED:
            return False
        before = self.number
        try:
            return self.deliver(lambda: self._numbered([piece]))
        except Exception:  # of an event that cannot be sent: its own thread tells of that
            self.number = before
            return False

    def end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
        feed = self._feed
        if feed is not None:
            feed.wake()

    def close(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            self._reader.leave(feed)

    def _more(self) -> Sequence[Piece]:
        feed = self._feed
        pieces: Sequence[Piece] | None = []
        if feed is not None:
            pieces = feed.more_for(self)
        if self.ending is not None:
            raise self.ending
        if pieces is None:
            try:
                pieces = pieces_after(self._log, self.id, self.number)
            except BrokenRun:
                raise
            except LogError as error:
                logger.warning("Run %s cannot be followed: %s", self.id, error)
                pieces = []
        if not pieces:
            raise Lost
        return pieces

    def _broken(self, error: BrokenRun) -> Batch:
        logger.error("Run %s cannot be followed: %s", self.id, error)
        end: Batch = [failed_by(error, debug=False)]
        if self._sums:
            self._sum(end)
        return end if self.number else [Start(self.id, url=self._url), *end]

    def _numbered(self, pieces: Sequence[Piece]) -> Numbered:
        """What is new of them, words that follow each other together where it is a replay."""
        events: list[Event] = []
        numbers: list[int] = []
        words: list[str] = []  # those of the last event, where it may have more
        for piece in pieces:
            first = piece.last - len(piece.events) + 1
            for number, event in enumerate(piece.events, first):
                if number <= self.number:
                    continue
                is_words = number <= self._joined_until and type(event) in _JOINED
                if is_words and words and type(events[-1]) is type(event):
                    words.append(event.text)  # type: ignore[attr-defined]
                    numbers[-1] = number
                    continue
                _join(events, words)
                words = [event.text] if is_words else []  # type: ignore[attr-defined]
                if isinstance(event, Start):
                    event = replace(event, url=self._url)
                numbers.append(number)
                events.append(event)
        _join(events, words)
        self.number = pieces[-1].last
        if self._sums:
            self._sum(events)
        return Numbered(self.id, events, numbers)

    def _sum(self, events: list[Event]) -> None:
        result, end = self.result, events[-1]
        result.add(events)
        for event in events:
            if isinstance(event, Usage):
                result.usage = event
        if isinstance(end, Failed):
            result.outcome, result.error = "failed", end
        elif isinstance(end, Done):
            result.outcome = "stopped" if end.stop_reason == "stopped" else "complete"
            result.stop_reason = end.stop_reason
            result.provider_stop_reason = end.provider_stop_reason
            result.usage = end.usage


def _join(events: list[Event], words: list[str]) -> None:
    """The last event, with all of its words."""
    if len(words) > 1:
        events[-1] = type(events[-1])("".join(words))  # type: ignore[call-arg]
