"""One run: its opening, its batches of events in order, its one terminal event, its one settling.

A run is read by one thread. What that thread cannot do while it waits, the watcher does (see
`watch`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator

from blinker import NamedSignal, Namespace

from .errors import RunError, TooLong
from .events import Done, Event, Meta, Start, Text, Usage
from .failed import failed_run, of_provider
from .providers.relays import Relays, apart, relays
from .result import Result, parts, utf16_length
from .told import Fields, logger

_signals = Namespace()

stream_started = _signals.signal("stream-started")
"""A run has opened. Sender: the Flask app; `result`: the :class:`Result` as it grows."""

stream_first_text = _signals.signal("stream-first-text")
"""A run's first `text` is about to leave. Sender: the Flask app; `result`."""

stream_finished = _signals.signal("stream-finished")
"""A run has ended, however it did: exactly once. Sender: the Flask app; `result`."""

Callback = Callable[[Result], object]


class ClientLeft(Exception):
    """Nobody reads the run any more."""


Batch = list[Event]

_NOTHING = Meta()
_TOTALLED = (Meta, Usage)


class Run:
    """One answer on its way: from before its view is called, which gives its batches.

    :param relayed: what the view relays, and then the run.
    :param callbacks: called once, with the Result, before the terminal event leaves. The
        list may still grow while the run goes on.
    :param sender: the Flask app, for the signals.
    :param name: what the log calls it: the endpoint.
    :param began: when the view was called, on the monotonic clock.
    :param debug: whether `failed` may tell the exception's own text.

    For the watcher, whose thread is another:

    :ivar ending: why the run is to end, at its source's next batch; see `end`.
    :ivar opened: its first batch is there; before that, its view is at work.
    :ivar relays: the providers' streams that are read.
    :ivar at_end: called when the run is over and nothing of it will be sent any more.
    """

    def __init__(
        self,
        *,
        callbacks: list[Callback],
        sender: object,
        relayed: Relays | None = None,
        name: str = "-",
        began: float | None = None,
        debug: bool = False,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.result = Result(self.id)
        self.ending: RunError | ClientLeft | None = None
        self.relays = relayed or Relays()
        self.began = time.monotonic() if began is None else began
        self.at_end: list[Callable[[], None]] = []
        self.opened = self.over = False
        self._given: Iterable[Batch] = ()
        self._iterator: Iterator[Batch] | None = None
        self._next: Batch | None = []  # None behind the last one
        self._callbacks = callbacks
        self._sender = sender
        self._name = name
        self._debug = debug
        self._usages: list[Usage] = []  # of the app's own, beside its steps'
        self._closed = self._settled = False

    def open(self, batches: Iterable[Batch]) -> None:
        """Take the first of what is to be sent, so that what fails up to there is an HTTP error.

        :raises Exception: whatever the view's generator, or the provider, raises.
        :raises RunError: the run has had to end meanwhile.
        """
        self._given = batches
        self.result.steps = self.relays.go_on(self.result)
        try:
            self._wait()
        except ClientLeft:
            pass  # there is a run, whose callbacks are to be told; `batches` ends it
        except BaseException:
            try:
                self._close()
            finally:
                self._finish()
            raise
        self.opened = True
        self._tell(stream_started)

    def give_up(self, *, closing: bool) -> None:
        """The view came to nothing that is a run.

        :param closing: let go of what the view has begun to read.
        """
        try:
            if closing:
                self._close()
            else:
                self.relays.let_go()
        finally:
            self._finish()

    def batches(self) -> Generator[Batch, None, None]:
        """`start` alone first, exactly one of `done` and `failed` alone last.

        An exception that is thrown into it, for an event that cannot be sent, ends the run.

        :raises ClientLeft: the client did, and the run is closed.
        """
        most = self.relays.bounds.characters
        try:
            if isinstance(self.ending, ClientLeft):
                raise self.ending
            yield [Start(self.id)]
            try:
                while (batch := self._next) is not None:
                    for at, part in enumerate(parts(batch)):
                        if at and self.ending is not None:  # since while the last one was written
                            raise self.ending
                        told = self._totalled(part)
                        fitting = self.result.add(told, most)
                        if fitting:
                            self._notice_text(fitting)
                            yield fitting
                        if len(fitting) < len(told):
                            raise TooLong(most)
                    self._wait()
            except ClientLeft:
                raise
            except Exception as error:
                self._fail(of_provider(error, begun=True))
            if self.ending is not None or self.result.error is not None:
                self._close()  # before its callbacks, as where the client leaves
            self._settle("failed" if self.result.error else "complete")
            yield [self._terminal()]
            for source in self.relays.sources[-1:]:
                source.finish()
        finally:
            # Reached at the end, by ClientLeft, and by GeneratorExit where a write failed.
            self.close()

    def close(self) -> None:
        """End the run if it has not ended: the client has left. May be called again."""
        try:
            self._close()
            if isinstance(self.ending, RunError) and not self._settled:
                self._fail(self.ending)  # nobody took the words, so nobody can be told
            self._settle("failed" if self.result.error else "disconnected")
        finally:
            self._finish()

    def end(self, ending: RunError | ClientLeft) -> None:
        """Have the run end, for this reason if it is the first one; from any thread.

        It notices now where its source can be woken, else at its source's next batch.
        """
        if self.ending is None:
            self.ending = ending
        self.wake()

    def wake(self) -> None:
        """Have the run notice its `ending`: again, where it began to read meanwhile."""
        self.relays.stop()

    def _wait(self) -> None:
        """Take the next batch, if there is one. Whatever it is, the run can end here."""
        if self.ending is None:
            token = relays.set(self.relays)
            try:
                if self._iterator is None:
                    self._iterator = iter(self._given)
                self._next = next(self._iterator, None)
            except (Exception, GeneratorExit) as error:
                if self.ending is not None:
                    self._next = []  # whatever being woken has led to
                elif isinstance(error, GeneratorExit):  # the server would take it for its own
                    raise RuntimeError("The view's generator raised GeneratorExit.") from error
                else:
                    raise
            finally:
                relays.reset(token)
        # What has come to its own end meanwhile is whole, if all that it was made of is.
        if self.ending is not None and not (self._next is None and self.relays.whole):
            raise self.ending

    def _totalled(self, batch: Batch) -> Batch:
        """The batch as it is told: usage as the run's total, and nothing that says nothing."""
        if not any(isinstance(event, _TOTALLED) for event in batch):
            return batch
        return [self._total_of(event) for event in batch if event != _NOTHING]

    def _notice_text(self, batch: Batch) -> None:
        result = self.result
        if result.first_text_seconds is None and any(isinstance(e, Text) for e in batch):
            result.first_text_seconds = time.monotonic() - self.began
            self._tell(stream_first_text)

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

    def _fail(self, error: Exception) -> None:
        self.result.error = failed_run(self.id, error, self._debug)

    def _settle(self, outcome: str) -> None:
        """Make the result whole and tell everybody who asked; once."""
        if self._settled:
            return
        self._settled = True
        result = self.result
        result.outcome = outcome
        result.seconds = time.monotonic() - self.began
        result.usage = self._total()
        for step in result.steps:
            step.outcome = step.outcome or "disconnected"  # the app has not read it to its end
        for step in reversed(result.steps):  # which model answered, if the app told nobody
            result.provider = result.provider or step.provider
            result.model = result.model or step.model
            result.response_id = result.response_id or step.response_id
        last = result.steps[-1] if result.steps else None
        if last is not None:
            result.message, result.raw_usage = last.message, last.raw_usage
            result.provider_stop_reason = last.provider_stop_reason
        result.stop_reason = (last.stop_reason if last else None) or (
            "stop" if outcome == "complete" else None
        )
        # The list may grow while it is gone through: a callback may add another.
        for callback in self._callbacks:
            try:
                apart(callback, result)
            except Exception as error:
                if result.error is None:
                    self._fail(error)
                else:  # what ended the run tells the client more
                    logger.exception("Run %s: a callback failed too", self.id)
                if outcome == "complete":
                    result.outcome = "failed"
        self._tell(stream_finished)
        self._log()

    def _log(self) -> None:
        """The one line a run: who, what, how it went, and what it cost."""
        result = self.result
        first, seconds = result.first_text_seconds, result.seconds
        usage = result.usage.payload() if result.usage is not None else {}
        told = {
            "endpoint": self._name,
            "provider": result.provider,
            "model": result.model,
            "outcome": result.outcome,
            "error": result.error.code if result.error is not None else None,
            "first_text": f"{first:.3f}s" if first is not None else None,
            "seconds": f"{seconds:.3f}s",
            "characters": len(result.text),
            "input_tokens": usage.get("input_tokens"),
            "output_tokens": usage.get("output_tokens"),
        }
        logger.info("Run %s ended: %s", self.id, Fields(told))

    def _tell(self, signal: NamedSignal) -> None:
        """Send a signal; a receiver that fails costs the answer nothing."""
        try:
            apart(lambda result: signal.send(self._sender, result=result), self.result)
        except Exception:
            logger.exception("Run %s: a receiver of %s failed", self.id, signal.name)

    def _terminal(self) -> Event:
        result = self.result
        if result.error is not None:
            return result.error
        return Done(
            stop_reason=result.stop_reason or "stop",
            text_length=utf16_length(result.text),
            provider_stop_reason=result.provider_stop_reason,
            usage=result.usage,
        )

    def _close(self) -> None:
        """Close what the run reads from, innermost first; it may cost the app's own clean-up."""
        if self._closed:
            return
        self._closed = True
        self.relays.stop()  # the app's clean-up buys nothing more, and waits for nobody
        close = getattr(self._given, "close", None)
        if close is not None:
            token = relays.set(self.relays)
            try:
                close()
            except (Exception, GeneratorExit):  # of a relay that its clean-up reads
                logger.exception("Run %s: closing what the view returned failed", self.id)
            finally:
                relays.reset(token)
        self.relays.close(warn=self._settled)  # where it has come to its own end

    def _finish(self) -> None:
        """Let everybody go who keeps something for the run; once."""
        self.over = True
        while self.at_end:
            try:
                self.at_end.pop()()
            except Exception:
                logger.exception("Run %s: its clean-up failed", self.id)
