"""One run: its opening, its batches of events in order, its one terminal event, its one settling.

A run is read by one thread. What that thread cannot do while it waits, the watcher does (see
`watch`). Who the run is for is no matter of its own: see `delivery`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator

from .batches import Batch, parts
from .errors import RunError, SourceError, TooLong
from .events import Done, Event, Meta, Start, Text, Usage
from .failed import failed_run, of_provider
from .giving_way import give_way
from .providers.under_way import Relays, current_relays, outside_run
from .result import Result, utf16_length
from .signals import log_end, send, stream_finished, stream_first_text, stream_started
from .told import call_all, logger
from .unrun import unrun

Callback = Callable[[Result], object]


class ClientLeft(Exception):
    """Nobody reads the run any more."""


class Stopped(Exception):
    """Somebody who may has asked for the run's end."""


Ending = RunError | ClientLeft | Stopped
Calling = Callable[[Callable[[Result], object], Result], object]

_TOTALLED = (Meta, Usage)

# No exceptions to Python, but the app's failure here: the server would take the first for its own,
# asyncio's has left a loop of the app's or a library's that has nothing to do with the run, and
# with a task group's gunicorn would end its worker, and all other answers of that.
_ENDINGS_OF_CODE = ("GeneratorExit", "CancelledError", "BaseExceptionGroup")


def new_id() -> str:
    """That of a run: nobody can guess it."""
    return secrets.token_hex(16)


