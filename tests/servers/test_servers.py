"""A stream through a real server: when its bytes leave, and how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.provider import Exchange, Provider
from tests.servers.client import DEADLINE, Client, events_of, said
from tests.servers.running import Server, directly, on
from tests.servers.talk import HEAD, TAIL, cut, prompt_of, speak, word, words_for


def test_a_stream_is_byte_exact_and_its_framing_whole(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with server.connect() as client:
        body = client.ask("POST", "/chat/exact").whole()
    text = "".join(words_for("exact"))
    events = events_of(body)
    assert said(events) == text
    assert [kind for kind, _ in events[:2]] == ["start", "meta"]
    assert events[-1][0] == "done"
    assert events[-1][1]["text_length"] == len(text.encode("utf-16-le")) // 2
    assert server.results_of("exact") == [["complete", text, None]]


def test_the_head_says_that_nobody_may_hold_the_stream_back(
    server: Server, speaking: Provider
) -> None:
    speaking.run(speak)
    with server.connect() as client:
        client.ask("POST", "/chat/head").whole()
    assert client.status == 200
    headers = client.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store, no-transform"
    # It is for nginx, which does not pass it on.
    assert headers.get("x-accel-buffering") == (None if "nginx" in server.name else "no")
    assert headers["content-encoding"] == "identity"
    assert headers["vary"] == "Accept, Sec-Fetch-Site, Origin, Last-Event-ID"
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
    with server.connect() as client:
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
    with server.connect() as client:
        client.ask("POST", "/chat/pace")
        text = ""
        for chunk in client.chunks():
            text += (new := said(events_of(chunk)))
            for _ in new:
                heard.release()
    assert text == "abc"


def test_a_connection_serves_again_after_a_stream(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with server.connect() as client:
        for prompt in ("keep-1", "keep-2"):
            events = events_of(client.ask("POST", f"/chat/{prompt}").whole())
            assert said(events) == "".join(words_for(prompt))
            client.has_no_more()
            if client.headers.get("connection") == "close":  # the sync worker's way
                return


def test_a_provider_that_is_cut_off_ends_the_stream_with_failed_and_a_whole_body(
    server: Server, speaking: Provider
) -> None:
    speaking.run(cut)
    with server.connect() as client:
        events = events_of(client.ask("POST", "/chat/cut").whole())
    assert (said(events), events[-1][0], events[-1][1]["code"]) == ("so far", "failed", "truncated")
    assert server.results_of("cut") == [["failed", "so far", "truncated"]]


# Not through nginx: it asks in HTTP/1.0, where a body that is cut looks like one that ends.
@directly
def test_text_that_fails_is_a_body_without_its_end_and_no_traceback_in_the_log(
    server: Server, speaking: Provider
) -> None:
    speaking.run(cut)
    before = len(server.log)
    with server.connect() as client:
        client.ask("POST", "/text/broken")
        assert client.headers["transfer-encoding"] == "chunked"
        assert client.broken() == b"so far"
    assert server.results_of("broken") == [["failed", "so far", "truncated"]]
    assert "Traceback" not in server.log[before:]


def test_text_that_does_not_fail_has_its_end(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with server.connect() as client:
        body = client.ask("POST", "/text/whole").whole()
    assert body.decode() == "".join(words_for("whole"))


# -- many at once -----------------------------------------------------------------------

MANY = 50  # 64 threads less a fifth


on_gthread = on("gunicorn gthread")


@contextmanager
def fifty(
    server: Server, provider: Provider, name: str
) -> Iterator[tuple[threading.Event, dict[str, Client]]]:
    """As many streams that have begun, by their prompts; and what lets them go on.

    They begin one after the other, so that no wait is one for all of them.
    """
    go_on = threading.Event()

    def wait_in_the_middle(exchange: Exchange) -> None:
        words = words_for(prompt_of(exchange))
        exchange.start()
        exchange.send(HEAD + word(words[0]))
        go_on.wait()  # which is set below, whatever becomes of the test
        for text in words[1:]:
            exchange.send(word(text))
        exchange.send(TAIL)
        exchange.end()

    provider.run(wait_in_the_middle)
    with ExitStack() as stack:
        stack.callback(go_on.set)
        yield (
            go_on,
            {
                prompt: stack.enter_context(server.connect()).ask("POST", f"/chat/{prompt}")
                for prompt in (f"{name}-{number}" for number in range(MANY))
            },
        )


@on_gthread
def test_fifty_streams_at_once_are_each_byte_exact(server: Server, speaking: Provider) -> None:
    logged = server.log
    starts = set()
    with fifty(server, speaking, "many") as (go_on, clients):
        go_on.set()
        for prompt, client in clients.items():
            events = events_of(client.whole(), comments=True)
            text = "".join(words_for(prompt))
            assert said(events) == text, prompt
            kinds = [kind for kind, _ in events]
            assert (kinds[0], kinds[-1], kinds.count("done")) == ("start", "done", 1)
            assert server.results_of(prompt) == [["complete", text, None]]
            starts.add(json.dumps(events[0]))
    assert len(starts) == MANY
    assert "Traceback" not in server.log[len(logged) :]


@on_gthread
def test_of_fifty_streams_those_that_leave_do_not_disturb_the_others(
    server: Server, speaking: Provider
) -> None:
    with fifty(server, speaking, "mixed") as (go_on, clients):
        begun = {}
        for prompt, client in clients.items():
            begun[prompt] = client.until(words_for(prompt)[0].split()[0].encode())
        leaving = list(clients)[1::2]
        for prompt in leaving:
            clients.pop(prompt).leave()
        go_on.set()
        for prompt, client in clients.items():
            events = events_of(begun[prompt] + client.whole(), comments=True)
            assert said(events) == "".join(words_for(prompt)), prompt
    for prompt in leaving:
        ((outcome, _, _),) = server.results_of(prompt)
        assert outcome == "disconnected"
