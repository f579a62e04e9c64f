"""`Keeper`: all that one process has to do with the runs of one log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .. import advice
from ..logs.log import Log, LogError, Once, State
from .following import Follower
from .producing import Producer
from .reading import LogReader
from .writing import LogWriter

# Seconds of a lease: within which it is noticed that it has run out, and told.
_NOTICED = 0.7


class Keeper:
    """Begins runs, follows them, and asks for their end.

    :param lease: seconds after which a run is ended whose producer has died.
    :param ttl: seconds for which a run is kept that has ended.
    :param most: how many runs one owner may have under way.
    """

    def __init__(self, log: Log, *, lease: float, ttl: float, most: int) -> None:
        self.log = log
        self._lease = lease = lease - _NOTICED
        self._most = most
        self._reader = LogReader(log, lease)
        self._writer = LogWriter(log, lease, ttl, self._reader.counts)
        self._reader.at_rest = self._writer.close_when_idle

    def begin(
        self,
        id: str,
        owner: str,
        *,
        linger: float | None,
        key: str | None = None,
        once: Once | None = None,
    ) -> Producer | str:
        """Claim a new run.

        :returns: who is to produce it; or the id of the run that has answered `once` already.
        :raises OtherBody, TooMany, LogError: see `logs.log.Log.create`.
        """
        self._writer.start()  # which may fail: then nothing is claimed
        claim = self.log.create(id, owner, self._lease, key=key, once=once, most=self._most)
        if isinstance(claim, str):
            return claim
        try:
            return Producer(claim, self._writer, self._reader, linger)
        except BaseException:  # no thread can begin
            self.log.forget(claim)
            raise

    def state(self, id: str) -> State | None:
        """What is known of a run.

        :raises LogError: the log cannot be used.
        """
        with self._looking():
            return self.log.state(id)

    def newest(self, owner: str, key: str) -> State | None:
        """The run that was begun last with this key of the app's.

        :raises LogError: the log cannot be used.
        """
        with self._looking():
            id = self.log.newest(owner, key)
            return self.log.state(id) if id is not None else None

    def answering(self, owner: str, once: str) -> str | None:
        """The run that answers what has this key of a `Once`.

        :raises LogError: the log cannot be used.
        """
        with self._looking():
            return self.log.answering(owner, once)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """The log is looked into, and closed once nothing is done with it."""
        try:
            yield
        finally:
            self._writer.close_when_idle()

    def give_up(self, producer: Producer) -> None:
        """It has come to nothing that is a run."""
        self._writer.drop(producer)
        try:
            self.log.forget(producer.claim)
        except LogError as error:  # it is forgotten once its lease has run out
            advice.of_log(error)
        finally:
            producer.feed.lose()
            self._reader.elsewhere(producer.feed)

    def follow(
        self,
        id: str,
        last: int,
        *,
        after: int = 0,
        url: str | None = None,
        begin: Callable[[], None] | None = None,
        sums: bool = False,
    ) -> Follower:
        """One more who reads it.

        :param last: the number of the last event that is known to be in the log.

        For the others see `Follower`.
        """
        follower = Follower(
            id,
            self.log,
            self._reader,
            last=last,
            after=after,
            url=url,
            begin=begin,
            sums=sums,
        )
        try:
            self._writer.start()  # which tells the log how many read here
        except BaseException:
            follower.close()
            raise
        return follower

    def stop(self, id: str) -> bool:
        """Ask for a run's end. False where it has ended, or there is none."""
        asked = self.log.request_stop(id)
        if self._reader.is_local(id):
            self._writer.renew_now()
        return asked