class Run:
    """One answer on its way: from before its view is called, which gives its batches.

    :param relays: the providers' streams that the view reads, and then the run.
    :param callbacks: called once, with the Result, before the terminal event leaves. The
        list may still grow while the run goes on.
    :param sender: the Flask app, for the signals.
    :param name: what the log calls it: the endpoint.
    :param began: when the view was called, on the monotonic clock.
    :param debug: whether `failed` may tell the exception's own text.
    :param calling: calls a callback, or a signal's receivers, with the Result.
    :param id: 128 random bits, unless told.
    :param submission: the question's, where its request said which.

    For the watcher, whose thread is another:

    :ivar ending: why the run is to end, at its source's next batch; see `end`.
    :ivar opened: its first batch is there; before that, its view is at work.
    :ivar relays: the providers' streams that are read.
    :ivar at_end: called when the run is over and gives nothing any more.
    """

    # As an `Answer`: it is read by the thread of its one delivery, in whose process it is.
    is_elsewhere = False
    deliver: Callable[[Callable[[], Batch]], bool] | None = None

    def __init__(
        self,
        *,
        relays: Relays,
        callbacks: list[Callback],
        sender: object,
        name: str,
        began: float,
        debug: bool,
        calling: Calling = outside_run,
        id: str | None = None,
        submission: str | None = None,
    ) -> None:
        self.id = id or new_id()
        self._submission = submission
        self.result = Result(self.id)
        self.ending: Ending | None = None
        self.relays = relays
        self.began = began
        self.at_end: list[Callable[[], None]] = []
        self.opened = self.over = False
        self._given: Iterable[Batch] = ()
        self._iterator: Iterator[Batch] | None = None
        self._first: Batch | None = None
        self._callbacks = callbacks
        self._calling = calling
        self._sender = sender
        self._name = name
        self._debug = debug
        self._usages: list[Usage] = []  # of the app's own, beside its steps'
        self._closed = self._settled = False

    def open(self, given: Iterable[Batch]) -> None:
        """Take the first of what is to be sent, so that what fails up to there is an HTTP error.

        :raises Exception: whatever the view's generator, or the provider, raises.
        :raises RunError: the run has had to end meanwhile.
        """
        self._given = given
        self.result.steps = self.relays.go_on(self.result)
        try:
            self._first = self._next_batch()
        except (ClientLeft, Stopped):
            pass  # there is a run, whose callbacks are to be told; `batches` ends it
        except BaseException:
            self.give_up(closing=True)
            raise
        self.opened = True
        send(stream_started, self._sender, self.result, self._calling)

    def give_up(self, *, closing: bool) -> None:
        """The view came to nothing that is a run.

        :param closing: let go of what the view has begun to read, as nobody else reads it.
        """
        try:
            if closing:
                self._close()
            else:
                self.relays.let_go()
        finally:
            self._call_at_end()

    def batches(self) -> Generator[Batch, None, None]:
        """The first one begins with `start`; the last ends with `done` or `failed`, the only one.

        An exception that is thrown into it, for an event that cannot be sent, ends the run.

        :raises ClientLeft: the client did, and the run is closed.
        """
        most = self.relays.bounds.characters
        try:
            if isinstance(self.ending, ClientLeft):
                raise self.ending
            start: Batch = [Start(self.id, submission=self._submission)]  # still to be told
            outcome = "complete"
            try:
                if isinstance(self.ending, Stopped):  # as it opened
                    raise self.ending
                batch, self._first = self._first, None
                while batch is not None:
                    for at, part in enumerate(parts(batch) or [batch]):  # `start` waits for none
                        if at and self.ending is not None:  # since the part before
                            raise self.ending
                        told = self._totalled(part)
                        fitting = self.result.add(told, most)
                        if fitting and self.result.first_text_seconds is None:
                            self._notice_text(fitting)
                        if fitting or start:
                            yield start + fitting if start else fitting
                            start = []  # not before: what cannot be encoded is thrown in there
                        if len(fitting) < len(told):
                            raise TooLong(most)
                    batch = self._next_batch()
            except ClientLeft:
                raise
            except Stopped:
                outcome = "stopped"
            except Exception as error:
                self._fail(of_provider(error, begun=True))
            yield [*start, self._terminal(outcome)]
            self.relays.read_rest()
        finally:
            # Reached at the end, by ClientLeft, and by GeneratorExit where a write failed.
            self.close()

    def close(self) -> None:
        """End the run if it has not ended: the client has left. May be called again.

        By the thread that reads it; `end` is for all others.
        """
        if self.ending is None and not self._settled:
            self.ending = ClientLeft()  # whoever reads on all the same is told of no good end
        try:
            self._close()
            if isinstance(self.ending, RunError) and not self._settled:
                self._fail(self.ending)  # nobody took the words, so nobody can be told
            self._settle("failed" if self.result.error else "disconnected")
        finally:
            self._call_at_end()

    def end(self, ending: Ending) -> None:
        """Have the run end, for this reason if it is the first one; from any thread.

        It notices now where its source can be woken, else at its source's next batch. May be
        called again: a source that has begun meanwhile is woken then.
        """
        if self.ending is None:
            self.ending = ending
        self.relays.stop()

    def _next_batch(self) -> Batch | None:
        """What is to be told next; None behind the last of it.

        :raises RunError, ClientLeft, Stopped: the run is to end.
        """
        batch: Batch | None = []
        give_way()  # what gives nothing, or is always ready, is never waited for
        if self.ending is None:
            token = current_relays.set(self.relays)
            try:
                if self._iterator is None:
                    self._iterator = iter(self._given)
                batch = next(self._iterator, None)
            except BaseException as error:
                is_failure = isinstance(error, Exception)
                if not is_failure and type(error).__name__ not in _ENDINGS_OF_CODE:
                    raise
                # Where the run is to end, it is whatever being woken has led to.
                if self.ending is None:
                    if not is_failure:
                        told = f"The view's generator raised {type(error).__name__}."
                        raise RuntimeError(told) from error
                    raise
            finally:
                current_relays.reset(token)
        # What has come to its own end meanwhile is whole, if all that it was made of is.
        if self.ending is not None and not (batch is None and self.relays.whole):
            raise self.ending
        return batch

    def _totalled(self, batch: Batch) -> Batch:
        """The batch as it is told: usage as the run's total, and nothing that says nothing."""
        for event in batch:
            if isinstance(event, _TOTALLED):
                return [self._total_of(event) for event in batch if not _says_nothing(event)]
        return batch

    def _total_of(self, event: Event) -> Event:
        return self._add_usage(event) if isinstance(event, Usage) else event

    def _add_usage(self, usage: Usage) -> Usage:
        """The run's total: a relay tells its step's usage, an app that of a call of its own.

        A step counts whether the app lets its event through or not.
        """
        if not any(step.usage is usage for step in self.result.steps):
            self._usages.append(usage)
        return self._total() or usage

    def _total(self) -> Usage | None:
        steps = [step.usage for step in self.result.steps if step.usage is not None]
        return Usage.total([*steps, *self._usages])

    def _notice_text(self, batch: Batch) -> None:
        if any(isinstance(event, Text) for event in batch):
            self.result.first_text_seconds = time.monotonic() - self.began
            send(stream_first_text, self._sender, self.result, self._calling)

    def _fail(self, error: Exception) -> None:
        self.result.error = failed_run(self.id, self._name, error, self._debug)

    def _terminal(self, outcome: str) -> Event:
        """What the run ends with, once everybody who asked has been told.

        :param outcome: unless it has failed.
        """
        result = self.result
        if self.ending is not None or result.error is not None:
            self._close()  # before its callbacks, as where the client leaves
        self._settle("failed" if result.error else outcome)
        if result.error is not None:
            return result.error
        return Done(
            stop_reason=result.stop_reason or "stop",
            text_length=utf16_length(result.text),
            provider_stop_reason=result.provider_stop_reason,
            usage=result.usage,
        )

    def _settle(self, outcome: str) -> None:
        """Make the result whole and tell everybody who asked; once."""
        if self._settled:
            return
        self._settled = True
        result = self.result
        result.seconds = time.monotonic() - self.began
        result.conclude(outcome, self._total())
        if outcome == "stopped":
            result.stop_reason = "stopped"
        # The list may grow while it is gone through: a callback may add another.
        for callback in self._callbacks:
            try:
                _refuse_unrun(callback, self._calling(callback, result))
            except Exception as error:
                if result.error is None:
                    self._fail(error)
                else:  # what ended the run tells the client more
                    logger.exception("Run %s: a callback failed too", self.id)
                if outcome != "disconnected":
                    result.outcome = "failed"
        send(stream_finished, self._sender, result, self._calling)
        log_end(self._name, result)

    def _close(self) -> None:
        """Close what the run reads from, innermost first; it may cost the app's own clean-up."""
        if self._closed:
            return
        self._closed = True
        self.relays.stop()  # the app's clean-up buys nothing more, and waits for nobody
        close = getattr(self._given, "close", None)
        if close is not None:
            token = current_relays.set(self.relays)
            try:
                close()
            except (Exception, GeneratorExit):  # of a relay that its clean-up reads
                logger.exception("Run %s: closing what the view returned failed", self.id)
            finally:
                current_relays.reset(token)
        self.relays.close(warn=self._settled)  # where it has come to its own end

    def _call_at_end(self) -> None:
        """Let everybody go who keeps something for the run; once."""
        self.over = True
        call_all(self.at_end, f"Run {self.id}")


def _refuse_unrun(callback: Callback, given: object) -> None:
    """:raises SourceError: it has not run, and nobody would run it."""
    if kind := unrun(given):
        raise SourceError(
            f"A run's callback, {callback!r:.80}, gave {kind}, which nobody runs: what it was to "
            "save is not saved. Make it a plain function (no async def, no yield)."
        )


def _says_nothing(event: Event) -> bool:
    return isinstance(event, Meta) and not event.payload()
