"""A stream through a real server: when its bytes leave, and how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from tests.provider import Exchange, Provider
from tests.servers.running import (
    COMMANDS,
    DEADLINE,
    HEAD,
    TAIL,
    Client,
    Server,
    events_of,
    prompt_of,
    running,
    speak,
    word,
    words_for,
)


@pytest.fixture(scope="module")
def speaking() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module", params=list(COMMANDS))
def server(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with running(request.param, speaking.base, tmp_path_factory.mktemp("server")) as server:
        yield server


def said(events: list[tuple[str, dict[str, str]]]) -> str:
    return "".join(data["text"] for kind, data in events if kind == "text")


def test_a_stream_is_byte_exact_and_its_framing_whole(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with Client(server.port) as client:
        body = client.ask("POST", "/chat/exact").whole()
    text = "".join(words_for("exact"))
    events = events_of(body)
    assert said(events) == text
    assert [kind for kind, _ in events[:2]] == ["start", "meta"]
    assert events[-1][0] == "done"
    assert events[-1][1]["text_length"] == len(text.encode("utf-16-le")) // 2
    assert server.results_of("exact") == [["complete", text]]


def test_the_head_says_that_nobody_may_hold_the_stream_back(
    server: Server, speaking: Provider
) -> None:
    speaking.run(speak)
    with Client(server.port) as client:
        client.ask("POST", "/chat/head").whole()
    assert client.status == 200
    headers = client.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache, no-transform"
    assert headers["x-accel-buffering"] == "no"
    assert headers["content-encoding"] == "identity"
    assert headers["vary"] == "Accept"
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers


def test_the_head_and_start_leave_before_the_providers_first_event(
    server: Server, speaking: Provider
) -> None:
    read = threading.Event()
    held = threading.Event()

    def hold(exchange: Exchange) -> None:
        exchange.start()
        if read.wait(DEADLINE):
            held.set()
            exchange.send(HEAD + word("at last") + TAIL)
        exchange.end()

    speaking.run(hold)
    with Client(server.port) as client:
        first = client.ask("POST", "/chat/hold").chunk()
        assert first is not None
        assert events_of(first)[0][0] == "start"
        assert not held.is_set()
        read.set()
        rest = events_of(client.whole())
    assert held.is_set()
    assert (said(rest), rest[-1][0]) == ("at last", "done")


def test_each_word_leaves_before_the_provider_sends_the_next(
    server: Server, speaking: Provider
) -> None:
    heard = threading.Semaphore(0)

    def one_by_one(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD)
        for text in "abc":
            exchange.send(word(text))
            assert heard.acquire(timeout=DEADLINE)
        exchange.send(TAIL)
        exchange.end()

    speaking.run(one_by_one)
    with Client(server.port) as client:
        client.ask("POST", "/chat/pace")
        text = ""
        for chunk in client.chunks():
            text += (new := said(events_of(chunk)))
            for _ in new:
                heard.release()
    assert text == "abc"


def test_a_client_that_leaves_stops_the_provider_and_is_told_once(
    server: Server, speaking: Provider
) -> None:
    left = threading.Event()
    sent: list[str] = []
    gone = threading.Event()

    def go_on(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("first "))
        assert left.wait(DEADLINE)
        for number in range(10):
            sent.append(f"{number} ")
            try:
                exchange.send(word(sent[-1]))
            except OSError:
                gone.set()
                return
            if exchange.gone(2):
                gone.set()
                return

    speaking.run(go_on)
    client = Client(server.port)
    heard = ""
    client.ask("POST", "/chat/leave")
    while heard != "first ":
        chunk = client.chunk()
        assert chunk
        heard += said(events_of(chunk))
    client.leave()
    left.set()
    ((outcome, text),) = server.results_of("leave")
    assert gone.wait(DEADLINE)
    # The first write after a client's FIN succeeds; the second fails, and ends the run.
    assert len(sent) <= 3
    assert outcome == "disconnected"
    assert text in ("first " + "".join(sent[:n]) for n in range(len(sent) + 1))
    speaking.run(speak)
    with Client(server.port) as other:  # the server goes on
        assert events_of(other.ask("POST", "/chat/after").whole())[-1][0] == "done"
    assert len(server.results_of("leave")) == 1


def test_a_connection_serves_again_after_a_stream(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with Client(server.port) as client:
        for prompt in ("keep-1", "keep-2"):
            events = events_of(client.ask("POST", f"/chat/{prompt}").whole())
            assert said(events) == "".join(words_for(prompt))
            if client.headers.get("connection") == "close":  # the sync worker's way
                return
            assert client.ask("GET", "/hello").whole() == b"hello"


def cut(exchange: Exchange) -> None:
    exchange.start()
    exchange.send(HEAD + word("so far"))
    exchange.cut()


def test_a_provider_that_is_cut_off_ends_the_stream_with_failed_and_a_whole_body(
    server: Server, speaking: Provider
) -> None:
    speaking.run(cut)
    with Client(server.port) as client:
        events = events_of(client.ask("POST", "/chat/cut").whole())
    assert (said(events), events[-1][0], events[-1][1]["code"]) == ("so far", "failed", "truncated")
    assert server.results_of("cut") == [["failed", "so far"]]


def test_text_that_fails_is_a_body_without_its_end(server: Server, speaking: Provider) -> None:
    speaking.run(cut)
    with Client(server.port) as client:
        client.ask("POST", "/text/broken")
        assert client.headers["transfer-encoding"] == "chunked"
        body = b""
        while chunk := client.chunk():
            body += chunk
    assert chunk is None, "the body has an end, as if the answer were whole"
    assert body == b"so far"
    assert server.results_of("broken") == [["failed", "so far"]]


def test_text_that_does_not_fail_has_its_end(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with Client(server.port) as client:
        body = client.ask("POST", "/text/whole").whole()
    assert body.decode() == "".join(words_for("whole"))


# -- many at once -----------------------------------------------------------------------

MANY = 50


@pytest.fixture(scope="module")
def gthread(speaking: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("gthread")
    with running("gunicorn gthread", speaking.base, folder) as server:
        yield server


def test_fifty_streams_at_once_are_each_byte_exact(gthread: Server, speaking: Provider) -> None:
    together = threading.Barrier(MANY)  # nobody speaks before all have been asked

    def speak_together(exchange: Exchange) -> None:
        together.wait(DEADLINE)
        speak(exchange)

    speaking.run(speak_together)
    bodies: dict[str, bytes] = {}

    def ask(prompt: str) -> None:
        with Client(gthread.port) as client:
            bodies[prompt] = client.ask("POST", f"/chat/{prompt}").whole()

    prompts = [f"many-{number}" for number in range(MANY)]
    threads = [threading.Thread(target=ask, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE)
    assert not together.broken
    assert sorted(bodies) == sorted(prompts)
    for prompt, body in bodies.items():
        events = events_of(body)
        text = "".join(words_for(prompt))
        assert said(events) == text, prompt
        kinds = [kind for kind, _ in events]
        assert (kinds[0], kinds[-1], kinds.count("done")) == ("start", "done", 1)
        assert gthread.results_of(prompt) == [["complete", text]]
    assert len({json.dumps(events_of(body)[0]) for body in bodies.values()}) == MANY
    assert "Traceback" not in gthread.log


def test_of_fifty_streams_those_that_leave_do_not_disturb_the_others(
    gthread: Server, speaking: Provider
) -> None:
    begun = threading.Barrier(MANY + 1)
    left = threading.Event()

    def wait_in_the_middle(exchange: Exchange) -> None:
        words = words_for(prompt_of(exchange))
        exchange.start()
        exchange.send(HEAD + word(words[0]))
        left.wait(DEADLINE)
        for text in words[1:]:
            exchange.send(word(text))
        exchange.send(TAIL)
        exchange.end()

    speaking.run(wait_in_the_middle)
    bodies: dict[str, bytes] = {}

    def ask(number: int) -> None:
        prompt = f"mixed-{number}"
        with Client(gthread.port) as client:
            body = client.ask("POST", f"/chat/{prompt}").chunk() or b""
            while not said(events_of(body)):
                body += client.chunk() or b""
            begun.wait(DEADLINE)
            if number % 2:
                return
            bodies[prompt] = body + client.whole()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(MANY)]
    for thread in threads:
        thread.start()
    begun.wait(DEADLINE)
    for thread in threads[1::2]:
        thread.join(DEADLINE)
    left.set()
    for thread in threads[::2]:
        thread.join(DEADLINE)
    assert len(bodies) == MANY / 2
    for prompt, body in bodies.items():
        assert said(events_of(body)) == "".join(words_for(prompt)), prompt
    for number in range(1, MANY, 2):
        ((outcome, _),) = gthread.results_of(f"mixed-{number}")
        assert outcome == "disconnected"
