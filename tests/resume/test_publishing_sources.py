"""What a task publishes that is asynchronous, pushed, or another library's; and who stops it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from flask_stream import bridge, relay
from flask_stream.providers import libraries
from tests.in_memory import InMemory
from tests.resume.conftest import DEADLINE, ResumableSite, events_of, eventually, said
from tests.test_partial import GROWING, PIECES, reads


@pytest.fixture
def owned(site: ResumableSite, monkeypatch: pytest.MonkeyPatch) -> ResumableSite:
    monkeypatch.setattr(libraries, "_registered", [])
    site.stream.owner(lambda: "ann")
    return site


def publish(owned: ResumableSite, source: Any) -> tuple[Any, list[Any]]:
    """The Result, and what a reader gets of the run."""
    with owned.app.app_context():
        result = owned.stream.publish(source, owner="ann")
    return result, events_of(owned.reader().get(f"/_stream/{result.id}"))


async def words() -> AsyncIterator[str]:
    for word in ("one ", "two"):
        yield word
        await asyncio.sleep(0)


async def giving(value: Any) -> Any:
    return value


class Answer:
    """Another library's."""


def pushed(owned: ResumableSite) -> Any:
    channel = owned.stream.channel(1)
    channel.start(lambda: [channel.send(word) for word in ("one ", "two")] and None)
    return channel


def registered(owned: ResumableSite) -> Any:
    @owned.stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[str]:
        yield from ("one ", "two")

    return Answer()


@pytest.mark.parametrize(
    "make",
    [
        lambda owned: words(),
        lambda owned: giving(words()),
        lambda owned: bridge(words()),
        pushed,
        registered,
    ],
    ids=["async", "coroutine", "bridge", "channel", "library"],
)
def test_whatever_gives_an_answer_is_published(
    owned: ResumableSite, make: Callable[[ResumableSite], Any]
) -> None:
    result, events = publish(owned, make(owned))
    assert (result.outcome, result.text, said(events)) == ("complete", "one two", "one two")


def test_a_relay_that_tells_of_growing_arguments_is_kept_so(owned: ResumableSite) -> None:
    def source() -> Iterator[Any]:
        stream = InMemory(reads("openai_chat", *PIECES)).create("openai_chat")
        yield from relay(stream, partial=True)

    _, events = publish(owned, source())
    deltas = [event.data for event in events if event.kind == "tool_call_delta"]
    assert [data["partial"] for data in deltas] == GROWING


@pytest.mark.parametrize("make", [lambda stream: stream, bridge], ids=["async", "bridge"])
def test_a_reader_stops_one_that_is_silent(
    owned: ResumableSite, make: Callable[[Any], Any]
) -> None:
    ended = threading.Event()
    results: list[Any] = []

    async def silent() -> AsyncIterator[str]:
        try:
            yield "Hello "
            await asyncio.Event().wait()
        finally:
            ended.set()

    def task() -> None:
        with owned.app.app_context():
            results.append(owned.stream.publish(make(silent()), owner="ann"))

    thread = threading.Thread(target=task)
    thread.start()
    keeper = owned.app.extensions["flask_stream"].keeper(owned.app)
    [state] = eventually(lambda: [state for state in keeper.log.alive() if state.last >= 2])
    assert owned.reader().post(f"/_stream/{state.id}/stop").status_code == 204
    assert ended.wait(DEADLINE)
    thread.join(DEADLINE)
    assert [(result.outcome, result.text) for result in results] == [("stopped", "Hello ")]
