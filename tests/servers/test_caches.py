"""A real nginx that keeps what it is told to keep: no request makes a route dead for the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from tests.provider import Exchange, Provider
from tests.servers.nginx import nginx
from tests.servers.running import (
    DEADLINE,
    HEAD,
    TAIL,
    Client,
    Server,
    events_of,
    prompt_of,
    running,
    said,
    word,
)

pytestmark = pytest.mark.slow

# Every status has a time of its own here, the shortest of which is longer than the tests.
KEEPS = "proxy_cache all; proxy_cache_valid 200 204 403 1h; proxy_cache_valid any 1h;"
# As some recipes have it: what the app says of caches is not heeded, but for Vary.
IGNORES = "proxy_ignore_headers Cache-Control Expires X-Accel-Buffering;"

HOST = {"Host": "app.test", "Connection": "close"}

_numbers = count(1)


@pytest.fixture(scope="module")
def app(speaking: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """gunicorn with room for one stream."""
    folder = tmp_path_factory.mktemp("app")
    settings = {"STREAM_MAX_CONCURRENT": 1}
    with running("gunicorn gthread", speaking.base, folder, settings) as server:
        yield server


def caching(app: Server, folder: Path, more: str = "") -> Iterator[int]:
    shown = "proxy_set_header Host $host; add_header Cache $upstream_cache_status always;"
    location = f"{KEEPS} {more} {shown}"
    with nginx(
        folder,
        f"{location} proxy_pass http://127.0.0.1:{app.port};",
        f"proxy_cache_path {folder}/cache keys_zone=all:1m;",
    ) as port:
        yield port


@pytest.fixture(scope="module")
def heeding(app: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from caching(app, tmp_path_factory.mktemp("heeding"))


@pytest.fixture(scope="module")
def ignoring(app: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from caching(app, tmp_path_factory.mktemp("ignoring"), IGNORES)


@pytest.fixture
def path() -> str:
    """One that no other test asks for."""
    return f"/chat/prompt{next(_numbers)}"


def answers(exchange: Exchange) -> None:
    exchange.start()
    exchange.send(HEAD + word(prompt_of(exchange)) + TAIL)
    exchange.end()


def ask(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The status of a GET, and what the cache had to do with it."""
    with Client(port) as client:
        client.ask("GET", path, headers={**HOST, **(headers or {})}).whole()
        return client.status, client.headers["cache"]


def is_answered(port: int, path: str) -> None:
    """A reader who comes now gets the words."""
    with Client(port) as client:
        client.ask("GET", path, headers=HOST)
        assert client.status == 200
        assert said(events_of(client.whole())) == path.rsplit("/", 1)[1]


def test_the_cache_of_these_tests_keeps_what_it_may(heeding: int, ignoring: int) -> None:
    for port in (heeding, ignoring):
        assert [ask(port, "/hello") for _ in range(2)] == [(200, "MISS"), (200, "HIT")]
        assert [ask(port, "/nothing") for _ in range(2)] == [(404, "MISS"), (404, "HIT")]


REFUSED = {
    204: {"Last-Event-ID": "x"},
    403: {"Origin": "http://stranger.test"},
    406: {"Accept": "image/png"},
}


@pytest.mark.parametrize("cache", ["heeding", "ignoring"])
@pytest.mark.parametrize("status", REFUSED)
def test_what_one_request_is_refused_no_other_is(
    request: pytest.FixtureRequest, speaking: Provider, path: str, cache: str, status: int
) -> None:
    speaking.run(answers)
    port = request.getfixturevalue(cache)
    for _ in range(2):
        assert ask(port, path, REFUSED[status])[0] == status
    is_answered(port, path)


@pytest.mark.parametrize("status", [200, 502])
def test_a_cache_that_ignores_what_it_is_told_gives_one_answer_to_all(
    ignoring: int, speaking: Provider, path: str, status: int
) -> None:
    """As docs/deployment.md says."""
    refuses = {"error": {"message": "no"}}
    speaking.run(answers if status == 200 else lambda exchange: exchange.answer(500, refuses))
    assert [ask(ignoring, path) for _ in range(2)] == [(status, "MISS"), (status, "HIT")]


def test_what_fails_once_does_not_stay_so(heeding: int, speaking: Provider, path: str) -> None:
    speaking.run(lambda exchange: exchange.answer(500, {"error": {"message": "no"}}))
    assert ask(heeding, path) == (502, "MISS")
    speaking.run(answers)
    is_answered(heeding, path)


@pytest.mark.parametrize(
    "headers", [{"Fails": "200"}, {"Fails": "302"}, {"Fails": "404"}, {"Sent-Away": "302"}]
)
def test_what_fails_for_one_by_any_status_does_not_for_others(
    heeding: int, speaking: Provider, path: str, headers: dict[str, str]
) -> None:
    """An errorhandler's answer, and a view's redirect: this cache keeps every status it may."""
    speaking.run(answers)
    path = path.replace("/chat/", "/fails/")
    status = int(next(iter(headers.values())))
    for _ in range(2):
        assert ask(heeding, path, headers) == (status, "MISS")
    is_answered(heeding, path)


def test_a_full_server_is_not_full_for_ever(heeding: int, speaking: Provider, path: str) -> None:
    go_on = threading.Event()

    def holds(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("first"))
        go_on.wait(DEADLINE)
        with suppress(OSError):
            exchange.send(TAIL)
            exchange.end()

    speaking.run(holds)
    try:
        with Client(heeding) as client:
            client.ask("GET", f"{path}-first", headers=HOST).until(b"first")
            assert ask(heeding, path) == (503, "MISS")
            go_on.set()
            client.whole()
    finally:
        go_on.set()
    speaking.run(answers)
    is_answered(heeding, path)


def test_one_readers_answer_is_not_anothers(heeding: int, speaking: Provider, path: str) -> None:
    asked: list[str] = []

    def counts(exchange: Exchange) -> None:
        asked.append(prompt_of(exchange))
        answers(exchange)

    speaking.run(counts)
    for accept in ("text/event-stream", "application/json", "text/plain", "text/html"):
        for _ in range(2):
            assert ask(heeding, path, {"Accept": accept}) == (200, "MISS")
    assert len(asked) == 8
