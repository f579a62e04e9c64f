"""A batch: the Events of what one read of a provider has brought, or of one item of an app's.

Of a read, each 16 KB and each 100 events are a batch of their own: see `providers.blocks.paced`
and `providers.wire.Body`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .events import Event, ToolCallDelta
from .result import characters, size_of

Batch = list[Event]


class Numbered(Batch):
    """A batch of a run that is kept in a log.

    :ivar run: the run's id.
    :ivar numbers: that of each event: `RUN.NUMBER` is its id for `Last-Event-ID`.
    """

    __slots__ = ("numbers", "run")

    def __init__(self, run: str, events: Iterable[Event], numbers: Sequence[int]) -> None:
        super().__init__(events)
        self.run = run
        self.numbers = numbers


_MOST_OF_A_PART = 65_536  # characters
_OF_EACH_EVENT = 100  # what its frame has beside what it brings, in characters


def parts(batch: Batch) -> Sequence[Batch]:
    """The batch in parts of some 64 thousand characters each; more where one event has more.

    Many large tool calls may end together; they are not to be one write.
    """
    if len(batch) == 1:  # as nearly always
        return (batch,)
    whole: list[Batch] = []
    part: Batch = []
    size = 0
    for event in batch:
        part.append(event)
        size += _OF_EACH_EVENT + size_of(event)
        if isinstance(event, ToolCallDelta) and event.partial is not None:
            size += characters(event.partial)
        if size > _MOST_OF_A_PART:
            whole.append(part)
            part, size = [], 0
    if part:
        whole.append(part)
    return whole
