"""A model provider of our own, for when there is no key: canned answers on the Anthropic wire.

It is an HTTP server on loopback, so that the app talks to it through the real SDK and nothing
on the way is faked. It also keeps a log of what it sent and of who hung up on it. Other users of
the machine can reach it: as a real provider does, it wants its key with every request.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import select
import socket
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from .canned_answers import Answer, answer_to
from .canned_log import Log
from .canned_research import is_for_research, research
from .canned_wire import JSON, count_tokens, files_of, frame, new_message, prompt_of

DELAY = 0.033  # seconds between two pieces: some thirty tokens a second
START_DELAYS = 18  # a model thinks about 0.6 s before its first word
SLOW_START_DELAYS = 180  # six seconds
HOLD_AFTER = 6  # pieces
HOLD_SECONDS = 60.0  # so that a held answer that nobody releases does end
RETRY_AFTER_DELAYS = 600  # 20 seconds


class ClientLeft(Exception):
    """Nobody is listening any more."""


class CannedProvider(ThreadingTCPServer):
    """The server: `start()` it, and talk to its `url` with its `key`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        port: int = 0,
        delay: float = DELAY,
        log_file: str | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.key = key or secrets.token_urlsafe()
        self.delay = delay
        self.retry_after = max(1, round(delay * RETRY_AFTER_DELAYS))
        self.log = Log(log_file)
        self.releases = 0
        self._lock = threading.Lock()
        self._requests = 0
        self._refused: dict[str, float] = {}  # prompts, and since when

    def start(self) -> None:
        """Serve from a daemon thread."""
        threading.Thread(target=self.serve_forever, name="canned-provider", daemon=True).start()

    def next_request(self) -> int:
        """Number the requests, for the log."""
        with self._lock:
            self._requests += 1
            return self._requests

    def refuses(self, prompt: str) -> bool:
        """Refuse a prompt, until it is asked again after `retry_after` seconds."""
        now = time.monotonic()
        with self._lock:
            if now - self._refused.get(prompt, now) >= self.retry_after:
                del self._refused[prompt]
                return False
            self._refused.setdefault(prompt, now)
            return True

    def release(self) -> None:
        """Let every answer go on that waits now."""
        with self._lock:
            self.releases += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: CannedProvider

    def parse_request(self) -> bool:
        """Refuse who has no key, whatever the request is, before its body is read."""
        if not super().parse_request():
            return False
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        given = self.headers.get("x-api-key", bearer)  # which of them, is the SDK's to choose
        if secrets.compare_digest(given.encode(), self.server.key.encode()):
            return True
        self.close_connection = True
        self._send_error(401, "authentication_error", "invalid x-api-key")
        return False

    def do_GET(self) -> None:
        if self.path == "/__log":
            self._send_json(200, self.server.log.entries())
        else:
            self._send_error(404, "not_found_error", f"There is nothing at {self.path}.")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.path.partition("?")[0]:
            case "/v1/messages":
                self._answer(json.loads(body))
            case "/__release":
                self.server.release()
                self._send_json(200, {"released": True})
            case _:
                self._send_error(404, "not_found_error", f"There is nothing at {self.path}.")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr: what matters is in the log."""

    def _answer(self, body: Mapping[str, Any]) -> None:
        messages, tools = body["messages"], body.get("tools")
        prompt = prompt_of(messages)
        if tools and is_for_research(messages):
            answer = research(messages, tools[0]["name"])
        else:
            answer = answer_to(prompt, files_of(messages))
        self._request = self.server.next_request()
        self._record("request", prompt=prompt, trick=answer.trick)
        if answer.trick == "rate limit" and self.server.refuses(prompt):
            self._record("refused")
            message = "This request would exceed your rate limit of 0 requests a minute."
            headers = {"retry-after": str(self.server.retry_after)}
            self._send_error(429, "rate_limit_error", message, headers)
        elif not body.get("stream"):
            message = "The canned provider only streams: pass stream=True."
            self._send_error(400, "invalid_request_error", message)
        else:
            try:
                self._stream(str(body.get("model")), count_tokens(messages), answer)
            except ClientLeft:
                self._record("client left")
                self.close_connection = True

    def _stream(self, model: str, input_tokens: int, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._send_event("message_start", message=new_message(self._request, model, input_tokens))
        self._send_event("ping")
        slow = answer.trick == "slow start"
        self._wait(self.server.delay * (SLOW_START_DELAYS if slow else START_DELAYS))
        whole = self._send_blocks(answer)
        if whole:
            self._finish(answer)
        elif answer.trick == "cut":
            self._record("cut")
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._record("error")
            overloaded = {"type": "overloaded_error", "message": "Overloaded"}
            self._send_event("error", error=overloaded)
            self._end_body()

    def _send_blocks(self, answer: Answer) -> bool:
        """Send the answer; or half of it, and give False."""
        end = answer.size // 2 if answer.trick in ("cut", "error") else None
        number = 0
        for index, block in enumerate(answer.blocks):
            self._send_event("content_block_start", index=index, content_block=block.start)
            for delta in block.deltas:
                if number == end:
                    return False
                number += 1
                self._send_delta(index, delta, number)
                if answer.trick == "hold" and number == HOLD_AFTER:
                    self._hold()
            self._send_event("content_block_stop", index=index)
        return True

    def _send_delta(self, index: int, delta: JSON, number: int) -> None:
        self._send_event("content_block_delta", index=index, delta=delta)
        self._record("piece", number=number)
        self._wait(self.server.delay * random.uniform(0.5, 1.5))

    def _finish(self, answer: Answer) -> None:
        delta = {"stop_reason": answer.stop_reason, "stop_sequence": None}
        self._send_event("message_delta", delta=delta, usage={"output_tokens": answer.size})
        self._send_event("message_stop")
        self._end_body()
        self._record("complete")

    def _hold(self) -> None:
        seen, deadline = self.server.releases, time.monotonic() + HOLD_SECONDS
        self._record("held")
        while self.server.releases == seen and time.monotonic() < deadline:
            self._wait(0.02)
        self._record("released")

    def _wait(self, seconds: float) -> None:
        """Wait, and raise ClientLeft as soon as the client has closed its connection.

        A write would notice only at the second try, after tokens that nobody reads.
        """
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        deadline = time.monotonic() + seconds
        if poll.poll(max(0.0, seconds) * 1000):
            try:
                gone = self.connection.recv(1, socket.MSG_PEEK) == b""
            except ConnectionError:
                gone = True
            if gone:
                raise ClientLeft
            time.sleep(max(0.0, deadline - time.monotonic()))

    def _send_event(self, type_: str, **fields: object) -> None:
        self._send_chunk(frame(type_, fields))

    def _end_body(self) -> None:
        self._send_chunk(b"")

    def _send_chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        except ConnectionError as error:
            raise ClientLeft from error

    def _send_error(
        self, status: int, type_: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        error = {"type": type_, "message": message}
        self._send_json(status, {"type": "error", "error": error}, headers)

    def _send_json(
        self, status: int, value: object, headers: Mapping[str, str] | None = None
    ) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def _record(self, event: str, **details: object) -> None:
        self.server.log.record(self._request, event, **details)


_started: dict[int, tuple[str, str]] = {}
_starting = threading.Lock()


def address() -> tuple[str, str]:
    """Give the URL and the key of this process's provider; the first call starts it.

    Threads do not survive a fork, so it is started in the worker that uses it, never in a
    preloading master.
    """
    with _starting:
        pid = os.getpid()
        if pid not in _started:
            _started[pid] = _start(os.environ)
        return _started[pid]


def _start(environ: Mapping[str, str]) -> tuple[str, str]:
    port = int(environ.get("CANNED_PROVIDER_PORT", "0"))
    delay = float(environ.get("CANNED_PROVIDER_DELAY_MS", DELAY * 1000)) / 1000
    key = environ.get("CANNED_PROVIDER_KEY")
    try:
        provider = CannedProvider(port, delay, environ.get("CANNED_PROVIDER_LOG"), key)
    except OSError:
        if not port or not key:
            raise
        # Another worker of this server has the fixed port already: share its provider.
        return f"http://127.0.0.1:{port}", key
    provider.start()
    print(f"Canned provider listening at {provider.url}", file=sys.stderr, flush=True)
    return provider.url, provider.key
