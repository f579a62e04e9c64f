"""Async streams and channels on real servers: many at once, and readers who leave in silence."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.provider import Provider
from tests.servers.running import Server, on, speak, until, words_for
from tests.servers.test_leaving import MOMENTS, leave_in

servers = on("gunicorn gthread", "gunicorn gevent", "Werkzeug")

CLIENTS = ["async-sdk", "async-helper", "async-view", "async-relay"]
STREAMS = ["async-returned", "async-read", "async-yielding"]
CHANNELS = ["channel-pushed", "channel-really"]

AT_ONCE = 40
WORDS = 50  # that each of the site's own says
# Seconds from the client's leaving to the end of what has produced. It takes a tenth of one; the
# next heartbeat, which would notice it, too, is 15 seconds away.
NOTICED = 10.0


@servers
@pytest.mark.parametrize("path", CLIENTS)
def test_forty_at_once_by_way_of_an_async_client(
    server: Server, speaking: Provider, path: str
) -> None:
    speaking.run(speak)
    prompts = [f"{path}-at-once-{number}" for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda prompt: server.answer(f"/{path}/{prompt}"), prompts)
        for prompt, (text, kind, _) in zip(prompts, answers, strict=True):
            assert (text, kind) == ("".join(words_for(prompt)), "done")


@servers
@pytest.mark.parametrize("path", [*STREAMS, *CHANNELS])
def test_forty_at_once_of_the_apps_own(server: Server, path: str) -> None:
    prompts = [f"{path}-own-{number}" for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda prompt: server.answer(f"/{path}/{prompt}"), prompts)
        for prompt, (text, kind, _) in zip(prompts, answers, strict=True):
            words = "".join(f"{prompt} {number} " for number in range(WORDS))
            assert text.removeprefix("read ") == f"{words}/{path}/{prompt} {prompt}"
            assert kind == "done"


@servers
def test_what_anyios_threads_do(server: Server) -> None:
    prompts = [f"thread-{number}" for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda prompt: server.answer(f"/async-threads/{prompt}"), prompts)
        for prompt, (text, kind, _) in zip(prompts, answers, strict=True):
            assert (text, kind) == ("".join(f"{prompt} {n} " for n in range(3)), "done")


@servers
@pytest.mark.parametrize("path", CLIENTS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_async_clients_provider_is_let_go_at_once(
    server: Server, speaking: Provider, path: str, moment: str
) -> None:
    leave_in(server, speaking, f"/{path}/{moment.split()[0]}-{path}", moment)


@servers
@pytest.mark.parametrize("path", [*STREAMS, *CHANNELS])
def test_a_reader_who_leaves_in_silence_ends_what_produces(server: Server, path: str) -> None:
    prompt = f"silent-{path}"
    with server.connect().ask("POST", f"/{path}/{prompt}") as client:
        client.until(f"/{path}/{prompt} {prompt}".encode())
        left_at = time.monotonic()
        client.leave()
    until(lambda: server.notes_of(prompt), server.log)
    assert time.monotonic() - left_at < NOTICED
    assert server.notes_of(prompt) == ["finally"]
    ((outcome, _, code),) = server.results_of(prompt)
    assert (outcome, code) == ("disconnected", None)


@servers
def test_an_async_view_that_waits_is_cancelled_where_its_client_leaves(server: Server) -> None:
    """By a reset: before the answer has begun, a FIN may be half of a connection only."""
    prompt = "silent-waiting"
    with server.connect().send("POST", f"/async-waiting/{prompt}") as client:
        until(lambda: server.notes_of(prompt) == ["waits"], server.log)
        left_at = time.monotonic()
        client.reset()
    until(lambda: server.notes_of(prompt) == ["waits", "finally"], server.log)
    assert time.monotonic() - left_at < NOTICED


@servers
def test_there_is_one_loop_and_nothing_else_is_left(server: Server, speaking: Provider) -> None:
    speaking.run(speak)
    for path in CLIENTS:
        server.answer(f"/{path}/{path}-once-more")

    def left() -> list[str]:
        names = server.state()["threads"]
        return [name for name in names if re.match("flask-stream-(channel|bridge|run)", name)]

    until(lambda: left() == [], lambda: str(left()))
    names = server.state()["threads"]
    loops = [name for name in names if name == "flask-stream-loop"]
    assert len(loops) == (0 if "gevent" in server.name else 1)  # there, no thread of Python's
