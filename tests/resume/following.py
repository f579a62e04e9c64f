"""Readers who are not cut off, each in a thread, at the worker that a test wants."""

from __future__ import annotations

import http.client
import threading
from contextlib import suppress

from flask_stream import sse
from tests.resume.conftest import DEADLINE, Numbered, eventually, numbered, said
from tests.resume.serving import Server
from tests.resume.words import words_of


class Following:
    """Reads a response to its end.

    :ivar worker: the process that answers it.
    """

    def __init__(self, response: http.client.HTTPResponse) -> None:
        assert response.status == 200, (response.status, response.read())
        self.worker = int(response.headers["Worker"])
        self.events: list[Numbered] = []
        self._response = response
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with self._response, suppress(http.client.IncompleteRead, ConnectionError):
            for event in sse.decode(iter(lambda: self._response.read1(4096), b"")):
                self.events.append(numbered(event))

    @property
    def run(self) -> str:
        return eventually(lambda: self.events)[0].run  # type: ignore[no-any-return]

    def has(self, count: int) -> None:
        """Wait for so many events."""
        eventually(lambda: len(self.events) >= count)

    def end(self) -> Numbered:
        """The last event, once the connection is over."""
        self._thread.join(2 * DEADLINE)
        assert not self._thread.is_alive(), self.events[-1:]
        return self.events[-1]


def asking(server: Server, path: str) -> Following:
    """Who begins a run: at the worker that produces it."""
    return Following(server.request("POST", path))


def elsewhere(server: Server, asked: Following, after: int = 0) -> Following:
    """One more who follows it, at another worker."""
    while True:
        response = server.request("GET", f"/_stream/{asked.run}?after={after}")
        if int(response.headers["Worker"]) != asked.worker:
            return Following(response)
        response.close()


def is_whole(following: Following, prompt: str, count: int) -> bool:
    """Whether it has seen all that is said to the prompt, and its end."""
    end = following.end()
    return end.kind == "done" and said(following.events) == "".join(words_of(prompt, count))


def has_nothing_wrong(following: Following, prompt: str) -> bool:
    """Whether what it has seen is how what is said to the prompt begins."""
    return "".join(words_of(prompt, 2000)).startswith(said(following.events))


def begun(server: Server, count: int = 2000) -> tuple[Following, Following]:
    """A run that is followed beside its producer, and at another worker."""
    beside = asking(server, f"/say/long/{count}/5")
    beside.has(5)
    there = elsewhere(server, beside)
    there.has(2)
    return beside, there


def goes_on(server: Server) -> None:
    """Whether runs are as ever, at all workers."""
    for number in range(4):
        prompt = f"later{number}"
        beside = asking(server, f"/say/{prompt}/20/5")
        assert is_whole(elsewhere(server, beside), prompt, 20)
        assert is_whole(beside, prompt, 20)
