"""Providers for the tests: HTTP servers on loopback, asked through the real SDKs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.client import DEADLINE

if TYPE_CHECKING:  # each is imported where it is asked for: not every environment has them all
    import anthropic
    import groq
    import httpx
    import httpx2
    import openai
    import requests

TRANSCRIPTS = Path(__file__).parent / "transcripts"

PATHS = {
    "anthropic": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
}


class Clients:
    """The SDKs, `requests` and both httpx, pointed at `base`."""

    base: str

    @cached_property
    def anthropic(self) -> anthropic.Anthropic:
        import anthropic

        return anthropic.Anthropic(base_url=self.base, api_key=KEY, max_retries=0)

    @cached_property
    def openai(self) -> openai.OpenAI:
        import openai

        return openai.OpenAI(base_url=f"{self.base}/v1", api_key=KEY, max_retries=0)

    @cached_property
    def groq(self) -> groq.Groq:
        """One whose SDK is made like OpenAI's."""
        import groq

        return groq.Groq(base_url=self.base, api_key=KEY, max_retries=0)

    @cached_property
    def httpx(self) -> httpx.Client:
        import httpx

        return httpx.Client(base_url=self.base)

    @cached_property
    def httpx2(self) -> httpx2.Client:
        import httpx2

        return httpx2.Client(base_url=self.base)

    def close_clients(self) -> None:
        for name in ("anthropic", "openai", "groq", "httpx", "httpx2"):
            if name in vars(self):
                getattr(self, name).close()

    def create(self, wire: str, model: str = "m") -> Any:
        """`create(stream=True)` of the wire's SDK."""
        messages: Any = [{"role": "user", "content": "Hello?"}]
        if wire == "anthropic":
            return self.anthropic.messages.create(
                model=model, max_tokens=64, messages=messages, stream=True
            )
        if wire == "openai_chat":
            return self.openai.chat.completions.create(model=model, messages=messages, stream=True)
        return self.openai.responses.create(model=model, input="Hello?", stream=True)

    def helper(self, wire: str, model: str = "m") -> Any:
        """The manager that `.stream()` of the wire's SDK gives."""
        messages: Any = [{"role": "user", "content": "Hello?"}]
        if wire == "anthropic":  # its beta twin knows more kinds of block
            return self.anthropic.beta.messages.stream(
                model=model, max_tokens=64, messages=messages
            )
        if wire == "openai_chat":
            return self.openai.chat.completions.stream(model=model, messages=messages)
        return self.openai.responses.stream(model=model, input="Hello?")

    def post(self, wire: str, model: str = "m", stream: bool = True) -> requests.Response:
        """The same with `requests`."""
        import requests

        body = {"model": model, "stream": True}
        return requests.post(self.base + PATHS[wire], json=body, stream=stream, timeout=60)

    def send(self, wire: str, client: str = "httpx", stream: bool = True) -> Any:
        """The same with "httpx" or "httpx2"."""
        http = getattr(self, client)
        request = http.build_request("POST", PATHS[wire], json={"model": "m", "stream": True})
        return http.send(request, stream=stream)


# Not a key: what a test looks for in every byte that a client gets.
KEY = "key-that-must-stay-secret"

Script = Callable[["Exchange"], None]


class Exchange:
    """One request, and the means to answer it piece by piece."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: Any) -> None:
        self.handler = handler
        self.path = handler.path
        self.headers = handler.headers
        self.body = body

    def start(self, content_type: str = "text/event-stream", chunked: bool = True) -> None:
        self.chunked = chunked
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", content_type)
        if chunked:
            self.handler.send_header("Transfer-Encoding", "chunked")
        else:
            self.handler.send_header("Connection", "close")
            self.handler.close_connection = True
        self.handler.end_headers()

    def send(self, data: bytes) -> None:
        if self.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def end(self) -> None:
        if self.chunked:
            self.handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """End the connection without ending the body."""
        self.handler.close_connection = True

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """A whole JSON answer, such as an error."""
        data = json.dumps(body).encode()
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def gone(self, seconds: float = 30) -> bool:
        """Wait until the client has closed its connection; False at the deadline."""
        connection = self.handler.connection
        before = connection.gettimeout()
        connection.settimeout(seconds)
        try:
            return connection.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            # Otherwise it would end the connection while that waits for its next request.
            connection.settimeout(before)


class Provider(Clients):
    """Answers each request with the next script; the last one stays.

    :ivar requests: the JSON bodies that were sent, in order.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.scripts: list[Script] = []
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                with provider._lock:
                    provider.requests.append(body)
                    script = provider.scripts[0]
                    if len(provider.scripts) > 1:
                        provider.scripts.pop(0)
                script(Exchange(self, body))

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                if not isinstance(sys.exc_info()[1], ConnectionError):
                    super().handle_error(request, client_address)

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Provider:
        # Half a second, the default, is what each test would wait for at its end.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_clients()
        self._server.shutdown()
        self._server.server_close()

    def play(self, *bodies: bytes | Iterable[bytes]) -> Provider:
        """Answer with whole bodies, or with lists of pieces, one a request."""
        self.scripts = [_player([b] if isinstance(b, bytes) else list(b)) for b in bodies]
        return self

    def run(self, *scripts: Script) -> Provider:
        """Answer with functions of an Exchange, one a request."""
        self.scripts = list(scripts)
        return self


