"""A provider that has more to say than the buffers on the way can hold."""

from __future__ import annotations

import time

from tests.provider import Exchange, frames
from tests.servers.client import events_of
from tests.servers.running import until
from tests.servers.talk import HEAD, TAIL, prompt_of, word
from tests.transcripts.reading import chunk

SAID = "the answer "

# Seconds without a byte taken, after which somebody on the way is taken to be waiting.
_STILL = 0.5


class Flood:
    """A script that says a word, and thinks aloud at length, as fast as it is taken.

    It is not all text, which would be in every line that tells how a run ended.

    :ivar sent: how many of its thoughts have been taken from it.
    """

    SIZE = 65536

    def __init__(self, thoughts: int) -> None:
        self.thoughts = thoughts
        self.sent = 0

    def __call__(self, exchange: Exchange) -> None:
        prompt = prompt_of(exchange)
        exchange.start()
        exchange.send(HEAD + word(SAID))
        for number in range(self.thoughts):
            exchange.send(frames(chunk({"reasoning_content": self._thought(prompt, number)})))
            self.sent += 1
        exchange.send(TAIL)
        exchange.end()

    def wait_until_stuck(self) -> None:
        """Wait until nothing more is taken from it, though it has more to say."""
        last, since = 0, 0.0

        def is_stuck() -> bool:
            nonlocal last, since
            if self.sent != last:
                last, since = self.sent, time.monotonic()
            return last > 0 and time.monotonic() - since > _STILL

        until(is_stuck, "the provider does not get stuck")
        assert self.sent < self.thoughts, "the buffers have held it all"

    def is_whole(self, prompt: str, body: bytes) -> bool:
        """Whether a client has got all of it, and nothing else."""
        events = events_of(body)
        thoughts = [data["text"] for kind, data in events if kind == "reasoning"]
        wanted = [self._thought(prompt, number) for number in range(self.thoughts)]
        return thoughts == wanted and events[-1][0] == "done"

    def _thought(self, prompt: str, number: int) -> str:
        """One of them, that is no other's."""
        # Few with a lamp: it makes each character of its text take four bytes of the app's memory.
        lamp = "·" if number % 10 else "🔦"
        return f"{prompt} {number:06} {lamp}\n".ljust(self.SIZE, ".")
