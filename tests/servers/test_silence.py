"""Silence: comments go to the client, between the frames and never in them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.made import Made
from tests.provider import Exchange, Provider
from tests.servers.client import COMMENT, DEADLINE, events_of, said
from tests.servers.running import CORE, SERVERS, Server, matrix, running
from tests.servers.talk import HEAD, TAIL, answer_tool, be_silent, is_tool, prompt_of, word

pytestmark = pytest.mark.slow  # many runs, the same on every Python

HEARTBEAT = 0.2  # seconds, which is two of the watcher's rounds


@pytest.fixture(scope="module", params=matrix(*SERVERS))
def beating(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Each server, with a short heartbeat."""
    folder, settings = tmp_path_factory.mktemp("beating"), {"STREAM_HEARTBEAT": HEARTBEAT}
    with running(request.param, speaking.base, folder, settings) as server:
        yield server


def with_beat(*names: str) -> pytest.MarkDecorator:
    """For a test: only these of the servers that the fixture `beating` starts."""
    return pytest.mark.parametrize("beating", matrix(*names), indirect=True, scope="module")


class Held:
    """A script that is silent in the middle, until it is let go.

    :param in_tool: what is silent: the app's own tool, or the provider.
    """

    def __init__(self, in_tool: bool) -> None:
        self.go_on = threading.Event()
        self._in_tool = in_tool

    def __call__(self, exchange: Exchange) -> None:
        if self._in_tool:
            assert self.go_on.wait(DEADLINE)
            answer_tool(exchange, "during")
        else:
            exchange.start()
            exchange.send(HEAD + word("before "))
            assert self.go_on.wait(DEADLINE)
            exchange.send(word("during") + word(" after") + TAIL)
            exchange.end()


PATHS = {
    "provider": "/chat/silent",
    "fallback": "/careful/silent-careful",
    "tool": "/tool/silent-tool",
}


@pytest.mark.parametrize("silent", PATHS)
def test_a_comment_comes_for_each_heartbeat_of_silence(
    beating: Server, speaking: Provider, silent: str
) -> None:
    script = Held(silent == "tool")
    speaking.run(script)
    with beating.connect() as client:
        began_at = time.monotonic()
        body, chunks = client.ask("POST", PATHS[silent]).until(b"before"), []
        while chunks.count(b": \n\n") < 3:
            chunk = client.chunk()
            assert chunk
            chunks.append(chunk)
        silent_for = time.monotonic() - began_at
        # A chunk of their own each, unless a proxy cuts them anew; nothing else has come.
        assert chunks == [b": \n\n"] * 3
        script.go_on.set()
        rest = client.whole()
        lasted = time.monotonic() - began_at
        client.has_no_more()
    events = events_of(body + b"".join(chunks) + rest, comments=True)
    # A worker may be held up for a heartbeat, and a comment come as the silence ends; but nothing
    # beats faster.
    assert 3 <= events.count(COMMENT) <= lasted / HEARTBEAT
    assert 3 * HEARTBEAT < silent_for < 3 * HEARTBEAT * 10
    assert (said(events), events[-1][0]) == ("before during after", "done")


def test_comments_go_on_while_a_callback_saves_what_was_said(
    beating: Server, speaking: Provider
) -> None:
    """A proxy that cuts silent connections would cut it before `done` otherwise."""
    go_on = threading.Event()

    def say_all(exchange: Exchange) -> None:
        if exchange.path == "/tool":
            assert go_on.wait(DEADLINE)
            answer_tool(exchange, "saved")
            return
        exchange.start()
        exchange.send(HEAD + word("said") + TAIL)
        exchange.end()

    speaking.run(say_all)
    with beating.connect() as client:
        body, comments = client.ask("POST", "/save/slow-save").until(b"said"), 0
        while comments < 3:
            chunk = client.chunk()
            assert chunk
            assert b"done" not in chunk
            body += chunk
            comments += chunk.count(b": \n\n")
        go_on.set()
        body += client.whole()
        client.has_no_more()
    events = events_of(body, comments=True)
    assert (said(events), events[-1][0]) == ("said", "done")


def test_start_names_the_heartbeat_that_this_server_sends(
    beating: Server, speaking: Provider
) -> None:
    script = Held(in_tool=False)
    speaking.run(script)
    with beating.connect() as client:
        body = client.ask("POST", "/chat/named").until(b"before")
    script.go_on.set()
    (name, data), *_ = events_of(body)
    assert (name, data.get("heartbeat")) == ("start", HEARTBEAT)


def test_no_comment_comes_while_words_do(beating: Server, speaking: Provider) -> None:
    """Two heartbeats long, with a word ten times in each."""
    words = [f"{number} " for number in range(20)]

    def keep_talking(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD)
        for text in words:
            exchange.send(word(text))
            be_silent(exchange, HEARTBEAT / 10)
        exchange.send(TAIL)
        exchange.end()

    speaking.run(keep_talking)
    longest, last, body = 0.0, time.monotonic(), b""
    with beating.connect() as client:
        for chunk in client.ask("POST", "/chat/talking").chunks():
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            body += chunk
        client.has_no_more()
    events = events_of(body, comments=True)
    assert said(events) == "".join(words)
    assert events.count(COMMENT) == 0 or longest > HEARTBEAT / 2


