"""A web server that keeps its runs, whose words the test says, and whose connections it may cut."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.browser.client_server import CLIENT, HEAD, RECORDER, STATIC, STRICT_CSP
from tests.servers.running import until

Event = tuple[int, str, dict[str, Any]]


class Run:
    """One answer. It goes on whether somebody reads it or not."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.url = f"/_stream/{id}"
        self.events: list[Event] = []
        self.changed = threading.Condition()
        self.text = ""
        self.is_over = False
        self.send("start", id=id, url=self.url)

    def send(self, name: str, /, **data: Any) -> Run:
        with self.changed:
            if not self.is_over:
                self.events.append((len(self.events) + 1, name, data))
                self.is_over = name in ("done", "failed")
            self.changed.notify_all()
        return self

    def say(self, text: str) -> Run:
        self.text += text
        return self.send("text", text=text)

    def finish(self, stop_reason: str = "stop") -> None:
        self.send("done", stop_reason=stop_reason, text_length=len(self.text))

    def behind(self, number: int) -> list[Event]:
        """What comes behind an event. From the beginning, texts that follow each other are one."""
        events = [event for event in self.events if event[0] > number]
        if number:
            return events
        joined: list[Event] = []
        for at, name, data in events:
            if name == "text" and joined and joined[-1][1] == "text":
                data = {"text": joined.pop()[2]["text"] + data["text"]}
            joined.append((at, name, data))
        return joined


@dataclass
class Asked:
    """A request for an answer, or for what the server keeps of one."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Any
    form: dict[str, list[str]]

    @property
    def key(self) -> str:
        key: str = self.headers["Idempotency-Key"]
        return key


@dataclass
class Keeper:
    """The server. `/chat` asks for an answer; it can be stopped, and started again where it was."""

    pages: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    followed: list[Asked] = field(default_factory=list)
    stopped: list[Asked] = field(default_factory=list)
    # What requests for a run that is kept are answered with, if not with that.
    refusal: int | None = None
    # What requests that find or stop a run are answered with first, in place of that.
    wanted: list[int] = field(default_factory=list)
    # A Stop ends the run, unless the server does not get round to it.
    stops: bool = True
    # Where it is not set, an answer that is asked for does not begin.
    begins: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    _keys: dict[str, Run] = field(default_factory=dict)
    _sockets: list[socket.socket] = field(default_factory=list)
    _connected: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begins.set()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, body: str, *, path: str = "/", head: str = "") -> str:
        self.pages[path] = f'{HEAD}<script src="/recorder.js"></script>{CLIENT}{head}<body>{body}'
        return self.url + path

    def run(self, number: int = 1) -> Run:
        """The answer to the first request, or to a later one, once that has been made."""
        until(lambda: len(self.runs) >= number, "nothing is asked")
        return self.runs[number - 1]

    def forget(self) -> None:
        """All runs have expired."""
        self.runs.clear()

    def start(self) -> None:
        keeper = self

        class Handler(_Handler):
            site = keeper

            def setup(self) -> None:
                super().setup()
                keeper._connected.append(self.connection)

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def stop(self) -> None:
        """Nobody is answered any more, and who is connected is cut."""
        self._server.shutdown()
        self._server.server_close()
        self.cut()
        for each in self._connected:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """All connections drop."""
        for each in self._sockets[:]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            self._sockets.remove(each)
        for run in self.runs:
            with run.changed:
                run.changed.notify_all()

    # -- what the server does --

    def answer(self, asked: Asked) -> tuple[Run, int] | dict[str, str] | int:
        """The run to be read, and behind which event; or a status."""
        want = asked.headers["Flask-Stream"]
        if want:
            run = self._keys.get(asked.key)
            return self._wanted(asked, want, run.id if run else asked.path.rpartition("/")[2])
        if asked.path.startswith("/_stream/"):
            return self._follow(asked)
        last = asked.headers["Last-Event-ID"]
        if last is not None:
            self.followed.append(asked)
            id, _, number = last.partition(".")
            return self._kept(id, int(number))
        self.asked.append(asked)
        if asked.key not in self._keys:
            run = Run(f"run{len(self.asked)}")
            self.runs.append(run)
            self._keys[asked.key or run.id] = run
            return run, 0
        return self._keys[asked.key], 0

    def _follow(self, asked: Asked) -> tuple[Run, int] | int:
        id, _, stop = asked.path.removeprefix("/_stream/").partition("/")
        if not stop:
            self.followed.append(asked)
            return self._kept(id, int(asked.query["after"][0]))
        self.stopped.append(asked)
        for run in self.runs:
            if run.id == id:
                if self.stops:
                    run.finish("stopped")
                return 204
        return 404

    def _wanted(self, asked: Asked, want: str, id: str) -> dict[str, str] | int:
        if self.wanted:
            return self.wanted.pop(0)
        found = next((run for run in self.runs if run.id == id), None)
        if found is None:
            return 404
        if want == "find":
            return {"id": id, "url": found.url}
        self.stopped.append(asked)
        found.finish("stopped")
        return 204

    def _kept(self, id: str, number: int) -> tuple[Run, int] | int:
        if self.refusal:
            return self.refusal
        for run in self.runs:
            if run.id == id:
                return 204 if run.is_over and not run.behind(number) else (run, number)
        return 404

    @contextlib.contextmanager
    def open(self, connection: socket.socket) -> Iterator[None]:
        self._sockets.append(connection)
        yield
        if connection in self._sockets:
            self._sockets.remove(connection)

    def is_open(self, connection: socket.socket) -> bool:
        return connection in self._sockets


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Keeper

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/recorder.js":
            self._respond("text/javascript", RECORDER.encode())
        elif path.startswith("/static/"):
            kind = "text/css" if path.endswith(".css") else "text/javascript"
            self._respond(kind, (STATIC / Path(path).name).read_bytes())
        elif path in self.site.pages:
            self._respond("text/html; charset=utf-8", self.site.pages[path].encode())
        elif path.startswith(("/chat", "/_stream/")):
            self._answer()
        else:
            self._refuse(404)

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        query = parse_qs(url.query)
        asked = Asked(self.command, url.path, query, self.headers, parse_qs(body))
        answer = self.site.answer(asked)
        if isinstance(answer, int):
            self._refuse(answer)
            return
        if isinstance(answer, dict):
            self._respond("application/json", json.dumps(answer).encode())
            return
        self.site.begins.wait(60)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with self.site.open(self.connection):
            self._write(b"retry: 50\n\n")
            self._tell(*answer)

    def _tell(self, run: Run, number: int) -> None:
        while True:
            with run.changed:
                while not (events := run.behind(number)):
                    if run.is_over or not self.site.is_open(self.connection):
                        self._write(b"")
                        return
                    run.changed.wait()
            for number, name, data in events:
                line = json.dumps(data, ensure_ascii=False)
                self._write(f"id: {run.id}.{number}\nevent: {name}\ndata: {line}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def _respond(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", STRICT_CSP)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass
