"""One reader for all: opens streams, finds the words' stamps in them, and tells how late they were.

A process of its own: `python -m bench.server.reader` with a `Task` as JSON prints what is `Told`.
"""

from __future__ import annotations

import json
import math
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from . import stamps
from .processes import processor_seconds

STREAM = b"HTTP/1.1 200 "  # how one begins
END = b"\r\n0\r\n\r\n"  # of a chunked body
PATIENCE = 20.0  # seconds: without a byte of any stream, or for the first words of all


@dataclass(frozen=True)
class Task:
    """What is to be read.

    :ivar streams: how many, in all.
    :ivar together: how many of them may be open at one time.
    :ivar opening: seconds over which the first of them are opened.
    :ivar window: seconds to measure, once the first word of all is there. None: all that is read,
        from before the first is opened until the last has ended.
    :ivar hold: seconds for which the streams are kept, and those that end are replaced.
    :ivar words: of each stream; fewer is a stream that was dropped.
    :ivar server: ids of the processes whose processor time is told.
    """

    port: int
    path: str
    words: int
    streams: int
    together: int
    opening: float = 0.0
    window: float | None = None
    hold: float = 0.0
    server: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """What has been read. Times are in milliseconds, but for `seconds` and `processor`.

    :ivar p50: how late the words were: from the provider's sending to the reader's having them.
    :ivar over: of each stream, how much later its first word came than the provider gave it:
        from the request to the word, less the same as the provider saw it.
    :ivar waits: of each stream, from the request to the first word.
    :ivar dropped: streams that ended before their last word, or never began.
    """

    words: int
    bytes: int
    seconds: float
    processor: float
    p50: float
    p99: float
    over: list[float]
    waits: list[float]
    streams: int
    dropped: int


class Stream:
    def __init__(self, task: Task) -> None:
        self.socket = socket.create_connection(("127.0.0.1", task.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened = stamps.now()
        self.socket.sendall(f"GET {task.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        self.socket.setblocking(False)
        self.words = 0
        self.begun: tuple[float, float] | None = None  # milliseconds: of `over`, of `waits`
        self._rest = b""

    @property
    def over(self) -> bool:
        return self._rest.endswith(END)

    def words_in(self, data: bytes, now: int) -> list[int]:
        """When the words were sent that are whole with `data`."""
        data = self._rest + data
        if self.begun is None:
            self._rest = data
            if data[: len(STREAM)] != STREAM[: len(data)]:
                raise RuntimeError(f"no stream, but: {data!r}")
            first = stamps.first_in(data)
            if first is None:
                return []
            asked, sent = first
            wait = now - self.opened
            self.begun = (wait - (sent - asked)) / 1000, wait / 1000
        self._rest = data[-stamps.REST :]
        found = stamps.sent_in(data)
        self.words += len(found)
        return found


class Reader:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._epoll = select.epoll()
        self._open: dict[int, Stream] = {}
        self._opened = 0
        self._to_open = task.streams
        self._ended: list[Stream] = []
        self._begin_window()

    def read(self) -> Told:
        """Read all that there is to read, or so much as the window has."""
        task = self._task
        begun = heard = time.monotonic()
        until = None
        while True:
            now = time.monotonic()
            self._open_more(now - begun)
            if task.window is not None and until is None:
                if self._all_have_begun() or now - begun > task.opening + PATIENCE:
                    self._begin_window()
                    until = now + task.window
            if until is not None and now >= until:
                break
            if not self._open and self._opened == self._to_open:
                break
            events = self._epoll.poll(0.005 if self._opened < task.together else 0.05)
            for descriptor, _ in events:
                self._take(self._open[descriptor])
            if events:
                heard = now
            elif now - heard > PATIENCE:
                break
        return self._told()

    def _open_more(self, seconds: float) -> None:
        task = self._task
        due = task.together
        if seconds < task.opening:
            due = int(task.together * seconds / task.opening) + 1
        while len(self._open) < task.together and self._opened < self._to_open:
            if self._opened < task.together and self._opened >= due:
                break
            if task.hold and seconds > task.hold and self._opened >= task.together:
                self._to_open = self._opened
                break
            stream = Stream(task)
            self._open[stream.socket.fileno()] = stream
            self._epoll.register(stream.socket, select.EPOLLIN)
            self._opened += 1

    def _all_have_begun(self) -> bool:
        return self._opened == self._to_open and all(stream.begun for stream in self._open.values())

    def _take(self, stream: Stream) -> None:
        try:
            data = stream.socket.recv(262144)
        except ConnectionError:
            data = b""
        now = stamps.now()
        self._bytes += len(data)
        self._delays += [now - sent for sent in stream.words_in(data, now)]
        if not data or stream.over:
            del self._open[stream.socket.fileno()]
            self._epoll.unregister(stream.socket)
            stream.socket.close()
            self._ended.append(stream)

    def _begin_window(self) -> None:
        self._delays: list[int] = []
        self._bytes = 0
        self._begun = time.monotonic()
        self._processor = processor_seconds(self._task.server)

    def _told(self) -> Told:
        seconds = time.monotonic() - self._begun
        processor = processor_seconds(self._task.server) - self._processor
        delays = sorted(self._delays)
        streams = [*self._ended, *self._open.values()]
        begun = [stream.begun for stream in streams if stream.begun]
        finished = sum(stream.words == self._task.words for stream in self._ended)
        going_on = 0
        if self._task.window is not None:
            going_on = sum(stream.begun is not None for stream in self._open.values())
        return Told(
            words=len(delays),
            bytes=self._bytes,
            seconds=seconds,
            processor=processor,
            p50=quantile(delays, 0.5) / 1000,
            p99=quantile(delays, 0.99) / 1000,
            over=[over for over, _ in begun],
            waits=[wait for _, wait in begun],
            streams=len(streams),
            dropped=self._to_open - finished - going_on,
        )


def quantile(ordered: list[Any], share: float) -> float:
    """The value that this share of the others is not above; nan where there is none."""
    return float(ordered[round((len(ordered) - 1) * share)]) if ordered else math.nan


def main() -> None:
    task = Task(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(Reader(task).read())))


if __name__ == "__main__":
    main()
