"""Readers that are slow get every byte; readers that are stuck keep nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.provider import Provider
from tests.servers.flood import SAID, Flood
from tests.servers.running import Server, events_of, matrix, running, said, speak, words_for

pytestmark = pytest.mark.slow  # many runs, the same on every Python

# What makes a server of one thread, or of one greenlet, that somebody stuck would keep.
SINGLE = {
    "gunicorn gthread": ["--threads=1"],
    "gunicorn gevent": ["--worker-connections=1"],
    "gevent TLS": ["--worker-connections=1"],
}


@pytest.fixture(scope="module", params=matrix(*SINGLE))
def single(
    request: pytest.FixtureRequest, speaking: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    arguments = SINGLE[request.param]
    with running(request.param, speaking.base, folder, arguments=arguments) as server:
        yield server


def test_a_slow_reader_gets_every_byte_and_the_provider_waits_for_it(
    single: Server, speaking: Provider
) -> None:
    flood = Flood(300)
    speaking.run(flood)
    with single.connect(receive_buffer=65536, slowly=(262_144, 0.002)) as client:
        client.ask("POST", "/chat/slow")
        # Not even the provider has been able to send all that it has to say.
        flood.wait_until_stuck()
        body = client.whole()
        client.has_no_more()
    assert flood.is_whole("slow", body)
    assert flood.sent == flood.thoughts
    assert single.results_of("slow") == [["complete", SAID, None]]


@pytest.mark.parametrize(
    ("path", "outcome", "code"),
    [
        # TCP_USER_TIMEOUT: it has taken nothing for as long as a provider may say nothing.
        ("/idle/openai_chat", "disconnected", None),
        ("/max/openai_chat", "failed", "timeout"),
    ],
)
def test_a_reader_that_is_stuck_is_ended_and_its_thread_is_free(
    single: Server, speaking: Provider, path: str, outcome: str, code: str | None
) -> None:
    prompt = f"stuck-{outcome}"
    flood = Flood(1000)
    speaking.run(flood)
    with single.connect(receive_buffer=4096) as client:
        client.ask("POST", f"{path}/{prompt}")
        assert single.results_of(prompt) == [[outcome, SAID, code]]
        assert flood.sent < flood.thoughts
        # While that reader still holds its end of the connection, others are answered.
        speaking.run(speak)
        with single.connect() as other:
            after = f"after-{prompt}"
            events = events_of(other.ask("POST", f"/chat/{after}").whole())
        assert said(events) == "".join(words_for(after))
    assert len(single.results_of(prompt)) == 1
