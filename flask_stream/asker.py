"""`Asker`: the client of a run that is kept in a log, before there is anything to follow.

A view's generator, or its provider, may be silent for long before its first item. Its run can be
ended by then, as one can that is followed: by a stop, or where nobody waits for it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from .batches import Batch
from .call import Call
from .delivery import Delivery
from .formats import AnyFormat
from .prepared import watched_delivery
from .run import Ending


class Asker:
    """An `Answer` of which nothing comes: the watcher ends it where its client has left."""

    is_elsewhere = False

    def __init__(self, id: str) -> None:
        self.id = id
        self.over = False
        self.ending: Ending | None = None
        self.deliver: Callable[[Callable[[], Batch]], bool] | None = None

    def batches(self) -> Generator[Batch, None, None]:
        yield from ()

    def end(self, ending: Ending) -> None:
        self.ending = ending

    def close(self) -> None:
        self.over = True


def watched_asker(id: str, call: Call, format: AnyFormat) -> Delivery:
    """Who asks for a run now. It is over as the client leaves, or when this is closed."""
    heartbeat = call.app.config["STREAM_HEARTBEAT"]
    return watched_delivery(Asker(id), format, call.request.environ, heartbeat)
