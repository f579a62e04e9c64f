"""A delivery: when it holds its lock, what it delivers, and what it asks of a format."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from flask_stream import Data, RunError, Text, sse
from flask_stream.batches import Batch
from flask_stream.delivery import Delivery
from flask_stream.events import Done, Start, Step
from flask_stream.formats.native import Native
from flask_stream.run import ClientLeft, Run
from flask_stream.server import Connection
from tests.bare import bare_run
from tests.servers.client import DEADLINE


def delivery_of(answer: Any) -> Delivery:
    return Delivery(answer, Connection({}), heartbeat=15)


def opened(batches: Iterator[Batch]) -> Run:
    run = bare_run()
    run.open(batches)
    return run


# -- the lock ---------------------------------------------------------------------------------


def test_the_lock_is_held_in_each_write_and_never_else_before_the_last() -> None:
    held: dict[str, list[bool]] = {"reading": [], "settling": [], "writing": []}

    def source() -> Iterator[Batch]:
        for word in ("one ", "two"):
            held["reading"].append(delivery.lock.locked())
            yield [Text(word)]
        held["reading"].append(delivery.lock.locked())

    def settle(_: object) -> None:
        held["settling"].append(delivery.lock.locked())

    run = bare_run()
    run._callbacks.append(settle)
    delivery = delivery_of(run)
    run.open(source())
    for data in delivery.stream(Native()):
        held["writing"] += [delivery.lock.locked()] if data else []
    assert held == {"reading": [False] * 3, "settling": [False], "writing": [True] * 3}
    assert delivery.lock.locked()  # for ever: the connection may be somebody else's by now


@pytest.mark.parametrize("writes", range(3))
def test_the_lock_is_kept_behind_a_write_that_failed(writes: int) -> None:
    run = opened(iter([[Text("one ")], [Text("two")]]))
    delivery = delivery_of(run)
    body = delivery.stream(Native())
    for _ in range(1 + writes):
        next(body)
    body.close()  # type: ignore[attr-defined]
    assert delivery.lock.locked()
    assert run.result.outcome == "disconnected"


def test_one_who_has_the_lock_holds_a_write_up() -> None:
    delivery = delivery_of(opened(iter([[Text("one")]])))
    body = delivery.stream(Native())
    assert next(body) == b""
    sent: list[bytes] = []
    with delivery.lock:
        writer = threading.Thread(target=lambda: sent.extend(body))
        writer.start()
        writer.join(0.05)
        assert sent == []
    writer.join(DEADLINE)
    assert [event.type for event in sse.decode(sent)] == ["start", "text", "done"]


# -- what is delivered -------------------------------------------------------------------------


class Follower:
    """Gives what a run has given, as a log would; it knows no run."""

    id, over = "0" * 32, False
    ending: RunError | ClientLeft | None = None

    def __init__(self, given: list[Batch]) -> None:
        self.given = given
        self.closed = 0

    def batches(self) -> Generator[Batch, None, None]:
        for batch in self.given:
            if isinstance(self.ending, ClientLeft):
                raise self.ending
            yield batch

    def end(self, ending: RunError | ClientLeft) -> None:
        self.ending = ending

    def close(self) -> None:
        self.closed += 1


GIVEN: list[Batch] = [[Start("0" * 32), Text("all "), Text("at once")], [Done("stop", 11)]]


def test_an_answer_need_not_be_a_run() -> None:
    follower = Follower(GIVEN)
    kinds = [event.type for event in sse.decode(delivery_of(follower).stream(Native()))]
    assert kinds == ["start", "text", "text", "done"]
    assert follower.closed


def test_an_answer_whose_client_has_left_is_delivered_no_further() -> None:
    follower = Follower(GIVEN)
    body = delivery_of(follower).stream(Native())
    assert next(body) == b""
    assert b"at once" in next(body)
    follower.end(ClientLeft())
    assert list(body) == []
    assert follower.closed


def test_who_waits_for_a_deliverys_end_is_told_once_whatever_they_do() -> None:
    delivery, told = delivery_of(Follower(GIVEN)), []
    delivery.at_end += [lambda: told.append("first"), lambda: 1 / 0, lambda: told.append("last")]
    list(delivery.stream(Native()))
    delivery.close()
    assert told == ["last", "first"]


def test_an_answer_that_can_send_nothing_yet_has_the_headers_leave() -> None:
    body = delivery_of(Follower([[], *GIVEN])).stream(Native())
    assert [next(body), next(body)] == [b"", b""]
    assert [event.type for event in sse.decode(body)] == ["start", "text", "text", "done"]


@pytest.mark.parametrize("silent_at_first", [True, False])
def test_start_says_how_long_a_connection_that_beats_may_be_silent(silent_at_first: bool) -> None:
    delivery = delivery_of(Follower([[], *GIVEN] if silent_at_first else GIVEN))
    delivery.connection.beat = lambda: None
    start = next(sse.decode(delivery.stream(Native())))
    assert start.type == "start"
    assert '"heartbeat":15' in start.data


def test_an_answer_of_which_all_has_been_read_has_a_body_without_bytes() -> None:
    assert b"".join(delivery_of(Follower([])).stream(Native())) == b""


@pytest.mark.parametrize("first", [[], [Text("")], [Step()]], ids=["none", "no words", "a step"])
def test_start_waits_for_no_more_than_the_first_that_is_there(first: Batch) -> None:
    """Until it has left, nobody can be told that we are there, or be seen to leave."""
    asked = []

    def source() -> Iterator[Batch]:
        yield first
        asked.append("for more")
        yield [Text("word")]

    run = opened(source())
    delivery = delivery_of(run)
    body = delivery.stream(Native())
    assert next(body) == b""
    assert b"event: start" in next(body)
    assert asked == []
    rest = [event.type for event in sse.decode(body)]
    assert rest == ["text", "done"]


class Unwritable(Data):
    """An app's own event, which was changed since it was yielded."""

    def payload(self) -> Any:
        raise ValueError("no")


@pytest.mark.parametrize("beats", [True, False])
def test_start_is_told_with_the_failure_of_the_first_that_is_there(beats: bool) -> None:
    def source() -> Iterator[Batch]:
        yield [Unwritable("progress", 1)]

    delivery = delivery_of(opened(source()))
    if beats:
        delivery.connection.beat = lambda: None
    start, failed = sse.decode(delivery.stream(Native()))
    assert (start.type, failed.type) == ("start", "failed")
    assert ('"heartbeat":15' in start.data) is beats


# -- runs that are read in an odd order ----------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_who_reads_on_after_a_run_was_closed_is_told_of_no_good_end(taken: int) -> None:
    run = opened(iter([[Text("one")], [Text("two")]]))
    batches = run.batches()
    for _ in range(taken):
        next(batches)
    run.close()
    assert run.result.outcome == "disconnected"
    with pytest.raises(ClientLeft):
        list(batches)


class Own(Text):
    """An app's own class of words, which says more on the wire."""

    def payload(self) -> dict[str, Any]:
        return {"text": self.text, "spoken": True}


def test_an_apps_own_class_of_words_is_sent_as_it_says() -> None:
    (event,) = sse.decode([Native().encode([Own("one")])])
    assert (event.type, event.data) == ("text", '{"text":"one","spoken":true}')
