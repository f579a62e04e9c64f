"""An app with a resumable route, in a log in memory or a file."""

from __future__ import annotations

import gc
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_stream import FlaskStream, sse, watch
from tests.servers.client import DEADLINE as DEADLINE
from tests.servers.running import until


class Numbered(NamedTuple):
    """An event as a reader of a resumable run gets it."""

    kind: str
    data: Any
    run: str
    number: int


class ResumableSite:
    """An app with one resumable view at `/`, and the sessions that ask it."""

    def __init__(self, url: str, **config: Any) -> None:
        self.app = Flask("site")
        self.app.secret_key = "for the session"
        self.app.config.update(STREAM_LOG_URL=url, **config)
        self.stream = FlaskStream(self.app)
        self.finished: list[Any] = []  # a Result for each run that has ended
        self.asked = 0

    def view(self, view: Callable[..., Any], **options: Any) -> None:
        def counted() -> Any:
            self.asked += 1
            return view()

        options = {"resumable": True, "on_finish": self.finished.append} | options
        streaming = self.stream.response(**options)(counted)
        self.app.add_url_rule("/", "view", streaming, methods=["GET", "POST"])

    def reader(self) -> FlaskClient:
        """One with a session of its own."""
        return self.app.test_client()

    def outcome(self) -> Any:
        """That of the one run, once it has ended."""
        return eventually(lambda: [result.outcome for result in self.finished])[0]


def events_of(response: TestResponse) -> list[Numbered]:
    return [numbered(event) for event in sse.decode(response.response)]


def some_of(response: TestResponse, count: int) -> list[Numbered]:
    """The first events; then the reader leaves."""
    events = sse.decode(response.response)
    some = [numbered(next(events)) for _ in range(count)]
    response.close()
    return some


def numbered(event: sse.ServerSentEvent) -> Numbered:
    run, number = event.last_event_id.split(".")
    return Numbered(event.type, json.loads(event.data), run, int(number))


def said(events: list[Numbered]) -> str:
    return "".join(event.data["text"] for event in events if event.kind == "text")


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` gives, as soon as it is true."""
    return until(look, "It has not come to that.")


def is_ending(site: ResumableSite) -> bool:
    """Whether the run that is under way has been told to end."""
    return any(run.ending is not None for run in watch.watcher()._runs)


class Paced:
    """A view's words, each of which waits until a test lets it go.

    :ivar left: the view's generator was closed before its end.
    """

    def __init__(self, *words: Any) -> None:
        self._words = words
        self._free = threading.Semaphore(0)
        self.left = False

    def let(self, count: int = 1) -> None:
        self._free.release(count)

    def __call__(self) -> Iterator[Any]:
        try:
            for word in self._words:
                assert self._free.acquire(timeout=DEADLINE)
                yield word
        except GeneratorExit:
            self.left = True
            raise


@pytest.fixture(scope="module", autouse=True)
def answers_left_unread() -> Iterator[None]:
    """Readers here leave answers unread on purpose, and some of their sockets wait for the
    garbage's collection: here, and not in a test of another module.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(params=["memory", "sqlite"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> ResumableSite:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'runs.sqlite3'}"
    return ResumableSite(url)
