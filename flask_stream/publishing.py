"""`publish`: a run that is written where no request is, for the web app's owned_runs to follow."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import current_app

from .app_state import owned_runs
from .batches import Batch
from .beginning import Beginning
from .call import bounds_of
from .providers.not_streams import discard
from .providers.under_way import Relays
from .result import Result
from .returned import batches_of_source
from .route import Route
from .run import Run
from .watch import watcher

if TYPE_CHECKING:
    from .run import Callback


def publish(source: Any, *, owner: str, key: str | None, on_finish: Callback | None) -> Result:
    """See `FlaskStream.publish`."""
    if not isinstance(owner, str) or not owner:
        raise ValueError(
            f"owner is {owner!r}, but it must be what @stream.owner says of the reader, or what "
            "stream.current_owner() said in the request that asked for this: a string."
        )
    if key is not None and not (isinstance(key, str) and key):
        raise ValueError(f"key is {key!r}, but it must be a string, or None.")
    if on_finish is not None and not callable(on_finish):
        raise ValueError(f"on_finish is {on_finish!r}, but it must be a function of the Result.")
    batches = _Later(batches_of_source(source))
    app, config = current_app._get_current_object(), current_app.config  # type: ignore[attr-defined]
    with Beginning(owned_runs().keeper, owner, linger=None, key=key) as beginning:
        try:
            beginning.claim()
        except BaseException:
            discard(source)  # nobody will read it
            raise
        run = Run(
            callbacks=[] if on_finish is None else [on_finish],
            relays=Relays(bounds_of(config)),
            sender=app,
            name="publish",
            began=time.monotonic(),
            debug=app.debug,
            id=beginning.id,
        )
        watcher().watch_run(run, _ROUTE.timing(config))
        run.open(batches)
        beginning.produce_here(run)
    return run.result


_ROUTE = Route.checked()  # whose times are the configuration's


class _Later:
    """Batches whose first one is empty: what fails from there on is told to those who follow."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        yield []
        yield from self._batches

    def close(self) -> None:
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()
