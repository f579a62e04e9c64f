"""What the bounds on an answer cost a token: an answer with them as they are, and out of reach.

Each round reads the answer under both, one behind the other, so that whatever else the machine does
meanwhile, it does to both.
"""

from __future__ import annotations

import logging
import statistics
import time

from flask import Flask

from flask_stream import FlaskStream
from tests.in_memory import InMemory
from tests.servers.talk import WIRES

ROUNDS = 9
EVENTS = 5_000
MOST = 1.05  # times the time without

BOUNDS = {
    "as they are": {},
    "out of reach": {"STREAM_MAX_EVENT_BYTES": 2**40, "STREAM_MAX_CHARACTERS": 2**40},
}
SOURCES = {"SDK stream": InMemory.create, "requests": InMemory.post}


def seconds(provider: InMemory, source: str, bounds: dict[str, int]) -> float:
    """Processor time of this thread, for one answer, from the view's call to its last byte."""
    app = Flask("bench")
    app.config.update(bounds)
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
            for bounds in BOUNDS.values():  # the first time, much is imported and compiled
                seconds(provider, source, bounds)
            for _ in range(ROUNDS):
                for name, bounds in BOUNDS.items():
                    spent[name].append(seconds(provider, source, bounds))
            ratio = statistics.median(map(float.__truediv__, *spent.values()))
            told = (
                f"{name}: {EVENTS / statistics.median(times):,.0f}" for name, times in spent.items()
            )
            print(f"{source}, events a second with the bounds {'; '.join(told)}")
            verdict = "met" if ratio <= MOST else "MISSED"
            print(f"{verdict}: at most {MOST} x the time without bounds: {ratio:.3f} x")


if __name__ == "__main__":
    main()
