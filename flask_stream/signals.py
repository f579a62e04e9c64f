"""What an app, and its log, are told of every run: Flask's signals, and one line at its end."""

from __future__ import annotations

from collections.abc import Callable

from blinker import NamedSignal, Namespace

from .providers.under_way import outside_run
from .result import Result
from .told import Fields, logger

_signals = Namespace()

stream_started = _signals.signal("stream-started")
"""A run has opened. Sender: the Flask app; `result`: the :class:`Result` as it grows."""

stream_first_text = _signals.signal("stream-first-text")
"""A run's first `text` is about to leave. Sender: the Flask app; `result`."""

stream_finished = _signals.signal("stream-finished")
"""A run has ended, however it did: exactly once. Sender: the Flask app; `result`."""


def send(
    signal: NamedSignal,
    sender: object,
    result: Result,
    calling: Callable[[Callable[[Result], object], Result], object] = outside_run,
) -> None:
    """Send a signal; a receiver that fails costs the answer nothing."""
    if not signal.has_receivers_for(sender):  # what calls them may cost more than they do
        return
    try:
        calling(lambda result: signal.send(sender, result=result), result)
    except Exception:
        logger.exception("Run %s: a receiver of %s failed", result.id, signal.name)


def log_end(endpoint: str, result: Result) -> None:
    """The one line a run: who, what, how it went, and what it cost."""
    first, seconds = result.first_text_seconds, result.seconds
    usage = result.usage.payload() if result.usage is not None else {}
    told = {
        "endpoint": endpoint,
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
    logger.info("Run %s ended: %s", result.id, Fields(told))
