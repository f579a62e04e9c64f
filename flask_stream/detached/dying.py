"""`Deaths`: ends the runs whose producers have died, and none whose producer could not renew.

A lease runs out, too, where nobody could write to the log for that long: somebody had the file
locked, Redis was started again, or the whole machine was asleep. Whoever produces it will renew it
in a moment, so it has one: a run is ended only behind a time in which the log could be written.
"""

from __future__ import annotations

import time

from ..batches import Batch
from ..errors import SAFE_MESSAGES
from ..events import Failed, Start
from ..logs.log import Log, Row, State, Write
from ..told import logger
from .stored import to_bytes

LOOKS = 0.5  # seconds between two looks for leases that have run out
_CHANCE = 1.0  # seconds: twice as long as from one renewal to the next

# Numbers that the end of an interrupted run skips. Its producer may have told its own followers of
# events that never came to the log: who has seen those has not seen the end, either.
_SKIPPED = 1_000_000


class Deaths:
    """Of one log's runs; for one thread, which looks at those that are followed all the time.

    :param lease: seconds for which a run is claimed.
    """

    def __init__(self, log: Log, lease: float) -> None:
        self._log = log
        self._lease = lease
        # On the monotonic clock: since when all who produce have had their chance, or None.
        self._since: float | None = None
        self._looked_at = 0.0

    def look_at(self, state: State) -> None:
        """End a run that has not ended, if nobody has kept it though he could.

        :raises LogError: it cannot be ended, so nobody can keep it now, either.
        """
        if state.lease > self._lease / 2:  # by then it should have been renewed twice
            return
        since, self._since = self._since, None
        began = time.monotonic()
        self._log.try_to_write()
        now = time.monotonic()
        if since is None or began - self._looked_at > 2 * LOOKS or now - began > LOOKS:
            since = now  # we could not, so perhaps nobody could
        elif not state.leased and now - since >= _CHANCE:
            end_interrupted(self._log, state.id, self._lease)
        self._since, self._looked_at = since, now


def end_interrupted(log: Log, id: str, lease: float) -> None:
    """End a run that nobody keeps any more, unless somebody else has been faster."""
    claim = log.take_over(id, lease)
    # Only now: it may have been written to up to the last moment.
    state = log.state(id) if claim is not None else None
    if claim is None or state is None:
        return
    end: Batch = [Failed("interrupted", SAFE_MESSAGES["interrupted"], retryable=True)]
    if not state.last:
        end = [Start(id), *end]
    last = state.last + _SKIPPED
    row = Row(last, _SKIPPED, to_bytes(end, last))
    log.write([Write(claim, [row], ends=True)])
    logger.warning("Run %s ended: failed: interrupted, since its lease had run out.", id)
