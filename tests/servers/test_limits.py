"""How many streams a real server carries, and what it still answers beside them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.provider import Exchange, Provider
from tests.servers.running import (
    HEAD,
    TAIL,
    Client,
    Server,
    events_of,
    matrix,
    prompt_of,
    running,
    until,
    word,
)

pytestmark = pytest.mark.slow  # many runs, the same on every Python


class Held:
    """A script that says one word, and goes on when it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word(f"{prompt_of(exchange)} "))
        self.go_on.wait()  # which the fixture sets, whatever becomes of the test
        exchange.send(word("ends") + TAIL)
        exchange.end()


@pytest.fixture
def held(speaking: Provider) -> Iterator[Held]:
    """What the provider does; at the end all that wait for it go on."""
    held = Held()
    speaking.run(held)
    yield held
    held.go_on.set()


def begin(server: Server, prompt: str) -> Client:
    """A stream that has begun, and will go on; it waits for those that have just ended."""

    def accepted() -> Client | None:
        client = server.connect().ask("POST", f"/chat/{prompt}")
        if client.status == 503:
            client.leave()
            return None
        return client

    client: Client = until(accepted, f"{prompt} is refused again and again")
    client.until(prompt.encode())
    return client


def finish(client: Client) -> None:
    """Read the rest of a stream that has been let go."""
    with client:
        assert events_of(client.whole())[-1][0] == "done"


def wait_for_room(server: Server, held: Held) -> None:
    """Wait until clients that have left are gone: both places can be taken at once."""
    clients = [begin(server, f"room-{number}") for number in range(2)]
    held.go_on.set()
    for client in clients:
        finish(client)


def refusal(server: Server, prompt: str) -> dict[str, Any] | None:
    """What a stream that is one too many is told; None where it is none."""
    with server.connect() as client:
        client.ask("POST", f"/chat/{prompt}")
        if client.status == 200:
            return None
        assert client.status == 503
        assert int(client.headers["retry-after"]) >= 1
        assert client.headers["content-type"] == "application/json"
        told: dict[str, Any] = json.loads(client.whole())
        return told


def says_hello(server: Server) -> bool:
    with server.connect() as client:
        return client.ask("GET", "/hello").whole() == b"hello"


@pytest.fixture(scope="module", params=matrix("gunicorn gthread", "gunicorn gevent"))
def limited(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that carries two streams."""
    folder = tmp_path_factory.mktemp("limited")
    settings = {"STREAM_MAX_CONCURRENT": 2}
    with running(request.param, speaking.base, folder, settings) as server:
        yield server


def test_one_stream_too_many_is_refused_until_another_has_ended(
    limited: Server, speaking: Provider, held: Held
) -> None:
    clients = [begin(limited, f"held-{number}") for number in range(2)]
    asked = len(speaking.requests)
    told = refusal(limited, "refused")
    assert told is not None
    assert (told["code"], told["retryable"], set(told)) == (
        "overloaded",
        True,
        {"code", "message", "retryable"},
    )
    assert len(speaking.requests) == asked
    assert says_hello(limited)
    held.go_on.set()
    for client in clients:
        finish(client)
    finish(begin(limited, "accepted"))
    assert limited.results_of("accepted") == [["complete", "accepted ends", None]]
    assert not [args for [args, *_] in limited.results() if args == {"prompt": "refused"}]


def test_a_client_that_leaves_makes_room(limited: Server, held: Held) -> None:
    """Though its provider says nothing that could fail to be sent."""
    clients = [begin(limited, f"left-{number}") for number in range(2)]
    assert refusal(limited, "none") is not None
    clients.pop().leave()
    until(lambda: refusal(limited, "one") is None, "the place is not given back")
    for client in clients:
        client.leave()
    wait_for_room(limited, held)


def test_json_and_text_count_as_streams_of_the_limit(
    limited: Server, speaking: Provider, held: Held
) -> None:
    asked = len(speaking.requests)
    with (
        limited.connect().ask("POST", "/text/counted") as text,
        limited.connect().send("POST", "/json/counted") as json_,
    ):
        text.until(b"counted")
        until(lambda: len(speaking.requests) == asked + 2, "the provider was not asked")
        assert refusal(limited, "third") is not None
        held.go_on.set()
        assert text.whole() == b"ends"
        assert json.loads(json_.head().whole())["text"] == "counted ends"


def test_refusals_are_warned_of_once_a_minute(limited: Server, held: Held) -> None:
    clients = [begin(limited, f"warned-{number}") for number in range(2)]
    for _ in range(3):
        assert refusal(limited, "warned") is not None
    held.go_on.set()
    for client in clients:
        finish(client)
    until(lambda: "Streams refused with 503" in limited.log, "it is not told")
    assert limited.log.count("Streams refused with 503") == 1
    assert "Too many answers" not in limited.log


# -- "auto" -----------------------------------------------------------------------------------


def test_auto_keeps_a_thread_of_five_for_ordinary_requests(
    speaking: Provider, held: Held, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With none left, not even a health check would be answered."""
    folder = tmp_path_factory.mktemp("five")
    with running("gunicorn gthread", speaking.base, folder, arguments=["--threads=5"]) as server:
        clients = [begin(server, f"auto-{number}") for number in range(4)]
        for _ in range(2):
            assert refusal(server, "fifth") is not None
            assert says_hello(server)
        held.go_on.set()
        for client in clients:
            finish(client)
        finish(begin(server, "after"))
        told = [
            line for line in server.log.splitlines() if line.startswith("INFO flask_stream: Of")
        ]
        assert len(told) == 1
        assert "Of 5 threads at most 4 carry streams" in told[0]
