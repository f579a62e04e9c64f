"""Other libraries' streams: what an app registers for one, how it is read, and how it is woken."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from anthropic.types import RawMessageStopEvent

from flask_stream import (
    Data,
    End,
    FlaskStream,
    Meta,
    ProviderError,
    Reasoning,
    Refusal,
    Result,
    Source,
    SourceError,
    Step,
    StreamFailed,
    Text,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
    relay,
)
from flask_stream.providers import blocked, libraries
from flask_stream.providers.adapt import adapt_relayed
from flask_stream.providers.library_errors import AppsOwn
from flask_stream.providers.relay import relay_source
from flask_stream.providers.source import Source as OfProvider
from tests.conftest import Site
from tests.provider import PATHS, Exchange, Provider, told
from tests.servers.client import DEADLINE, Client
from tests.servers.running import until
from tests.stalling import Stalling
from tests.test_watch import connect
from tests.transcripts.reading import collect

__all__ = ["connect"]  # a fixture


class Answer:
    """Another library's stream."""

    def __init__(self, *said: Any) -> None:
        self._said = said
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        for each in self._said:
            if isinstance(each, Exception):
                raise each
            yield each

    def close(self) -> None:
        self.closed = True


class Piece:
    """One of its items."""

    def __init__(self, text: str) -> None:
        self.text = text


@pytest.fixture
def stream(site: Site, monkeypatch: pytest.MonkeyPatch) -> FlaskStream:
    monkeypatch.setattr(libraries, "_registered", [])
    return site.stream


def read_as_said(stream: FlaskStream, end: End | None = None) -> None:
    """Register a function that yields what the `Answer` has."""

    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Generator[Any, None, End | None]:
        yield from answer
        return end


def ask(site: Site, view: Callable[[], Any]) -> list[tuple[str, Any]]:
    """The events with which a view's answer reaches its reader."""
    site.view(view)
    return site.events()


@pytest.fixture(params=["returned", "relayed", "yielded from a generator"])
def way(request: pytest.FixtureRequest) -> Callable[[Answer], Any]:
    """The ways in which a view has a library's stream."""
    if request.param == "returned":
        return lambda answer: answer
    if request.param == "relayed":
        return lambda answer: relay(answer)
    return lambda answer: iter(answer)


def test_a_registered_function_reads_what_a_view_returns(
    site: Site, stream: FlaskStream, way: Callable[[Answer], Any]
) -> None:
    @stream.source(lambda obj: isinstance(obj, Answer | Piece))
    def read(items: Iterable[Piece]) -> Iterator[Any]:
        yield Meta("acme", "m-1")
        for item in items:
            yield item.text

    (start, *told, done) = ask(site, lambda: way(Answer(Piece("Hello"), Piece(" world"))))
    assert start[0] == "start"
    assert told == [
        ("meta", {"provider": "acme", "model": "m-1"}),
        ("text", {"text": "Hello"}),
        ("text", {"text": " world"}),
    ]
    assert done == ("done", {"stop_reason": "stop", "text_length": 11})


def test_the_result_of_a_relay_has_all_that_was_said(site: Site, stream: FlaskStream) -> None:
    results: list[Result] = []
    message = {"role": "assistant"}
    read_as_said(stream, End("max_tokens", message, {"n": 3}))
    call = ToolCall("1", "look", {"at": "it"})
    page = Source("https://a.example", "A")
    usage = Usage(5, 7)

    def view() -> Iterator[Any]:
        said = (Usage(1), Reasoning("Hm."), "Yes", call, page, page, Text("Done."), usage)
        results.append((yield from relay(Answer(*said))))

    told = ask(site, view)
    (result,) = results
    assert (result.text, result.reasoning) == ("Yes\n\nDone.", "Hm.")
    assert (result.tool_calls, result.sources) == ([call], [page])
    assert (result.usage, result.raw_usage) == (usage, {"n": 3})
    assert (result.message, result.outcome) == (message, "complete")
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "max_tokens")
    assert [kind for kind, _ in told if kind != "start"] == [
        *("reasoning", "text", "tool_call_start", "tool_call", "source", "text", "usage", "done"),
    ]


