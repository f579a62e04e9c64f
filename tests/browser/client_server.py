"""A web server that answers with what a test tells it to, one write at a time."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.made import Made

STATIC = Path(__file__).parents[2] / "flask_stream" / "static"
DEADLINE = 60  # seconds; what is waited for takes milliseconds
STRICT_CSP = "default-src 'self'; require-trusted-types-for 'script'"
HEAD = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Test</title>"
    '<meta name=viewport content="width=device-width">'
)
CLIENT = '<script type=module src="/static/flask-stream.js"></script>'
# Keeps the element's events, and what the policy forbade, for the test to look at.
RECORDER = """
window.seen = [];
window.violations = [];
for (const name of ["open", "event", "done", "stop", "retry", "error"]) {
  document.addEventListener(`stream:${name}`, ({ type, detail }) => seen.push({ type, detail }));
}
document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => {
  violations.push(violatedDirective);
});
"""


def frame(name: str, /, **data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class Exchange:
    """One request, and the response that the test writes to it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        self.method = handler.command
        self.path = url.path
        self.query = parse_qs(url.query, keep_blank_values=True)
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.over = threading.Event()
        self._socket = handler.connection

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    def begin(
        self, status: int = 200, content_type: str = "text/event-stream", **headers: str
    ) -> Self:
        lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", "Connection: close"]
        if status != 204:
            lines.append("Transfer-Encoding: chunked")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        return self

    def write(self, data: bytes) -> Self:
        # A client that does not take what the headers announce has left by now.
        with contextlib.suppress(ConnectionError):
            self._socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))
        return self

    def send(self, name: str, /, **data: Any) -> Self:
        return self.write(frame(name, **data))

    def end(self) -> None:
        self.write(b"")
        self.cut()

    def cut(self) -> None:
        with contextlib.suppress(OSError):  # the client may have left first
            self._socket.shutdown(socket.SHUT_RDWR)
        self.over.set()

    def answer(self, text: str) -> None:
        self.begin().send("start", id="run").send("text", text=text)
        self.finish(text)

    def finish(self, text: str) -> None:
        length = len(text.encode("utf-16-le")) // 2
        self.send("done", stop_reason="stop", text_length=length).end()

    def wait_until_client_left(self) -> None:
        self._socket.settimeout(DEADLINE)
        with contextlib.suppress(ConnectionResetError):
            assert self._socket.recv(1) == b""
        self.over.set()


class Site:
    """Serves the built client, the pages that a test made, and hands it every other request."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, str]] = {}
        self.scripts: dict[str, str] = {}
        self.requests: Made[queue.Queue[Exchange]] = Made(queue.Queue)
        site = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path == "/recorder.js":
                    self._respond("text/javascript", RECORDER.encode())
                elif path == "/favicon.ico":
                    self.send_error(404)
                elif path.startswith("/static/"):
                    kind = "text/css" if path.endswith(".css") else "text/javascript"
                    self._respond(kind, (STATIC / Path(path).name).read_bytes())
                elif path in site.scripts:
                    self._respond("text/javascript", site.scripts[path].encode())
                elif path in site.pages:
                    self._respond("text/html; charset=utf-8", site.pages[path][0].encode())
                else:
                    self._hand_over()

            def do_POST(self) -> None:
                self._hand_over()

            def _hand_over(self) -> None:
                exchange = Exchange(self)
                site.requests[exchange.path].put(exchange)
                exchange.over.wait(60)
                self.close_connection = True

            def _respond(self, content_type: str, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                if self.path in site.pages:
                    self.send_header("Content-Security-Policy", site.pages[self.path][1])
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def page(self, body: str, *, head: str = "", path: str = "/", csp: str = STRICT_CSP) -> str:
        scripts = f'<script src="/recorder.js"></script>{CLIENT}'
        self.pages[path] = (f"{HEAD}{scripts}{head}<body>{body}", csp)
        return self.url + path

    def request(self, path: str, timeout: float = DEADLINE) -> Exchange:
        """The next request for a path; `queue.Empty` when there is none in time."""
        return self.requests[path].get(timeout=timeout)
