"""What holds of every chat client whose streams we read: its group's tests extend `Contract`."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from inspect import isawaitable
from typing import Any

import pytest

from flask_stream import ProviderError, Result, SourceError, ToolCall, ToolResult, relay
from tests.conftest import Site, said
from tests.provider import Exchange, Provider
from tests.sources.running import AT_ONCE, Server
from tests.sources.scripts import SSE, Silent, Together, cut, fail, speak

WORDS = ["The lighthouse ", "has 214 steps.\n", "Bring a lamp 🔦."]
NOTICED = 10.0  # seconds; it takes milliseconds

Events = list[tuple[str, Any]]


class Contract(ABC):
    """The group's `SITE` has `/chat/PROMPT`, which returns a stream, and `/relay/PROMPT`.

    And `/async/PROMPT`, which returns what the async client gives, where there is one.

    :cvar provider_name: what `meta` says.
    :cvar has_async: the client has an async twin.
    :cvar statuses: HTTP statuses that the client passes on at once, and our code for each.
    """

    content_type = SSE
    provider_name: str | None
    has_async = True
    statuses: Sequence[tuple[int, str, int]] = (
        (401, "auth", 502),
        (429, "rate_limited", 503),
        (503, "overloaded", 503),
        (504, "timeout", 504),
        (500, "provider_error", 502),
    )

    @abstractmethod
    def ask(self, base: str) -> Any:
        """The client's stream of an answer, which a view returns."""

    def ask_async(self, base: str) -> Any:
        """What the async client's call gives: mostly a coroutine."""
        raise NotImplementedError

    @abstractmethod
    def pieces(self, words: Sequence[str]) -> list[bytes]:
        """What the provider sends of an answer: a piece for each of the words, then its end."""

    @abstractmethod
    def whole(self, words: Sequence[str]) -> Any:
        """The JSON of the same answer where it is not streamed."""

    @abstractmethod
    def ask_whole(self, base: str) -> tuple[str, Any]:
        """The text of the client's answer that is not streamed; and the answer itself."""

    @abstractmethod
    def prompt_of(self, body: Any) -> str:
        """What was asked, in a request's JSON."""

    def error(self, status: int) -> Any:
        """The JSON of an error."""
        return {"error": {"message": "secret words", "type": "x"}}

    # -- what is carried --

    @pytest.fixture(params=["returned", "relayed", "items yielded"])
    def way(self, request: pytest.FixtureRequest) -> Callable[[Any], Any]:
        """The ways in which a view has a client's stream."""
        if request.param == "returned":
            return lambda stream: stream
        if request.param == "relayed":
            return lambda stream: relay(stream)
        return lambda stream: (item for item in stream)

    def answer(self, site: Site, ask: Callable[[], Any]) -> Events:
        site.view(ask)
        return site.events()

    def test_the_text_is_that_of_the_clients_own_answer(
        self, provider: Provider, site: Site, way: Callable[[Any], Any]
    ) -> None:
        provider.run(
            speak(self.pieces(WORDS), self.content_type, pause=0.01), fail(200, self.whole(WORDS))
        )
        events = self.answer(site, lambda: way(self.ask(provider.base)))
        assert said(events) == self.ask_whole(provider.base)[0] == "".join(WORDS)
        kinds = [kind for kind, _ in events]
        assert kinds.count("text") == len(WORDS)
        assert (kinds[0], kinds[-1]) == ("start", "done")
        assert events[-1][1]["stop_reason"] == "stop"
        assert self.provider_name in [
            data.get("provider") for kind, data in events if kind == "meta"
        ]

    @pytest.fixture(params=["returned", "relayed", "items yielded"])
    def async_way(self, request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
        """The ways in which a view has an async client's stream: what is given makes it."""
        if not self.has_async:
            pytest.skip("it has no async client")
        if request.param == "returned":
            return lambda ask: ask()
        if request.param == "relayed":
            return lambda ask: relay(ask())

        async def items(ask: Callable[[], Any]) -> AsyncIterator[Any]:
            stream = ask()
            async for item in await stream if isawaitable(stream) else stream:
                yield item

        return items

    def test_the_async_clients_text_is_the_same(
        self, provider: Provider, site: Site, async_way: Callable[[Callable[[], Any]], Any]
    ) -> None:
        provider.run(
            speak(self.pieces(WORDS), self.content_type, pause=0.01),
            cut(self.pieces(WORDS)[: len(WORDS) - 1], self.content_type),
        )
        site.view(lambda: async_way(lambda: self.ask_async(provider.base)))
        events = site.events()
        assert (said(events), events[-1][0]) == ("".join(WORDS), "done")
        assert [kind for kind, _ in events].count("text") == len(WORDS)
        events = site.events()
        assert (events[-1][0], events[-1][1].get("code")) == ("failed", "truncated")

    # -- what goes wrong --

    def test_a_cut_connection(
        self, provider: Provider, site: Site, way: Callable[[Any], Any]
    ) -> None:
        provider.run(cut(self.pieces(WORDS)[: len(WORDS) - 1], self.content_type))
        events = self.answer(site, lambda: way(self.ask(provider.base)))
        assert events[-1][0] == "failed"
        assert events[-1][1]["code"] == "truncated"

    def test_an_answer_without_its_end_mark(self, provider: Provider, site: Site) -> None:
        provider.run(speak(self.pieces(WORDS)[: len(WORDS) - 1], self.content_type))
        events = self.answer(site, lambda: self.ask(provider.base))
        assert (events[-1][0], events[-1][1]["code"]) == ("failed", "truncated")

    def test_an_http_error(self, provider: Provider, site: Site) -> None:
        """Its status is that of the answer, where that is one JSON value."""
        asked: list[Any] = []
        site.view(lambda: self.ask(provider.base))
        for status, _code, _ours in self.statuses:
            provider.run(fail(status, self.error(status)))
            response = site.ask(headers={"Accept": "application/json"})
            told = json.loads(response.data)
            asked.append((status, told.get("error", told)["code"], response.status_code))
            assert b"secret words" not in response.data
        assert asked == list(self.statuses)

    def test_an_error_that_a_relay_meets_can_be_caught(
        self, provider: Provider, site: Site
    ) -> None:
        provider.run(cut(self.pieces(WORDS)[:1], self.content_type))

        def view() -> Iterator[Any]:
            try:
                yield from relay(self.ask(provider.base))
            except ProviderError as error:
                yield f"|{error.error_code}|{error.result and error.result.text}"

        events = self.answer(site, view)
        assert said(events) == f"{WORDS[0]}|truncated|{WORDS[0]}"

    def test_a_complete_answer_is_refused(self, provider: Provider, site: Site) -> None:
        site.app.testing = True
        provider.run(fail(200, self.whole(WORDS)))
        site.view(lambda: self.ask_whole(provider.base)[1])
        with pytest.raises(SourceError, match="complete answer"):
            site.events()

    # -- on a server --

    def test_a_reader_who_leaves_in_silence(self, server: Server, speaking: Provider) -> None:
        for path in ("/chat/left", "/relay/left", "/async/left")[: 3 if self.has_async else 2]:
            silent = Silent(self.pieces(WORDS)[: len(WORDS) - 1], self.content_type)
            speaking.run(silent)
            with server.connect() as client:
                client.ask("POST", path).until(b"214 steps")
                silent.said_all()
                left_at = time.monotonic()
            assert silent.left_at() - left_at < NOTICED

    def test_many_at_once(self, server: Server, speaking: Provider) -> None:
        def words_for(exchange: Exchange) -> list[bytes]:
            prompt = self.prompt_of(exchange.body or exchange.path)
            return self.pieces([f"{prompt}·{number} " for number in range(20)])

        for path in ("chat", "async")[: 2 if self.has_async else 1]:
            speaking.run(Together(AT_ONCE, words_for, self.content_type))
            answers = server.at_once(lambda number: f"/{path}/prompt-{number}")  # noqa: B023
            for number, events in enumerate(answers):
                assert said(events) == "".join(f"prompt-{number}·{n} " for n in range(20))
                assert events[-1][0] == "done"


def result_of(site: Site, stream: Callable[[], Any]) -> tuple[Result, Events]:
    """What a relay of a stream gives back; and the events of the answer."""
    results: list[Result] = []

    def view() -> Iterator[Any]:
        results.append((yield from relay(stream())))

    site.view(view)
    events = site.events()
    assert results, events
    return results[0], events


def kinds(events: Events) -> list[str]:
    """The names of the events, those that follow each other once; without `start`."""
    names = [kind for kind, _ in events[1:]]
    return [name for at, name in enumerate(names) if not at or names[at - 1] != name]


def calls_and_results(events: Events) -> list[tuple[str, str]]:
    """Each whole call and each result, with the call's id."""
    return [(kind, data["id"]) for kind, data in events if kind in ("tool_call", "tool_result")]


#: Of two steps, in a library without ids of its own.
NUMBERED = [
    ("tool_call", "1"),
    ("tool_result", "1"),
    ("tool_call", "2"),
    ("tool_result", "2"),
]


def consumed(stream: Any) -> Any:
    """A stream that somebody has read to its end."""
    list(stream)
    return stream


async def consumed_async(asked: Any) -> Any:
    """The same of an async client's, once it is awaited."""
    stream = await asked
    async for _ in stream:
        pass
    return stream


def loop_of(
    site: Site,
    ask: Callable[[list[Any]], Any],
    messages: Sequence[Any],
    named_by: Callable[[ToolCall], Any] = lambda call: {"tool_call_id": call.id},
) -> tuple[list[Result], Events]:
    """A tool loop, as an app writes it: the Result of each step, and the events of the answer.

    :param ask: gives a stream of the answer to these messages.
    :param named_by: how a tool's message says which call it is for.
    """
    results: list[Result] = []

    def view() -> Iterator[Any]:
        said = list(messages)
        while True:
            result = yield from relay(ask(said))
            results.append(result)
            if not result.tool_calls:
                return
            said.append(result.message)
            for call in result.tool_calls:
                yield ToolResult(call.id, 214)
                said.append({"role": "tool", **named_by(call), "content": "214"})

    site.view(view)
    return results, site.events()