@pytest.mark.parametrize(
    ("said", "word", "reason"),
    [
        ((), None, "stop"),
        ((), "MAX_TOKENS", "length"),
        ((ToolCall("1", "a", {}),), None, "tool_calls"),
        ((ToolCall("1", "a", {}),), "stop", "tool_calls"),
        ((ToolCall("1", "a", {}),), "max_tokens", "length"),
        ((ToolCall("1", "a", {}, server=True),), None, "stop"),
        ((ToolCall("1", "a", {}), ToolResult("1", 2)), None, "stop"),
        ((ToolCall("1", "a", {}), ToolResult("1", 2)), "tool_calls", "stop"),
        ((), "tool_calls", "tool_calls"),
        (
            (ToolCall("1", "a", {}), ToolCall("2", "a", {}), ToolResult("1", 2)),
            "tool_calls",
            "tool_calls",
        ),
        ((ToolCall("1", "a", {}), Step(), "So."), None, "stop"),
        ((Refusal("No."),), None, "refusal"),
        ((Refusal("No."), "Well."), None, "stop"),
    ],
)
def test_why_it_stopped(
    site: Site, stream: FlaskStream, said: tuple[Any, ...], word: str | None, reason: str
) -> None:
    read_as_said(stream, End(word))
    assert ask(site, lambda: Answer(*said))[-1][1]["stop_reason"] == reason


def test_a_call_that_was_told_to_begin_begins_once(site: Site, stream: FlaskStream) -> None:
    read_as_said(stream)
    said = (ToolCallStart("1", "a"), ToolCallDelta("1", "{}"), ToolCall("1", "a", {}))
    told = ask(site, lambda: Answer(*said))
    assert [kind for kind, _ in told[1:-1]] == ["tool_call_start", "tool_call_delta", "tool_call"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProviderError("truncated"), "truncated"),
        (ProviderError("overloaded"), "overloaded"),
        (StreamFailed("Enough.", error_code="quota"), "quota"),
        (httpx.ReadError("cut"), "truncated"),
        (requests.exceptions.ChunkedEncodingError("cut"), "truncated"),
        (ZeroDivisionError("a bug of the app's tool"), "internal"),
    ],
)
def test_an_error_in_mid_stream(
    site: Site, stream: FlaskStream, way: Callable[[Answer], Any], error: Exception, code: str
) -> None:
    @stream.source(lambda obj: isinstance(obj, Answer | Piece))
    def read(items: Iterable[Piece]) -> Iterator[Any]:
        for item in items:
            yield item.text

    told = ask(site, lambda: way(Answer(Piece("Half"), error)))
    assert [kind for kind, _ in told] == ["start", "text", "failed"]
    assert told[-1][1]["code"] == code


def test_a_relays_failure_can_be_caught_and_what_came_is_kept(
    site: Site, stream: FlaskStream
) -> None:
    read_as_said(stream)

    def view() -> Iterator[Any]:
        try:
            yield from relay(Answer("Half", httpx.ReadError("cut")))
        except ProviderError as error:
            yield Data("had", error.result.text if error.result else None)

    assert ("had", "Half") in ask(site, view)


def test_the_latest_one_that_was_registered_is_asked_first(site: Site, stream: FlaskStream) -> None:
    read_as_said(stream)

    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[str]:
        yield "the second"

    assert ("text", {"text": "the second"}) in ask(site, lambda: Answer("the first"))


def test_it_is_closed_once_it_is_over(stream: FlaskStream) -> None:
    read_as_said(stream)
    for answer in (Answer("whole"), Answer("half", ProviderError())):
        with suppress(ProviderError):
            list(relay(answer))
        assert answer.closed


