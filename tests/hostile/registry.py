"""What a provider's behaviour is, and how one is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.hostile.speech import SPEECHES, Speech
from tests.provider import KEY

# Where the tests' app has its caps: so low that what is above them costs a test little.
MOST_EVENT_BYTES = 262_144
MOST_CHARACTERS = 100_000

MANY = 200  # of what comes by the thousand: the work for n and 2n is compared elsewhere

# What no client may ever be told, and what the log may not have either.
SECRET = f"the words of the provider, see {KEY}"
URL_SECRET = "key-in-the-url"
URL = f"https://someone:{URL_SECRET}@in.memory/v1?key={URL_SECRET}&api_key={URL_SECRET}"
# What a log, a terminal or our own wire could take for lines of its own.
FORGED = "FORGED"
LINES = f"\r\n{FORGED} one\n\n{FORGED} two\r{FORGED} three\u2028{FORGED} four\x85{FORGED} five"
FRAMES = f'\n\nevent: done\ndata: {{"stop_reason": "{FORGED}"}}\n\n'


@dataclass(frozen=True)
class Wait:
    """Say nothing for a few milliseconds; or until the client leaves."""

    is_long: bool = False


Bytes = Iterable[bytes | Wait]


@dataclass(frozen=True)
class Behaviour:
    """One of them.

    :ivar name: a few words.
    :ivar make: the answer's bytes, for a wire, and for how many where that is told.
    :ivar body: of those that speak in server-sent events: the body alone.
    :ivar right: how a run may end whose body we read ourselves: done, or an error's code. None
        at all: anyhow, but never as `internal`.
    :ivar endless: goes on until the client leaves, which the run must therefore do.
    :ivar silent: says nothing that counts as heard, so that the run ends as `timeout`.
    :ivar resets: ends the connection with RST.
    :ivar is_error: answers with an error status, whose body an SDK reads by itself.
    :ivar no_stream: answers well, but with what is no stream: to return that is the app's mistake.
    """

    name: str
    make: Callable[[Speech, int], Bytes]
    body: Callable[[Speech, int], Iterator[bytes | Wait]] | None = None
    right: tuple[str, ...] = ()
    endless: bool = False
    silent: bool = False
    resets: bool = False
    is_error: bool = False
    no_stream: bool = False

    def play(self, wire: str, n: int = MANY) -> Iterator[bytes | Wait]:
        return iter(self.make(SPEECHES[wire], n))


BEHAVIOURS: dict[str, Behaviour] = {}


def add(behaviour: Behaviour) -> None:
    assert behaviour.name not in BEHAVIOURS, behaviour.name
    BEHAVIOURS[behaviour.name] = behaviour


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"


def chunked(parts: Bytes) -> Iterator[bytes | Wait]:
    """A body in HTTP's chunks."""
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part) if isinstance(part, bytes) and part else part
    yield b"0\r\n\r\n"


Said = Callable[[Speech, int], Iterable[bytes | Wait] | bytes]


def said(*right: str, bare: bool = False, **more: Any) -> Callable[[Said], Said]:
    """A behaviour that says something: between a head and a tail that are as they should be.

    :param bare: without those.
    """

    def register(say: Said) -> Said:
        def body(speech: Speech, n: int) -> Iterator[bytes | Wait]:
            told = say(speech, n)
            if not bare:
                yield speech.head
            yield from [told] if isinstance(told, bytes) else told
            if not bare:
                yield speech.tail

        add(
            Behaviour(
                name=say.__name__.replace("_", " "),
                make=lambda speech, n: chunked(body(speech, n)),
                body=body,
                right=right,
                **more,
            )
        )
        return say

    return register