@with_beat(*CORE)
@pytest.mark.parametrize("format", ["text", "json"])
def test_other_formats_have_no_comments(beating: Server, speaking: Provider, format: str) -> None:
    def pause(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("before "))
        be_silent(exchange, 3 * HEARTBEAT)
        exchange.send(word("after") + TAIL)
        exchange.end()

    speaking.run(pause)
    with beating.connect() as client:
        body = client.ask("POST", f"/{format}/quiet-{format}").whole()
        client.has_no_more()
    if format == "text":
        assert body == b"before after"
    else:
        assert body.startswith(b"{")
        assert b'"before after"' in body
    assert b": \n" not in body


# Not Werkzeug, which sends chunks to everybody.
@with_beat(*(name for name in SERVERS if name != "Werkzeug"))
def test_a_silent_stream_over_http_1_0_has_heartbeats(beating: Server, speaking: Provider) -> None:
    script = Held(in_tool=False)
    speaking.run(script)
    with beating.connect() as client:
        client.ask("POST", "/chat/old-and-silent", version="1.0")
        body = client.until(b": \n\n")
        script.go_on.set()
        body += client.whole()
    events = events_of(body, comments=True)
    assert events.count(COMMENT) >= 1
    assert (said(events), events[-1][0]) == ("before during after", "done")


# -- a thousand runs --------------------------------------------------------------------

RUNS = 1000
AT_ONCE = 50

THOUSAND = ("gunicorn gthread", "gunicorn gevent", "gthread TLS", "gevent TLS")


def plan_for(prompt: str) -> list[tuple[str, float]]:
    """Words, and how long it is silent after each: the same for the prompt, whoever asks."""
    chance = random.Random(prompt)
    plan = []
    for number in range(chance.randint(3, 12)):
        text = f"{prompt}·{number}·" + chance.choice(("", "é" * 50, "\n🔦" * 700))
        plan.append((text, chance.choice((0, 0, 0.02, chance.uniform(0.05, 0.4)))))
    plan.insert(chance.randint(1, len(plan)), ("(hush)", 0))
    return plan


class Planned:
    """A script that follows the prompt's plan.

    :ivar heard: by prompt, whether the client has had a comment after `(hush)`. Until then it
        is silent there, however long a busy machine takes for that.
    """

    def __init__(self) -> None:
        self.heard: Made[threading.Event] = Made(threading.Event)

    def __call__(self, exchange: Exchange) -> None:
        prompt = prompt_of(exchange)
        plan = plan_for(prompt)
        if is_tool(exchange):
            assert self.heard[prompt].wait(DEADLINE)
            be_silent(exchange, sum(silence for _, silence in plan))
            answer_tool(exchange, "".join(text for text, _ in plan))
            return
        exchange.start()
        exchange.send(HEAD)
        for text, silence in plan:
            exchange.send(word(text))
            if text == "(hush)":
                assert self.heard[prompt].wait(DEADLINE)
            if silence:
                be_silent(exchange, silence)
        exchange.send(TAIL)
        exchange.end()


@with_beat(*THOUSAND)
def test_of_a_thousand_runs_none_has_a_byte_in_the_wrong_place(
    beating: Server, speaking: Provider
) -> None:
    script = Planned()
    speaking.run(script)

    def one(number: int) -> str:
        """Some read slowly, some through a small buffer; one in five waits for a tool."""
        in_tool, slow = number % 5 == 0, number % 3 == 0
        prompt = f"run-{number}"
        options = {"slowly": (3000, 0.003), "receive_buffer": 4096} if slow else {}
        with beating.connect(**options) as client:
            began_at = time.monotonic()
            path = "/tool/" if in_tool else "/chat/"
            body = client.ask("POST", path + prompt).until(b"before" if in_tool else b"(hush)")
            body += client.until(b": \n\n")
            script.heard[prompt].set()
            body += client.whole()
            lasted = time.monotonic() - began_at
            client.has_no_more()
        events = events_of(body, comments=True)
        text = "".join(text for text, _ in plan_for(prompt))
        assert said(events) == (f"before {text} after" if in_tool else text)
        kinds = [kind for kind, _ in events]
        assert (kinds[0], kinds[-1], kinds.count("done")) == ("start", "done", 1)
        assert 1 <= kinds.count(":") <= lasted / HEARTBEAT
        return said(events)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        heard = list(pool.map(one, range(RUNS // len(THOUSAND))))
    ended = sorted(rest for args, *rest in beating.results() if args["prompt"].startswith("run-"))
    assert ended == sorted(["complete", text, None] for text in heard)
    assert "Traceback" not in beating.log
    assert beating.state()["torn_down_twice"] == []
