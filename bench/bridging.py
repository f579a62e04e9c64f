"""What a token costs by way of a bridge and of a channel, beside a plain generator's.

Each round streams the same answer all three ways, one behind the other, so that whatever else the
machine does meanwhile, it does to all. Processor time of all threads, from the view's call to its
last byte, by way of Flask's test client: no server and no socket.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from flask import Flask

from flask_stream import Channel, FlaskStream

ROUNDS = 15
# How many tokens, and seconds between two of them: None where all are there at once.
LOADS: dict[str, tuple[int, float | None]] = {
    "all at once": (5_000, None),
    "one by one": (500, 0.001),
}

stream = FlaskStream()


def plain(tokens: int, pause: float | None) -> Iterator[str]:
    for _ in range(tokens):
        yield "five "
        if pause is not None:
            time.sleep(pause)


async def bridged(tokens: int, pause: float | None) -> AsyncIterator[str]:
    for _ in range(tokens):
        yield "five "
        if pause is not None:
            await asyncio.sleep(pause)


def pushed(tokens: int, pause: float | None) -> Channel:
    def produce(channel: Channel) -> None:
        for word in plain(tokens, pause):
            channel.send(word)

    with stream.channel() as channel:
        channel.start(produce, channel)
        return channel


WAYS: dict[str, Callable[..., Any]] = {"generator": plain, "bridge": bridged, "channel": pushed}


def seconds(way: str, load: str) -> float:
    """Of one answer."""
    tokens, pause = LOADS[load]
    app = Flask("bench")
    stream.init_app(app)
    view = stream.response(WAYS[way])
    app.add_url_rule("/", "view", view, defaults={"tokens": tokens, "pause": pause})
    client = app.test_client()
    begun = time.process_time()
    body = client.get("/").get_data()
    spent = time.process_time() - begun
    assert body.count(b"event: text") == tokens
    assert b"event: done" in body
    return spent


def main() -> None:
    logging.disable()
    for load, (tokens, _) in LOADS.items():
        spent: dict[str, list[float]] = {way: [] for way in WAYS}
        for way in WAYS:  # the first time, much is imported and started
            seconds(way, load)
        for _ in range(ROUNDS):
            for way, measured in spent.items():
                measured.append(seconds(way, load))
        costs = {way: statistics.median(measured) / tokens * 1e6 for way, measured in spent.items()}
        told = "; ".join(f"{way} {cost:.1f}" for way, cost in costs.items())
        print(f"{load}, µs a token: {told}")


if __name__ == "__main__":
    main()
