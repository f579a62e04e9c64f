"""Clients that send their bodies slowly: what docs/deployment.md says of them, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.provider import Provider
from tests.servers.running import Client, Server, events_of, running, said, speak, until

pytestmark = pytest.mark.slow

THREADS, PLACES = 4, 3  # of gunicorn's; and how many of them "auto" gives to streams
LENGTH = 10  # bytes that each client says it will send


@contextmanager
def slow_clients(server: Server, number: int) -> Iterator[list[Client]]:
    """Clients that have sent all but the end of their requests."""
    with ExitStack() as stack:
        clients = []
        for n in range(number):
            client = stack.enter_context(server.connect())
            head = f"POST /body/slow-{n} HTTP/1.1\r\nHost: t\r\nContent-Length: {LENGTH}\r\n\r\n"
            client.socket.sendall(head.encode() + b"x" * (LENGTH - 1))
            clients.append(client)
        yield clients


def finish(client: Client) -> None:
    client.socket.sendall(b"x")
    assert events_of(client.head().whole())[-1][0] == "done"


def is_refused(server: Server) -> bool:
    with server.connect() as client:
        return client.ask("POST", "/chat/quick").status == 503


@contextmanager
def four_threads(name: str, speaking: Provider, folder: Path) -> Iterator[Server]:
    speaking.run(speak)
    with running(name, speaking.base, folder, arguments=[f"--threads={THREADS}"]) as server:
        yield server


def test_straight_to_gunicorn_slow_bodies_take_the_places_of_streams_but_not_all_threads(
    speaking: Provider, tmp_path: Path
) -> None:
    with (
        four_threads("gunicorn gthread", speaking, tmp_path) as server,
        slow_clients(server, PLACES) as clients,
    ):
        until(lambda: server.state()["places"] == PLACES, "slow bodies take no place")
        assert is_refused(server)
        with server.connect() as client:
            assert client.ask("GET", "/hello").whole() == b"hello"
        for client in clients:
            finish(client)
        until(lambda: not is_refused(server), "the places are not given back")


def test_behind_nginx_slow_bodies_take_no_place(speaking: Provider, tmp_path: Path) -> None:
    before = len(speaking.requests)
    with (
        four_threads("gthread nginx", speaking, tmp_path) as server,
        slow_clients(server, 2 * THREADS) as clients,
    ):
        for n in range(2 * PLACES):
            with server.connect() as quick:
                events = events_of(quick.ask("POST", f"/body/quick-{n}", body=b"x").whole())
            assert said(events).startswith(f"quick-{n}")
        asked = [request["messages"][0]["content"] for request in speaking.requests[before:]]
        assert not [prompt for prompt in asked if prompt.startswith("slow")]
        for client in clients:
            finish(client)