@pytest.mark.parametrize("said", [3, None, {"text": "x"}, b"bytes"])
def test_what_no_function_may_yield_is_told(stream: FlaskStream, said: Any) -> None:
    read_as_said(stream)
    with pytest.raises(SourceError, match=r"A function of @stream\.source yielded"):
        list(relay(Answer(said)))


@pytest.mark.parametrize("end", ["stop", 3, End(5), {}])  # type: ignore[arg-type]
def test_what_no_function_may_return_is_told(stream: FlaskStream, end: Any) -> None:
    read_as_said(stream, end)
    with pytest.raises(SourceError, match=r"below @stream\.source returned"):
        list(relay(Answer("Hello")))


def test_a_stream_that_gives_nothing_was_cut(site: Site) -> None:
    """Of which nothing can be known."""
    (_, failed) = ask(site, lambda: relay(iter(())))[-1]
    assert failed["code"] == "truncated"


def test_a_generator_that_was_read_to_its_end_is_told(site: Site) -> None:
    """Where it came from nobody knows any more, but nothing can come of it."""

    def view() -> Iterator[str]:
        words = (word for word in ("The ", "lamp"))
        list(words)
        return words

    site.app.testing = True
    site.view(view)
    with pytest.raises(SourceError, match="a stream that is closed"):
        site.events()


def test_a_wire_is_of_no_matter_where_a_function_reads(site: Site, stream: FlaskStream) -> None:
    read_as_said(stream)
    (*_, text, done) = ask(site, lambda: relay(Answer("Hello"), wire="openai_chat"))
    assert (text, done[0]) == (("text", {"text": "Hello"}), "done")


class Table:
    """As of numpy or pandas: it has no truth."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


def test_a_dict_of_the_apps_own_is_not_asked_what_it_holds(site: Site, stream: FlaskStream) -> None:
    site.app.testing = True
    site.view(lambda: {"stream": Table(), "body": Table()})
    with pytest.raises(TypeError, match="Table is not JSON serializable"):  # Flask's own
        site.ask()


def test_a_registration_that_makes_no_sense_is_refused(stream: FlaskStream) -> None:
    with pytest.raises(SourceError, match="takes a function that says whether"):
        stream.source("acme")  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="takes a function that says whether"):
        stream.source(Answer)
    with pytest.raises(SourceError, match=r"Write @stream\.source\(…\) with it"):

        @stream.source
        def read(answer: Answer) -> Iterator[Any]:
            yield from answer

    with pytest.raises(SourceError, match="must be a generator function"):
        stream.source(callable)(lambda obj: iter(()))  # type: ignore[type-var]


def test_a_predicate_that_fails_is_told_with_the_function_that_it_stands_for(
    site: Site, stream: FlaskStream
) -> None:
    @stream.source(lambda obj: bool(obj.is_acmes))
    def read_acme(answer: Any) -> Iterator[Any]:
        yield from answer

    site.app.testing = True
    site.view(lambda: iter(["one"]))
    with pytest.raises(SourceError, match=r"read_acme.* has raised AttributeError.*isinstance"):
        site.ask()


def test_a_tools_own_http_error_is_the_apps(site: Site, stream: FlaskStream) -> None:
    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[Any]:
        try:
            yield from answer
        except httpx.HTTPError as error:
            raise AppsOwn from error

    told = ask(site, lambda: Answer("Half", httpx.ReadError("of the tool's")))
    assert told[-1][1]["code"] == "internal"


def test_a_step_sets_off_what_is_said_in_it(site: Site, stream: FlaskStream) -> None:
    read_as_said(stream)
    said = (Text("One."), ToolCall("1", "a", {}), Step(), Text("Two."))
    told = ask(site, lambda: Answer(*said))
    assert [data["text"] for kind, data in told if kind == "text"] == ["One.", "\n\nTwo."]
    assert told[-1][1]["stop_reason"] == "stop"  # whoever asks again has answered the call


# -- a reader that leaves while the provider is silent ----------------------------------------


def by_http_client(url: str) -> Iterator[bytes]:
    split = urlsplit(url)
    with closing(http.client.HTTPConnection(split.netloc)) as connection:
        connection.request("POST", split.path, b"{}", {"Content-Type": "application/json"})
        with connection.getresponse() as response:
            yield from response


def by_urllib(url: str) -> Iterator[bytes]:
    with urllib.request.urlopen(url, b"{}") as response:
        yield from response


def by_requests(url: str) -> Iterator[bytes]:
    with requests.Session() as session, session.post(url, json={}, stream=True) as response:
        yield from response.iter_content(None)


def by_httpx(url: str) -> Iterator[bytes]:
    with httpx.Client() as client, client.stream("POST", url, json={}) as response:
        yield from response.iter_bytes()


def in_a_pool(url: str) -> Iterator[bytes]:
    """As LangGraph's nodes: a thread of a pool asks, and one of another one waits for it."""
    pieces = by_httpx(url)

    def piece() -> bytes:
        with ThreadPoolExecutor(1) as inner:
            return inner.submit(next, pieces).result()

    with ThreadPoolExecutor(1) as outer:
        while True:
            (done, _) = wait([outer.submit(piece)])
            yield done.pop().result()


