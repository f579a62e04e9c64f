"""`Reader`: what the reader of each wire is. Dicts in, Events out; an end, and a settling."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..events import JSON, Event
from .prose import Prose
from .turn import NOT_UNDERSTOOD, Turn, log_skipped


class Reader(ABC):
    """Reads one stream.

    :ivar turn: filled on the way, and told of each event.
    """

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.prose = Prose(turn.tell)

    def feed(self, dicts: list[JSON]) -> list[Event]:
        """The events of one batch of dicts; what follows the turn's end is dropped."""
        turn = self.turn
        for d in dicts:
            try:  # `understood`, without its call
                self.handle(d)
            except NOT_UNDERSTOOD:
                log_skipped(d)
            if turn.ended:
                break
        return turn.take_events()

    def end(self) -> list[Event]:
        """What the stream's end leaves to say, however it came."""
        self.finish()
        return self.turn.take_events()

    @abstractmethod
    def handle(self, d: JSON) -> None:
        """Make of one dict what it means."""

    @abstractmethod
    def finish(self) -> None:
        """Nothing more comes: tell what was held back."""

    @abstractmethod
    def settle(self) -> None:
        """Put `turn.message` together. May be called at any time, and again."""
