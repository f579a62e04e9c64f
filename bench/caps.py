"""What the bounds on an answer cost a token: an answer with what counts for them, and without.

Without: the functions that count and look are replaced by ones that do nothing. (The reader of
server-sent events adds up its lines' lengths itself, and the Result those of its words, which
cannot be taken out.) Each round
reads the answer both ways, one behind the other, so that whatever else the machine does
meanwhile, it does to both.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from flask import Flask

from flask_stream import FlaskStream
from tests.in_memory import InMemory
from tests.servers.talk import WIRES

ROUNDS = 25
EVENTS = 5_000
MOST = 1.05  # times the time without

NOTHING: dict[str, Any] = {
    "flask_stream.result.size_of": lambda event: 0,
    "flask_stream.providers.wire.is_deep_json": lambda text, value: False,
    "flask_stream.providers.wire.paced": iter,
    "flask_stream.providers.turn.weight": lambda value: 0,
}
BOUNDS: dict[str, dict[str, Any]] = {"with": {}, "without": NOTHING}
SOURCES = {"SDK stream": InMemory.create, "requests": InMemory.post}


@contextmanager
def replaced(functions: dict[str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, function in functions.items():
            stack.enter_context(patch(name, function))
        yield


def seconds(provider: InMemory, source: str) -> float:
    """Processor time of this thread, for one answer, from the view's call to its last byte."""
    app = Flask("bench")
    stream = FlaskStream(app)
    view = stream.response(lambda: SOURCES[source](provider, "openai_chat"))
    app.add_url_rule("/", "view", view)
    client = app.test_client()
    begun = time.thread_time()
    body = client.get("/").get_data()
    spent = time.thread_time() - begun
    assert body.count(b"event: text") == EVENTS
    assert b"event: done" in body
    return spent


def main() -> None:
    logging.disable()
    wire = WIRES["openai_chat"]
    pieces = [wire.head, *[wire.word("five ")] * EVENTS, wire.tail]
    with InMemory(pieces) as provider:
        for source in SOURCES:
            spent: dict[str, list[float]] = {name: [] for name in BOUNDS}
            seconds(provider, source)  # the first time, much is imported and compiled
            for _ in range(ROUNDS):
                for name, functions in BOUNDS.items():
                    with replaced(functions):
                        spent[name].append(seconds(provider, source))
            ratio = statistics.median(map(float.__truediv__, *spent.values()))
            told = (
                f"{name}: {EVENTS / statistics.median(times):,.0f}" for name, times in spent.items()
            )
            print(f"{source}, events a second: {'; '.join(told)}")
            verdict = "met" if ratio <= MOST else "MISSED"
            print(f"{verdict}: at most {MOST} x the time without: {ratio:.3f} x")


if __name__ == "__main__":
    main()