@pytest.mark.parametrize("client", [by_http_client, by_urllib, by_requests, by_httpx, in_a_pool])
def test_who_reads_is_woken_in_silence_whatever_client_it_waits_by(
    site: Site,
    provider: Provider,
    stream: FlaskStream,
    connect: Callable[[], Client],
    client: Callable[[str], Iterator[bytes]],
) -> None:
    results: list[Result] = []
    script = Stalling()
    provider.run(script)

    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[str]:
        for piece in client(provider.base + PATHS["anthropic"]):
            yield piece.decode()

    site.view(on_finish=results.append)(lambda: Answer())
    reader = connect()
    reader.until(b"message_start")
    reader.leave()
    assert script.gone.wait(DEADLINE)
    until(lambda: results, "the run has not ended")
    assert [result.outcome for result in results] == ["disconnected"]


class CutOff:
    """Pieces of which a function has read some as its reader leaves."""

    def __init__(self) -> None:
        self.is_read = threading.Event()
        self.source: OfProvider | None = None
        self.given = 0

    def pieces(self) -> Iterator[Piece]:
        for _ in range(10_000):
            if self.is_read.is_set() and self.source is not None:
                self.source.cancel()
            self.given += 1
            yield Piece("word ")

    async def of_async_code(self) -> AsyncIterator[Piece]:
        for piece in self.pieces():
            yield piece
            await asyncio.sleep(0)


@pytest.mark.parametrize("pieces", [CutOff.pieces, CutOff.of_async_code])
@pytest.mark.parametrize("says", [True, False])
def test_a_function_whose_reader_has_left_takes_no_part_for_the_whole(
    stream: FlaskStream, pieces: Callable[[CutOff], Any], says: bool
) -> None:
    """Behind its loop it may save what was said. Where it says nothing, it is ended as well."""
    cut_off = CutOff()
    saw: list[str] = []

    @stream.source(lambda obj: isinstance(obj, Piece))
    def read(given: Iterable[Piece]) -> Iterator[str]:
        try:
            for piece in given:
                cut_off.is_read.set()
                if says:
                    yield piece.text
            saw.append("all of it")
        except GeneratorExit:
            saw.append("its end")
            raise

    found = cut_off.source = adapt_relayed(pieces(cut_off))
    _, result = collect(relay_source(found))
    assert saw == ["its end"]
    assert result.outcome != "complete"
    assert cut_off.given < 1_000


