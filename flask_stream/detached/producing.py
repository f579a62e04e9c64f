"""`Producer`: reads a run, and writes it into a log, for whoever follows it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from .. import texts
from ..batches import Batch
from ..errors import SAFE_MESSAGES, FlaskStreamError, RunError
from ..events import TERMINAL, Failed, Start
from ..logs.log import Claim, Fenced, Row, State
from ..run import ClientLeft, Run, Stopped
from ..told import logger
from .feed import Piece
from .reading import LogReader
from .stored import to_bytes
from .writing import LogWriter

_MOST_BYTES = 64 * 1024 * 1024  # of one run in the log


class _LogIsFull(RunError):
    """A run takes more room in the log than one may."""

    def __init__(self) -> None:
        super().__init__(
            SAFE_MESSAGES["too_long"],
            error_code="too_long",
            retryable=False,
            detail=f"it takes more than {_MOST_BYTES} bytes in the log",
        )


class Producer:
    """Has the claim of a run, and produces it once there is one.

    :param linger: seconds that a run goes on which nobody reads; None: to its end.
    :ivar feed: for those who follow it in this process.
    """

    def __init__(
        self, claim: Claim, writer: LogWriter, reader: LogReader, linger: float | None
    ) -> None:
        self.claim = claim
        self.feed = reader.local(claim.id)
        self._writer = writer
        self._reader = reader
        self._linger = linger
        self._read_at = time.monotonic()
        self._run: Run | None = None
        self._last = self._size = 0
        self._lost: FlaskStreamError | None = None
        self._is_stopped = False
        self._is_awaited: Callable[[], bool] = lambda: False
        # Looked up now: gevent may have put its own in its place since this was imported.
        self._is_settled = threading.Event()  # its end is in the log, or will never be
        try:
            writer.keep(self)
        except BaseException:
            self.feed.lose()
            reader.elsewhere(self.feed)
            raise

    def expect(self, run: Run, is_awaited: Callable[[], bool]) -> None:
        """A run is about to open, and may be ended from now on.

        :param is_awaited: whether who has asked for it, and follows it only then, is still there.
        """
        self._is_awaited = is_awaited
        self._attach(run)

    def start(self, run: Run, within: Callable[[Callable[[], None]], None]) -> None:
        """Produce a run that has opened, in a thread of its own.

        :param within: calls the production, in that thread: in the context that it needs.
        """
        # No daemon: a worker that stops gives its runs their time, and does not exit before.
        thread = threading.Thread(
            target=within,
            args=(lambda: self.produce(run),),
            name=f"flask-stream-run-{self.claim.id[:8]}",
            daemon=False,
        )
        self._attach(run)
        thread.start()

    def produce(self, run: Run) -> None:
        """Read it to its end, and write that."""
        self._attach(run)
        batches = run.batches()
        try:
            batch = next(batches, None)
            while batch is not None:
                error = self._tell(batch)
                batch = next(batches, None) if error is None else batches.throw(error)
        except ClientLeft:
            self._tell_end(Failed("interrupted", texts.NOBODY_READ, retryable=True))
        except Exception:
            logger.exception("Run %s: producing it failed", self.claim.id)
            self._tell_end(Failed("internal", SAFE_MESSAGES["internal"]))
        except BaseException:  # Ctrl-C, where the app publishes: its readers wait for no lease
            self._tell_end(Failed("interrupted", SAFE_MESSAGES["interrupted"], retryable=True))
            raise
        finally:
            batches.close()
            self._writer.drop(self)
            self._reader.elsewhere(self.feed)

    def _attach(self, run: Run) -> None:
        self._run, self._read_at = run, time.monotonic()
        if self._lost is not None:
            run.end(_why(self._lost))
        elif self._is_stopped:  # while its view was at work
            run.end(Stopped())

    def _tell_end(self, end: Failed) -> None:
        self._tell([end] if self._last else [Start(self.claim.id), end])

    def _tell(self, batch: Batch) -> Exception | None:
        """Have all be told of it; or what kept us from that."""
        try:
            data = to_bytes(batch, self._last + len(batch))
        except Exception as error:  # of an app's own event, changed since it was made
            return error
        is_end = isinstance(batch[-1], TERMINAL)
        if self._size + len(data) > _MOST_BYTES and not is_end:
            return _LogIsFull()
        self._size += len(data)
        self._last += len(batch)
        row = Row(self._last, len(batch), data)
        piece = Piece(row.last, row.count, tuple(batch), len(data))
        if not is_end and self._lost is None:  # words first: the log has them a moment later
            self.feed.add(piece)
        if self._lost is None:
            self._writer.add(self, row, ends=is_end)
        if is_end:  # in the log before anybody sees it
            if self._lost is None:
                self._is_settled.wait()
            if self._lost is not None:  # so that nobody takes for saved what is not
                end = Failed("internal", SAFE_MESSAGES["internal"], retryable=True)
                piece = replace(piece, events=(*batch[:-1], end))
            if not isinstance(self._lost, Fenced):  # whoever has taken it over ends it
                self.feed.add(piece, over=True)
        return None

    # -- for the writer's thread ------------------------------------------------------------

    def written(self, last: int, *, ends: bool) -> None:
        self.feed.note_in_log(last)
        if ends:
            self._is_settled.set()

    def lost(self, error: FlaskStreamError) -> None:
        self._lost = error
        self._is_settled.set()
        if self._run is not None:
            self._run.end(_why(error))
        if isinstance(error, Fenced):  # its followers need not wait until its source notices
            self._reader.elsewhere(self.feed)

    def told(self, state: State) -> None:
        self._is_stopped = self._is_stopped or state.stopping
        run, now = self._run, time.monotonic()
        if run is None:
            return
        if self._is_stopped:
            run.end(Stopped())
        if state.readers or self.feed.followers or self._is_awaited():
            self._read_at = now
        elif self._linger is not None and now - self._read_at >= self._linger:
            run.end(ClientLeft())


def _why(error: FlaskStreamError) -> RunError:
    code, detail = "internal", str(error)
    if isinstance(error, Fenced):
        code = "interrupted"
        detail = "its lease had run out, so another process ended it; or the log has lost it"
    return RunError(SAFE_MESSAGES[code], error_code=code, retryable=True, detail=detail)
