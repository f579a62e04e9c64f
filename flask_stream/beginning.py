"""`Beginning`: a run from before its view is called, until a producer goes on with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from . import texts
from .asking import asking_log
from .detached.keeper import Keeper
from .errors import Refused
from .limits import Slot
from .logs.log import Once, OtherBody, TooMany
from .run import Run, new_id

if TYPE_CHECKING:
    from .carried import Carried
    from .detached.producing import Producer


class Beginning:
    """Has what the run needs; as context manager, it comes to nothing where an exception leaves.

    :param linger: seconds that the run goes on which nobody reads; None: to its end.
    :param key: the app's own name for it.
    :param once: what it answers once, or None.
    :ivar place: its place among the process's runs.
    :ivar run: what is to be produced, once that is there.
    """

    def __init__(
        self,
        keeper: Keeper,
        owner: str,
        *,
        linger: float | None,
        key: str | None,
        once: Once | None = None,
    ) -> None:
        self.id = new_id()
        self.place: Slot | None = None
        self.producer: Producer | None = None
        self.run: Run | None = None
        self._keeper = keeper
        self._owner = owner
        self._linger = linger
        self._key = key
        self._once = once
        self._within: Callable[[Callable[[], None]], None] | None = None
        self._carried: Carried | None = None
        self._is_over = False  # it is produced, or never will be

    @property
    def has_begun(self) -> bool:
        """There is a run that has opened."""
        return self._within is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.give_up()

    def claim(self) -> str | None:
        """Have the right to produce it.

        :returns: the id of the run that has answered the same request already.
        :raises StreamFailed: the request has the key of another one; or the owner has too many.
        :raises RunError: the log cannot be used.
        """
        try:
            with asking_log():
                claimed = self._keeper.begin(
                    self.id, self._owner, linger=self._linger, key=self._key, once=self._once
                )
        except OtherBody:
            raise Refused(texts.USED_KEY, error_code="bad_request", status=422) from None
        except TooMany:
            told = texts.TOO_MANY_OF_READER
            raise Refused(told, error_code="rate_limited", retryable=True) from None
        if isinstance(claimed, str):
            return claimed
        self.producer = claimed
        return None

    def expect(self, run: Run, is_awaited: Callable[[], bool]) -> None:
        """It is about to open; see `Producer.expect`."""
        self.run = run
        if self.producer is not None:
            self.producer.expect(run, is_awaited)

    def opened_within(
        self, within: Callable[[Callable[[], None]], None], carried: Carried | None
    ) -> None:
        """Note that the run has opened, and what its production is to be called by."""
        self._within, self._carried = within, carried
        if self.run is not None and self.place is not None:
            self.run.at_end.append(self.place.release)

    def start(self) -> None:
        """Have it produced; or do nothing, where it never will be."""
        if self._is_over or self.producer is None or self.run is None or self._within is None:
            return
        self.producer.start(self.run, self._within)
        self._is_over = True

    def produce_here(self, run: Run) -> None:
        """Have it produced in this thread, to its end."""
        if self.producer is not None:
            self.run, self._is_over = run, True
            self.producer.produce(run)

    def give_up(self) -> None:
        """Nobody produces it, unless somebody does already. May be called again."""
        if self._is_over:
            return
        self._is_over = True
        try:
            if self.run is not None and self.run.opened:
                self.run.close()
            if self.place is not None:
                self.place.release()
        finally:
            if self._carried is not None:
                self._carried.let_go()
            if self.producer is not None:
                self._keeper.give_up(self.producer)