def test_an_apps_code_behind_an_answer_that_is_cut_off_is_no_whole(provider: Provider) -> None:
    sources: list[OfProvider] = []

    def answer() -> Iterator[Any]:
        yield from provider.create("anthropic")
        sources[0].cancel()
        while True:
            yield RawMessageStopEvent(type="message_stop")

    provider.play(told("anthropic"))
    found = adapt_relayed(answer())
    sources.append(found)
    _, result = collect(relay_source(found))
    assert result.outcome != "complete"


@pytest.mark.parametrize("leaving", ["in silence", "between two words"])
def test_a_function_may_tell_its_provider_that_its_reader_has_left(
    site: Site,
    provider: Provider,
    stream: FlaskStream,
    connect: Callable[[], Client],
    leaving: str,
) -> None:
    """By a request that takes a while. It is no wait for what nobody wants any more."""
    script = Stalling()
    answers: list[Any] = []
    is_told = threading.Event()
    has_left = threading.Event()

    def told_slowly(exchange: Exchange) -> None:
        if not exchange.gone(0.4):
            exchange.answer(200, "thanks")

    provider.run(script, told_slowly)
    url = provider.base + PATHS["anthropic"]

    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[str]:
        try:
            for piece in by_requests(url):
                yield piece.decode()
                if leaving == "between two words":
                    assert has_left.wait(DEADLINE)
                    yield "nobody gets this"
        finally:
            with suppress(requests.RequestException):
                answers.append(requests.post(url, json={}, timeout=DEADLINE).json())
            is_told.set()

    site.view(lambda: Answer())
    reader = connect()
    reader.until(b"message_start")
    reader.leave()
    has_left.set()
    assert is_told.wait(DEADLINE)
    assert answers == ["thanks"]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether there was something to wake, each time that it was tried."""
    tried: list[bool] = []
    wake = blocked.Waiting.wake
    monkeypatch.setattr(blocked.Waiting, "wake", lambda self: tried.append(wake(self)))
    return tried


class SocketInPython(socket.socket):
    """Its methods have frames of Python, as gevent's have: so it can be found in them."""

    def recv(self, *args: Any) -> bytes:
        return super().recv(*args)


def test_a_socket_that_is_no_http_clients_is_left_alone(
    site: Site,
    stream: FlaskStream,
    connect: Callable[[], Client],
    woken: list[bool],
) -> None:
    """A tool of the app's waits for its database, in a thread of Flask's own server."""
    results: list[Result] = []
    got: list[bytes] = []
    ours, database = socket.socketpair()
    ours = SocketInPython(fileno=ours.detach())

    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[str]:
        yield "asks"
        got.append(ours.recv(9))
        yield "has asked"

    site.view(on_finish=results.append)(lambda: Answer())
    with ours, database:
        reader = connect()
        reader.until(b"asks")
        reader.leave()
        until(lambda: len(woken) > 2, "nobody has tried to wake it")
        database.send(b"rows")
        until(lambda: results, "the run has not ended")
    assert (got, any(woken)) == ([b"rows"], False)
    assert [result.outcome for result in results] == ["disconnected"]


class Lazy:
    """As a proxy of a tool's is, which must not be asked for what it has not."""

    def __init__(self) -> None:
        self.has_come = threading.Event()

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"{name} was asked for")

    def wait(self) -> bool:
        return self.has_come.wait(DEADLINE)


def test_what_waits_in_the_same_thread_is_looked_at_and_not_asked(
    site: Site,
    stream: FlaskStream,
    connect: Callable[[], Client],
    woken: list[bool],
) -> None:
    results: list[Result] = []
    lazy = Lazy()

    @stream.source(lambda obj: isinstance(obj, Answer))
    def read(answer: Answer) -> Iterator[str]:
        yield "waits"
        lazy.wait()
        yield "has waited"

    site.view(on_finish=results.append)(lambda: Answer())
    reader = connect()
    reader.until(b"waits")
    reader.leave()
    until(lambda: len(woken) > 2, "nobody has tried to wake it")
    lazy.has_come.set()
    until(lambda: results, "the run has not ended")
    assert [result.outcome for result in results] == ["disconnected"]
