"""A provider that means harm behind real servers: gthread, gevent, and through nginx by HTTP/2."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.hostile.catalogue import BEHAVIOURS
from tests.hostile.http2 import Http2
from tests.hostile.provider import HostileProvider
from tests.hostile.registry import FORGED, MOST_CHARACTERS, MOST_EVENT_BYTES, URL_SECRET
from tests.hostile.runs import FORMATS, MOST_LOG, Told, ending, ends_wrongly, leaks
from tests.own_time import part_of
from tests.provider import WIRES
from tests.servers.client import Client
from tests.servers.nginx import nginx
from tests.servers.running import Server, matrix, running, until
from tests.servers.test_soak import ask

pytestmark = pytest.mark.slow

CLIENTS = 6  # at once
SETTINGS = {
    "STREAM_MAX_CONCURRENT": CLIENTS + 4,
    "STREAM_IDLE_SECONDS": 20,
    "STREAM_MAX_EVENT_BYTES": MOST_EVENT_BYTES,
    "STREAM_MAX_CHARACTERS": MOST_CHARACTERS,
}
ROUTES = {"SDK stream": "sdk", "SDK helper": "helper", "requests": "requests"}
SILENT = {"SDK stream": "idle", "SDK helper": "idle-helper", "requests": "idle-requests"}

# How much more of each there may be behind many runs: what comes and goes by itself. A pool of
# threads grows while it is used; and of memory, not all that is freed goes back to the system.
MORE = {
    "threads": 2 * CLIENTS,
    "tasks": 2 * CLIENTS,
    "files": 8,
    "resident": 100_000_000,
}


@dataclass(frozen=True)
class Ask:
    """One run: what is asked, and what for."""

    behaviour: str
    number: int
    wire: str
    source: str
    format: str

    @property
    def path(self) -> str:
        routes = SILENT if BEHAVIOURS[self.behaviour].silent else ROUTES
        return f"/{routes[self.source]}/{self.wire}/{quote(self.prompt, safe='')}"

    @property
    def prompt(self) -> str:
        return f"{self.behaviour}#{self.number}"


def asks(numbers: range, *, with_silent: bool = True) -> Iterator[Ask]:
    """Of all behaviours, and of each with other wires, sources and formats each time."""
    names = [name for name, b in BEHAVIOURS.items() if with_silent or not b.silent]
    for number in numbers:
        turn = number // len(names) + number
        yield Ask(
            names[number % len(names)],
            number,
            WIRES[turn % 3],
            list(ROUTES)[(turn // 3) % 3],
            list(FORMATS)[(turn // 9 + turn) % 3],
        )


def by_http_1(server: Server, ask: Ask) -> Told:
    with server.connect() as client:
        client.ask("POST", ask.path, headers={"Accept": FORMATS[ask.format]})
        body, cut = _rest(client)
        return Told(client.status, list(client.headers.items()), body, cut)


def _rest(client: Client) -> tuple[bytes, bool]:
    """The body, and whether its end is missing."""
    if "transfer-encoding" not in client.headers:
        return client.whole(), False
    body = b""
    while data := client.chunk():
        body += data
    return body, data is None


def by_http_2(server: Server, ask: Ask) -> Told:
    with Http2(server.port) as client:
        body, is_whole = client.answer(
            client.ask("POST", ask.path, {"accept": FORMATS[ask.format], "content-length": "0"})
        )
        return Told(client.status, [], body, not is_whole)


def problems(told: Told, ask: Ask) -> Iterator[str]:
    yield from leaks(told)
    try:
        end, _ = ending(told, ask.format)
    except (AssertionError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"is no answer of ours: {type(error).__name__}: {str(error)[:300]}"
        return
    yield from ends_wrongly(BEHAVIOURS[ask.behaviour], ask.source, end)


def carry_out(server: Server, by: Any, plan: Iterator[Ask]) -> list[str]:
    """Ask them all, several at once; gives what was wrong with the answers."""
    lock, found = threading.Lock(), list[str]()

    def work() -> None:
        while True:
            with lock:
                ask = next(plan, None)
            if ask is None:
                return
            try:
                wrong = [f"{ask}: {problem}" for problem in problems(by(server, ask), ask)]
            except Exception as error:
                wrong = [f"{ask}: {error!r}"[:500]]
            with lock:
                found.extend(wrong)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def see_the_log(server: Server, count: int) -> None:
    """One line a run, each callback once, and nothing that somebody else wrote."""
    log = server.log
    ended = re.findall(r"^INFO flask_stream: Run ([0-9a-f]{32}) ended: ", log, re.MULTILINE)
    told = Counter(arguments["prompt"] for arguments, *_ in server.results())
    assert len(ended) == len(set(ended))
    assert len(ended) == told.total()
    assert set(told.values()) == {1}
    assert len(log) < count * MOST_LOG
    assert not [line for line in log.splitlines() if line.startswith(FORGED)]
    assert URL_SECRET not in log
    assert "Flask-Stream's watcher failed" not in log


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    with HostileProvider() as provider:
        provider.limit = 1_000_000
        yield provider


@pytest.mark.parametrize("name", matrix("gunicorn gevent"))
def test_a_provider_that_means_harm_on_gevent(
    name: str, provider: HostileProvider, tmp_path: Path
) -> None:
    with running(name, provider.base, tmp_path, SETTINGS) as server:
        found = carry_out(server, by_http_1, asks(range(len(BEHAVIOURS))))
        assert not found, "\n".join(["", *found])
        see_the_log(server, len(BEHAVIOURS))


def test_a_provider_that_means_harm_through_nginx_by_http_2(
    provider: HostileProvider, tmp_path: Path
) -> None:
    location = "proxy_http_version 1.1; proxy_pass http://127.0.0.1:{};"
    with running("gunicorn gthread", provider.base, tmp_path, SETTINGS) as server:
        with nginx(tmp_path, location.format(server.port), parameter="http2") as port:
            server.port = port
            found = carry_out(server, by_http_2, asks(range(len(BEHAVIOURS))))
            server.port = server.direct_port
        assert not found, "\n".join(["", *found])
        see_the_log(server, len(BEHAVIOURS))


def at_rest(server: Server) -> dict[str, Any]:
    """What the worker holds once it has nothing to do: no run, no place, no watcher."""
    until(lambda: not any(ask(server, "/busy").values()), lambda: str(ask(server, "/busy")))
    state, held = ask(server, "/state"), ask(server, "/held")
    return {**state, **held, "threads": len(state["threads"])}


@pytest.mark.parametrize("runs", part_of([500, 2000], kept=[500]))
def test_nothing_is_left_of_many_runs_with_a_provider_that_means_harm(
    provider: HostileProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    # glibc keeps what is freed for each thread apart: in one, what is left can be told from it.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    arguments = ["--config=python:tests.servers.site_for_soak"]
    with running("gunicorn gthread", provider.base, tmp_path, SETTINGS, arguments) as server:
        warm = 2 * len(BEHAVIOURS)
        found = carry_out(server, by_http_1, asks(range(warm)))
        before = at_rest(server)
        found += carry_out(server, by_http_1, asks(range(warm, warm + runs), with_silent=False))
        after = at_rest(server)
        assert after["pid"] == before["pid"]
        assert (before["parts"], after["parts"]) == ({}, {})
        most = MORE | {"blocks": 20 * runs}
        more = {what: after[what] - before[what] for what in most}
        assert [what for what in most if more[what] > most[what]] == [], more
        assert after["torn_down_twice"] == []
        assert not found, "\n".join(["", *found[:100]])
        see_the_log(server, warm + runs)
