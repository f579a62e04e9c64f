"""The client leaves: nobody pays for words that nobody reads, and nobody is kept waiting."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

import pytest

from tests.provider import Exchange, Provider
from tests.servers.client import COMMENT, DEADLINE, Client, events_of, said
from tests.servers.running import CORE, Server, directly, in_core, matrix, running, until
from tests.servers.talk import answer_tool, be_silent, prompt_of, speak, wire_of, words_for

# Seconds from the client's leaving to the closing of the provider's connection. It takes a tenth of
# one, which is the watcher's pace, and a little more; the next heartbeat, which would notice it,
# too, is 15 seconds away.
NOTICED = 10.0

WAYS = {"FIN": Client.leave, "RST": Client.reset}
MOMENTS = ("streaming", "silent", "before the first event")


class Watching:
    """A script that goes on until its client is gone, and tells when that was.

    :ivar sent: the words so far.
    """

    def __init__(self, moment: str) -> None:
        self.sent: list[str] = []
        self._moment = moment
        self._gone: queue.Queue[float | None] = queue.Queue()

    def __call__(self, exchange: Exchange) -> None:
        if self._moment == "before the first event":
            exchange.start()
        else:
            self._say(exchange)
        try:
            # Not for ever, where nobody ends it.
            while self._moment == "streaming" and len(self.sent) < 3000 and not exchange.gone(0.01):
                self._say(exchange)
        except OSError:
            pass
        self._gone.put(time.monotonic() if exchange.gone(DEADLINE) else None)

    def _say(self, exchange: Exchange) -> None:
        wire = wire_of(exchange)
        if not self.sent:
            exchange.start()
            exchange.send(wire.head)
        self.sent.append(f"{len(self.sent)} ")
        exchange.send(wire.word(self.sent[-1]))

    def gone_at(self) -> float:
        """When the client was gone, on the monotonic clock, once it is."""
        at = self._gone.get(timeout=2 * DEADLINE)
        assert at is not None, "the provider's connection was not closed"
        return at


def leave_in(
    server: Server, provider: Provider, path: str, moment: str, way: str = "FIN"
) -> list[str]:
    """Leave at the moment, and see that it is noticed, told once, and forgotten.

    :returns: what the run has given: the words that the provider was asked for.
    """
    prompt = path.rsplit("/", 1)[1]
    script = Watching(moment)
    provider.run(script)
    with server.connect() as client:
        client.ask("POST", path)
        # The words that have come are read: a close with unread bytes would be a RST.
        heard = said(events_of(client.until(b"data: " if moment.startswith("before") else b'"0 "')))
        left_at = time.monotonic()
        WAYS[way](client)
    assert script.gone_at() - left_at < NOTICED
    ((outcome, text, code),) = server.results_of(prompt)
    assert (outcome, code) == ("disconnected", None)
    assert text.startswith(heard)
    assert "".join(script.sent).startswith(text)
    if moment != "streaming":
        assert text == "".join(script.sent)
    # The server goes on, with as many threads as before: the sync worker has but one.
    provider.run(speak)
    with server.connect() as other:
        after = f"after-{prompt}"
        assert said(events_of(other.ask("POST", f"/chat/{after}").whole())) == "".join(
            words_for(after)
        )
    assert len(server.results_of(prompt)) == 1
    return server.notes_of(prompt)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_provider_is_let_go_at_once(
    server: Server, speaking: Provider, moment: str, way: str
) -> None:
    leave_in(server, speaking, f"/chat/{moment.split()[0]}-{way}", moment, way)


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_fallback_buys_words_for_nobody(server: Server, speaking: Provider, moment: str) -> None:
    notes = leave_in(server, speaking, f"/careful/anthropic/{moment.split()[0]}-careful", moment)
    assert notes == []


@in_core
def test_a_client_that_leaves_behind_bytes_that_nobody_has_read_is_noticed_too(
    server: Server, speaking: Provider
) -> None:
    script = Watching("silent")
    speaking.run(script)
    with server.connect().ask("POST", "/chat/pipelined") as client:
        client.until(b'"0 "')
        client.send("GET", "/hello")  # which waits behind the stream
        left_at = time.monotonic()
        client.leave()
    assert script.gone_at() - left_at < NOTICED
    assert server.results_of("pipelined") == [["disconnected", "0 ", None]]


@in_core
def test_a_client_that_left_while_the_view_waited_is_noticed_when_it_has_waited(
    server: Server, speaking: Provider
) -> None:
    asked, left = threading.Event(), threading.Event()
    script = Watching("before the first event")

    def answer_late(exchange: Exchange) -> None:
        asked.set()
        assert left.wait(DEADLINE)
        script(exchange)

    speaking.run(answer_late)
    with server.connect().send("POST", "/chat/impatient") as client:
        assert asked.wait(DEADLINE)
        client.leave()
    answered_at = time.monotonic()
    left.set()
    assert script.gone_at() - answered_at < NOTICED
    assert server.results_of("impatient") == [["disconnected", "", None]]


# -- the other wires, and other ways to ask ---------------------------------------------

OTHERS = [
    ("sdk", "openai_chat"),
    ("sdk", "openai_responses"),
    ("helper", "anthropic"),
    ("helper", "openai_chat"),
    ("helper", "openai_responses"),
    ("requests", "anthropic"),
    ("requests", "openai_chat"),
    ("requests", "openai_responses"),
    ("careful", "openai_chat"),
]


@pytest.fixture(scope="module", params=matrix(*CORE))
def single(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that cannot answer at all while a stream that nobody reads goes on."""
    one = "--worker-connections=1" if "gevent" in request.param else "--threads=1"
    folder = tmp_path_factory.mktemp("single")
    with running(request.param, speaking.base, folder, arguments=[one]) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(("by", "wire"), OTHERS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_wire_is_let_go_at_once_and_one_thread_is_free_again(
    single: Server, speaking: Provider, moment: str, by: str, wire: str
) -> None:
    notes = leave_in(single, speaking, f"/{by}/{wire}/{moment.split()[0]}-{by}-{wire}", moment)
    assert notes == []


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("way", WAYS)
def test_other_formats_are_let_go_at_once(
    single: Server, speaking: Provider, format: str, way: str
) -> None:
    script = Watching("silent")
    speaking.run(script)
    with single.connect().send("POST", f"/{format}/{format}-{way}") as client:
        if format == "text":
            assert client.head().until(b"0 ") == b"0 "
        else:
            until(lambda: script.sent, "the provider was not asked")
        left_at = time.monotonic()
        WAYS[way](client)
    assert script.gone_at() - left_at < NOTICED
    assert single.results_of(f"{format}-{way}") == [["disconnected", "0 ", None]]


# -- a generator of the app's own -------------------------------------------------------


@in_core
def test_a_generator_in_a_slow_tool_ends_at_its_next_item(
    server: Server, speaking: Provider
) -> None:
    asked, left = threading.Event(), threading.Event()

    def tool(exchange: Exchange) -> None:
        asked.set()
        assert left.wait(DEADLINE)
        # Long enough for the watcher; and the connection is the app's, so nobody may shut it.
        be_silent(exchange, 2.0)
        answer_tool(exchange, "told")

    speaking.run(tool)
    with server.connect().ask("POST", "/tool/left") as client:
        client.until(b"before")
        assert asked.wait(DEADLINE)
        client.leave()
    left.set()
    ((outcome, text, code),) = server.results_of("left")
    assert (outcome, code) == ("disconnected", None)
    assert text in ("before ", "before told")
    assert server.notes_of("left") == ["the tool is done", "GeneratorExit"]


# -- clients that have not left ---------------------------------------------------------

# nginx takes those that half-close for clients that have left (proxy_ignore_client_abort).


@directly
def test_a_client_that_half_closes_gets_every_byte(server: Server, speaking: Provider) -> None:
    probed = threading.Event()

    def wait_for_the_probe(exchange: Exchange) -> None:
        wire, words = wire_of(exchange), words_for(prompt_of(exchange))
        exchange.start()
        exchange.send(wire.head + wire.word(words[0]))
        assert probed.wait(DEADLINE)
        for text in words[1:]:
            exchange.send(wire.word(text))
        exchange.send(wire.tail)
        exchange.end()

    speaking.run(wait_for_the_probe)
    with server.connect() as client:
        body = client.ask("POST", "/chat/half").until(b'"text":')
        client.half_close()
        body += client.until(b": \n\n")
        probed.set()
        body += client.whole()
        events = events_of(body, comments=True)
    assert events.count(COMMENT) == 1
    assert (said(events), events[-1][0]) == ("".join(words_for("half")), "done")
    assert server.results_of("half") == [["complete", said(events), None]]


@directly
def test_a_request_that_half_closes_at_once_is_answered(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with server.connect() as client:
        client.send("POST", "/chat/half-at-once").half_close()
        events = events_of(client.head().whole(), comments=True)
    assert (said(events), events[-1][0]) == ("".join(words_for("half-at-once")), "done")


def test_head_asks_no_provider(server: Server, speaking: Provider) -> None:
    before = len(speaking.requests)
    speaking.run(speak)
    with server.connect() as client:
        assert client.ask("HEAD", "/chat/head-only").whole() == b""
        assert client.status == 200
        assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
        client.has_no_more()
    assert len(speaking.requests) == before


def test_http_1_0_gets_the_whole_stream_and_its_end(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    with server.connect() as client:
        events = events_of(client.ask("POST", "/chat/old", version="1.0").whole())
    if server.name != "Werkzeug":  # which sends chunks to everybody
        assert "transfer-encoding" not in client.headers
    assert (said(events), events[-1][0]) == ("".join(words_for("old")), "done")
