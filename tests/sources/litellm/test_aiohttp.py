"""What goes wrong in an app's own aiohttp client, which comes with LiteLLM.

Google's async client asks with it, too, wherever it is installed.
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import AsyncIterator, Generator
from typing import Any

import aiohttp
import pytest

from flask_stream import End
from flask_stream.providers import libraries
from tests.conftest import Site
from tests.provider import Provider
from tests.sources.scripts import Silent, cut, fail


class Line:
    """One of a library's items."""

    def __init__(self, text: str) -> None:
        self.text = text


async def lines(url: str, **timeout: float) -> AsyncIterator[Line]:
    within = aiohttp.ClientTimeout(**timeout)
    session = aiohttp.ClientSession(timeout=within, raise_for_status=True)
    async with session, session.post(url, json={}) as response:
        async for line in response.content:
            yield Line(line.decode())


@pytest.fixture
def reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(libraries, "_registered", [])

    @site.stream.source(inspect.isasyncgen)
    def read(items: Any) -> Generator[str, None, End]:
        for item in items:
            yield item.text
        return End("stop")

    return site


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("script", "timeout", "code"),
    [
        (cut([b"The lamp\n"]), {}, "truncated"),
        (Silent([b"The lamp\n"]), {"sock_read": 0.2}, "timeout"),
        (Silent([b"The lamp\n"]), {"total": 0.5}, "timeout"),
        (fail(429, {"error": "secret words"}), {}, "rate_limited"),
        (fail(503, {"error": "secret words"}), {}, "overloaded"),
    ],
)
def test_it_is_the_providers_failure(
    provider: Provider, reading: Site, script: Any, timeout: dict[str, float], code: str
) -> None:
    provider.run(script)
    reading.view(lambda: lines(provider.base, **timeout))
    response = reading.ask()
    assert f'"code":"{code}"'.encode() in response.data.replace(b": ", b":")
    assert b"secret" not in response.data


def test_nobody_is_there(reading: Site) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    reading.view(lambda: lines(url))
    kind, data = reading.events()[-1]
    assert (kind, data["code"], data["retryable"]) == ("failed", "provider_error", True)
