"""`OwnedRuns`: the runs of one app that a request may follow and stop, as their owner's."""

from __future__ import annotations

import re
import threading
import time
from typing import NamedTuple

from flask import url_for

from . import texts
from .asking import asking_log
from .detached.keeper import Keeper
from .errors import Refused
from .logs.log import State
from .owners import Owner, is_same, known_owner, owner_of_request
from .told import logger

_ID = re.compile(r"[0-9a-f]{32}")
_LOOKS = 0.1  # seconds between two looks for a run that is to begin


class Gone(Refused):
    """There is no such run for whoever asks."""

    def __init__(self) -> None:
        super().__init__(texts.GONE, error_code="gone", status=404)


class NotYet(Refused):
    """A run that was waited for has not begun."""

    def __init__(self) -> None:
        super().__init__(texts.NOT_YET, error_code="overloaded", retryable=True)


class LiveRun(NamedTuple):
    """A run that is being written.

    :ivar url: where it can be followed, for `<flask-stream resume="…">`.
    """

    id: str
    url: str


class OwnedRuns:
    """Of one app, as far as the current request is concerned.

    :param keeper: this process's.
    :param owner: the app's callback that says who asks, or None.
    """

    def __init__(self, keeper: Keeper, owner: Owner | None) -> None:
        self.keeper = keeper
        self._owner = owner

    def owner(self) -> str:
        """Whose a run is that this request begins."""
        return owner_of_request(self._owner)

    def found(self, id: str) -> State:
        """The run that this request may follow and stop.

        :raises Gone: there is none: 404, code `gone`. The log says why.
        :raises RunError: the log cannot be used.
        """
        owner = known_owner(self._owner)
        with asking_log():
            state = self.keeper.state(id) if is_run_id(id) else None
        # Whoever it is, and whether there is one: the same is done.
        is_owners = is_same(owner, state.owner if state is not None else "nobody")
        if state is None or not is_owners:
            why = "there is none, or none any more" if state is None else "it is another owner's"
            logger.info("Run %s is not followed: %s.", id, why)
            raise Gone
        return state

    def answering(self, once: str | None) -> str:
        """The id of the run that answers a request with that key, see `once.key_of`.

        :raises Gone: there is none, or none yet.
        :raises RunError: the log cannot be used.
        """
        owner = known_owner(self._owner)
        with asking_log():
            id = self.keeper.answering(owner, once) if owner and once else None
        if id is None:
            raise Gone
        return id

    def stop(self, id: str) -> None:
        """End a run, if it has not ended.

        :raises StreamFailed: there is none that this request may stop.
        :raises RunError: the log cannot be used.
        """
        self.found(id)
        with asking_log():
            self.keeper.stop(id)

    def live(self, key: str) -> LiveRun | None:
        """The reader's newest run with this key of the app's, unless it has ended."""
        owner = known_owner(self._owner)
        with asking_log():
            state = self.keeper.newest(owner, key) if owner is not None else None
        if state is None or state.ended:
            return None
        return LiveRun(state.id, url_of(state.id))

    def newest_by_now(self, key: str, wait: float) -> str:
        """The same, and nobody waits here: a run that begins later may be another question's.

        :param wait: whether one is to begin: then there is none yet.
        """
        try:
            return self.newest(key, 0)
        except Gone:
            raise (NotYet if wait else Gone) from None

    def newest(self, key: str, wait: float) -> str:
        """The id of the reader's newest run with this key of the app's, ended or not.

        :param wait: seconds for which one is waited for that is to begin.
        :raises StreamFailed: there is none; or, where one was waited for, none yet.
        :raises RunError: the log cannot be used.
        """
        owner = known_owner(self._owner)
        if owner is None:  # nobody can have been told whose it is to be
            raise Gone
        end = time.monotonic() + wait
        pause = threading.Event()  # not time.sleep, which people's tests replace
        while True:
            with asking_log():
                state = self.keeper.newest(owner, key)
            if state is not None:
                return state.id
            left = end - time.monotonic()
            if left <= 0:
                raise NotYet if wait else Gone
            pause.wait(min(left, _LOOKS))


def is_run_id(text: str) -> bool:
    """Whether it may be a run's: a log is asked for no other."""
    return _ID.fullmatch(text) is not None


def url_of(id: str) -> str:
    """Where a run can be followed; `/stop` behind it ends it."""
    return url_for("flask_stream.follow", run=id)
