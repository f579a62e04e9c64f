"""One run: its opening, its events in order, its one terminal event, its one settling."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from blinker import NamedSignal, Namespace
from werkzeug.exceptions import HTTPException

from .errors import SAFE_MESSAGES, SDK_CLIENTS, RunError, code_of_abort, from_exception
from .events import FLUSH, Done, Event, Failed, Meta, Start, Text, Usage
from .providers import Source
from .providers.surrogates import mended
from .result import Result

logger = logging.getLogger("flask_stream")

_signals = Namespace()

stream_started = _signals.signal("stream-started")
"""A run has opened. Sender: the Flask app; `result`: the :class:`Result` as it grows."""

stream_first_text = _signals.signal("stream-first-text")
"""A run's first `text` is about to leave. Sender: the Flask app; `result`."""

stream_finished = _signals.signal("stream-finished")
"""A run has ended, however it did: exactly once. Sender: the Flask app; `result`."""

Callback = Callable[[Result], object]

_END = object()


class Run:
    """One answer on its way to one client.

    :param items: the events to send; their first one is taken in `open`, by the view.
    :param callbacks: called once, with the Result, before the terminal event leaves. The
        list may still grow while the run goes on.
    :param sender: the Flask app, for the signals.
    :param debug: whether `failed` may tell the exception's own text.
    :param source: where the events of one provider's stream are the whole run, its source.
    """

    def __init__(
        self,
        items: Iterable[Event],
        *,
        callbacks: list[Callback],
        sender: object,
        debug: bool = False,
        source: Source | None = None,
    ) -> None:
        self.id = secrets.token_hex(16)
        self.result = Result(self.id)
        self._items = items
        self._events = iter(mended(items))
        self._next: object = _END
        self._callbacks = callbacks
        self._sender = sender
        self._debug = debug
        self._source = source
        self._usages: list[Usage] = []  # of the app's own, beside its steps'
        self._closed = self._settled = False

    @property
    def more(self) -> bool:
        """Whether the next event is already there, so that a write may wait for it."""
        return self._source is not None and self._source.more

    def open(self) -> None:
        """Take the first item, so that what fails up to there is an HTTP error.

        :raises Exception: whatever the view's generator, or the provider, raises.
        """
        try:
            self._next = next(self._events, _END)
        except BaseException:
            self._close()
            raise
        self._tell(stream_started)

    def events(self) -> Iterator[Event]:
        """`start` first, exactly one of `done` and `failed` last; FLUSH in between."""
        try:
            yield Start(self.id)
            try:
                while self._next is not _END:
                    event: Event = self._next  # type: ignore[assignment]
                    yield from self._pass_on(event)
                    # The watcher's place: here, and only here, the run waits for its source.
                    self._next = next(self._events, _END)
            except Exception as error:
                # An SDK's own may come through the app's code: a second turn that is refused.
                told = from_exception(error, begun=True, clients=SDK_CLIENTS)
                if told is not None and told is not error:
                    told.__cause__ = error
                self._fail(told or error)
            self._settle("failed" if self.result.error else "complete")
            yield self._terminal()
            if self._source is not None:
                self._source.finish()
        finally:
            # Reached at the end, and by GeneratorExit where the client has left.
            self.close()

    def close(self) -> None:
        """End the run if it has not ended: the client has left. May be called again."""
        self._close()
        self._settle("disconnected")

    def _pass_on(self, event: Event) -> Iterator[Event]:
        result = self.result
        if event is FLUSH:
            yield event
            return
        if isinstance(event, Usage):
            event = self._add_usage(event)
        elif isinstance(event, Meta):
            if event.step is not None:
                result.steps.append(event.step)
            if not event.payload():
                return
        elif isinstance(event, Text) and not result.has_text:
            self._tell(stream_first_text)
        result.add(event)
        yield event

    def _add_usage(self, usage: Usage) -> Usage:
        """The run's total: a relay tells its step's usage, an app that of a call of its own."""
        if not any(step.usage is usage for step in self.result.steps):
            self._usages.append(usage)
        return self._total() or usage

    def _total(self) -> Usage | None:
        steps = [step.usage for step in self.result.steps if step.usage is not None]
        return Usage.total([*steps, *self._usages])

    def _fail(self, error: Exception) -> None:
        if isinstance(error, RunError):
            told, cause = error.detail or error.message, error.__cause__
            logger.warning("Run %s failed: %s: %s", self.id, error.error_code, told, exc_info=cause)
        elif not isinstance(error, HTTPException):
            logger.error("Run %s failed in the app's own code", self.id, exc_info=error)
        self.result.error = failed_by(error, self._debug)

    def _settle(self, outcome: str) -> None:
        """Make the result whole and tell everybody who asked; once."""
        if self._settled:
            return
        self._settled = True
        result = self.result
        result.outcome = outcome
        result.usage = self._total()
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
                callback(result)
            except Exception as error:
                if result.error is None:
                    self._fail(error)
                else:  # what ended the run tells the client more
                    logger.exception("Run %s: a callback failed too", self.id)
                if outcome == "complete":
                    result.outcome = "failed"
        self._tell(stream_finished)

    def _tell(self, signal: NamedSignal) -> None:
        """Send a signal; a receiver that fails costs the answer nothing."""
        try:
            signal.send(self._sender, result=self.result)
        except Exception:
            logger.exception("Run %s: a receiver of %s failed", self.id, signal.name)

    def _terminal(self) -> Event:
        result = self.result
        if result.error is not None:
            return result.error
        return Done(
            stop_reason=result.stop_reason or "stop",
            text_length=_utf16_length(result.text),
            provider_stop_reason=result.provider_stop_reason,
            usage=result.usage,
        )

    def _close(self) -> None:
        """Close what the run reads from, innermost first; it may cost the app's own clean-up."""
        if self._closed:
            return
        self._closed = True
        close = getattr(self._items, "close", None)
        if close is not None:
            try:
                close()
            except Exception:
                logger.exception("Run %s: closing what the view returned failed", self.id)
        if self._source is not None:
            with suppress(Exception):
                self._source.close()


def failed_by(error: Exception, debug: bool) -> Failed:
    """What the client is told of an exception; its own text only in debug mode."""
    detail: str | None = None
    if isinstance(error, RunError):
        failed = Failed(error.error_code, error.message, error.retryable)
        detail = error.detail
    elif isinstance(error, HTTPException):  # the app's own abort(): its words are for the user
        failed = Failed(code_of_abort(error.code or 500), error.description or "")
    else:
        failed = Failed("internal", SAFE_MESSAGES["internal"])
        detail = f"{type(error).__name__}: {error}"
    if debug and detail:
        return replace(failed, message=f"{failed.message} [debug: {detail}]")
    return failed


def _utf16_length(text: str) -> int:
    """In UTF-16 code units, as JavaScript counts."""
    return len(text) + sum(1 for char in text if char > "\uffff")