def _player(pieces: list[bytes]) -> Script:
    def script(exchange: Exchange) -> None:
        exchange.start()
        for piece in pieces:
            exchange.send(piece)
        exchange.end()

    return script


def transcript(name: str) -> bytes:
    """One of the project's own small streams, as the provider would send it."""
    return (TRANSCRIPTS / f"{name}.sse").read_bytes()


def frames(*dicts: dict[str, Any], done: bool = False) -> bytes:
    """Wire dicts as server-sent events; `event:` lines where the dicts have a type."""
    out = []
    for d in dicts:
        if isinstance(d.get("type"), str):
            out.append(f"event: {d['type']}\n")
        out.append(f"data: {json.dumps(d)}\n\n")
    return ("".join(out) + ("data: [DONE]\n\n" if done else "")).encode()


class ReplayServer(Clients):
    """The replay server of the recorded streams, as a process of its own.

    :param folder: of `shared`, whose streams it plays.
    """

    def __init__(self, shared: Path, folder: str = "transcripts") -> None:
        server = shared / "replay_server.py"
        command = [sys.executable, str(server), "--dir", str(shared / folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base = json.loads(self._process.stdout.readline())["base"]

    def __enter__(self) -> ReplayServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_clients()
        self._process.terminate()
        self._process.communicate(timeout=10)


# -- the project's own small streams, event by event ------------------------------------------

NAMES = {"anthropic": "anthropic", "openai_chat": "chat", "openai_responses": "responses"}
WIRES = list(NAMES)

# What the three `…_text` streams say, delta by delta; and the provider's words in `…_error`.
WORDS = ["The lighthouse at Tern Point ", "has 214 steps.\n\n", "Bring a lamp 🔦."]
TEXT = "".join(WORDS)
PROVIDERS_WORDS = "secret tern detail"


def told(wire: str, what: str = "text") -> bytes:
    """One of them by its wire, such as `told("openai_chat", "error")`."""
    return transcript(f"{NAMES[wire]}_{what}")


def word_by_word(wire: str) -> list[bytes]:
    """The `…_text` stream in four pieces: one that ends with each word, and the rest."""
    pieces = [b""]
    events = iter(told(wire).split(b"\n\n"))
    for word in (b"lighthouse", b"214", b"lamp"):
        for event in events:
            pieces[-1] += event + b"\n\n"
            if word in event:
                break
        pieces.append(b"")
    pieces[-1] = b"\n\n".join(events)
    return pieces


class InTurns:
    """A script that sends a word, then waits until the reader says that it has it.

    :ivar waited_in_vain: a word did not arrive while the provider sent nothing more.
    """

    def __init__(self, wire: str, **start: Any) -> None:
        self.waited_in_vain = False
        self._wire = wire
        self._start = start
        self._heard = threading.Semaphore(0)

    def heard(self) -> None:
        self._heard.release()

    def __call__(self, exchange: Exchange) -> None:
        exchange.start(**self._start)
        *words, rest = word_by_word(self._wire)
        for word in words:
            exchange.send(word)
            if not self._heard.acquire(timeout=DEADLINE):
                self.waited_in_vain = True
                break
        exchange.send(rest)
        exchange.end()


class Traced:
    """An object proxy such as tracing libraries put around an SDK's stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.items: list[Any] = []

    @property
    def __class__(self) -> Any:
        return type(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[Any]:
        for item in self._stream:
            self.items.append(item)
            yield item
