"""docs/deployment.md: every nginx snippet in a real nginx before a real gunicorn, and the rest."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import request

from flask_stream import Data, relay
from flask_stream.config import SETTINGS
from tests.conftest import ROOT, Site
from tests.provider import Exchange, Provider
from tests.servers.client import DEADLINE, Client
from tests.servers.nginx import nginx, nginx_binary
from tests.servers.running import Server, certificate, stop, until
from tests.servers.talk import HEAD, TAIL, word

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "deployment.md").read_text()

LAST_CHUNK = b"0\r\n\r\n"
HELD_BACK = 1.0  # seconds in which nothing may come; what is passed on comes in milliseconds
HEARTBEAT = 0.1  # seconds


def snippets(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def the_one_with(words: str) -> str:
    [found] = (text for text in snippets("python") if words in text)
    return found


# Each begins with a comment that says what it is.
NGINX = {text.splitlines()[0].removeprefix("# "): text for text in snippets("nginx")}
LEAST = "works: the least"
START = "works: the one to start from"
BREAKS = "breaks: nothing arrives before the end"
INNER = "inner: next to the app"
OUTER = "outer: next to the reader"
COMPRESSION = "works: compression"


class Held:
    """A provider that says a word, and the rest only when it is let go."""

    def __init__(self) -> None:
        self.said = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        exchange.start()
        exchange.send(HEAD + word("first "))
        self.said.set()
        self.go_on.wait()  # which the fixture sets, whatever becomes of the test
        with suppress(OSError):  # the app may have left
            exchange.send(word("last") + TAIL)
            exchange.end()


@pytest.fixture
def held(speaking: Provider) -> Iterator[Held]:
    script = Held()
    speaking.run(script)
    yield script
    script.go_on.set()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One with a short name: a unix socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def app(speaking: Provider, folder: Path) -> Iterator[Server]:
    """gunicorn as the page has it, but with one worker; on the unix socket `app.sock`."""
    nginx_binary()
    (folder / "gunicorn.conf.py").write_text(the_one_with("# gunicorn.conf.py"))
    command = [sys.executable, "-m", "gunicorn", "tests.servers.site:app", "--no-control-socket"]
    command += [f"--config={folder / 'gunicorn.conf.py'}", "--workers=1"]
    command += [f"--bind=unix:{folder / 'app.sock'}"]
    environment = {
        **os.environ,
        "PROVIDER": speaking.base,
        "RESULTS": str(folder / "results.jsonl"),
        "NOTES": str(folder / "notes.jsonl"),
        "STREAM_SETTINGS": json.dumps({"STREAM_HEARTBEAT": HEARTBEAT}),
    }
    with (folder / "server.log").open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    server = Server("gunicorn of the page", 0, process, folder)
    try:
        until(lambda: listens(folder / "app.sock"), lambda: server.log)
        with Reader(folder / "app.sock", "/hello") as reader:
            assert b"200 OK" in reader.until(b"hello"), server.log
        yield server
    finally:
        stop(process)


def listens(at: Path) -> bool:
    """Whether somebody takes connections at a unix socket: its file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(at)) == 0


Proxy = Callable[..., AbstractContextManager[Path]]


@pytest.fixture
def proxy(app: Server, folder: Path) -> Proxy:
    """Runs nginx with a snippet of the page, some of its words changed; gives its socket."""

    @contextmanager
    def start(name: str, changes: Mapping[str, str] | None = None) -> Iterator[Path]:
        at = Path(tempfile.mkdtemp(dir=folder)) / "nginx.sock"
        text = NGINX[name]
        for words, others in {
            "http://127.0.0.1:8000": f"http://unix:{folder / 'app.sock'}:",
            "/run/app/gunicorn.sock": str(folder / "app.sock"),
            "/etc/ssl/app": str(folder),
            "listen 443": f"listen unix:{at}",
            **(changes or {}),
        }.items():
            text = text.replace(words, others)
        if "server {" not in text:
            text = f"server {{ listen unix:{at}; {text} }}"
        with nginx(folder, "return 404;", text) as port:
            # Once nginx answers on its own port, it listens on the snippet's socket too.
            with Client(port) as client:
                assert client.ask("GET", "/").status == 404
            yield at

    return start


def also(directive: str) -> dict[str, str]:
    """What changes a snippet so that its location has this directive too."""
    return {"proxy_pass ": f"{directive} proxy_pass "}


class Reader:
    """One request to nginx, and all the bytes that have come for it."""

    def __init__(
        self,
        at: Path,
        path: str = "/chat/held",
        tls: ssl.SSLContext | None = None,
        more: str = "",
    ) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(str(at))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.got = b""
        method = "GET" if path in ("/hello", "/headers", "/state") else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: t\r\nAccept-Encoding: gzip\r\n{more}"
        self.socket.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def until(self, wanted: bytes, times: int = 1) -> bytes:
        """All up to `wanted`, or up to the connection's end."""
        while self.got.count(wanted) < times and (data := self.socket.recv(65536)):
            self.got += data
        return self.got

    def whole(self) -> bytes:
        """All up to the last chunk, which must come."""
        assert self.until(LAST_CHUNK).endswith(LAST_CHUNK), self.got
        return self.got


def passes_each_word_at_once(reader: Reader, held: Held) -> None:
    assert b"first " in reader.until(b"first ")
    assert not held.go_on.is_set()
    held.go_on.set()
    assert b"event: done" in reader.whole()


def holds_all_back(reader: Reader, held: Held) -> None:
    assert held.said.wait(DEADLINE)
    assert select.select([reader.socket], [], [], HELD_BACK)[0] == []
    held.go_on.set()
    assert reader.whole().count(b"event: text") == 2


# -- buffering --------------------------------------------------------------------------


def test_every_nginx_snippet_of_the_page_is_tried() -> None:
    assert sorted(NGINX) == sorted([LEAST, START, BREAKS, INNER, OUTER, COMPRESSION])
    assert len(snippets("nginx")) == len(NGINX)


@pytest.mark.parametrize("name", [LEAST, INNER, COMPRESSION])
def test_an_nginx_snippet_that_works_passes_each_word_at_once(
    name: str, proxy: Proxy, held: Held
) -> None:
    with proxy(name) as at, Reader(at) as reader:
        passes_each_word_at_once(reader, held)


def test_the_snippet_to_start_from_passes_each_word_at_once_with_tls_and_offers_http_2(
    proxy: Proxy, held: Held, folder: Path
) -> None:
    trusting, _ = certificate(folder)  # in the files that the snippet is changed to name
    with proxy(START) as at:
        with Reader(at, tls=trusting) as reader:
            passes_each_word_at_once(reader, held)
        trusting.set_alpn_protocols(["h2", "http/1.1"])
        with Reader(at, tls=trusting) as other:
            assert other.socket.selected_alpn_protocol() == "h2"


def test_the_snippet_to_start_from_passes_on_no_host_of_the_clients_own(
    proxy: Proxy, app: Server, folder: Path
) -> None:
    """ProxyFix with x_host=1 believes it, and so does what tells the app's pages from others'."""
    trusting, _ = certificate(folder)
    forged = "X-Forwarded-Host: stranger.test\r\nX-Forwarded-Proto: gopher\r\n"
    with proxy(START) as at, Reader(at, "/headers", trusting, forged) as reader:
        got = reader.until(b"}")
    assert b'"X-Forwarded-Host":"t"' in got
    assert b'"Host":"t"' in got
    assert b"stranger.test" not in got
    assert b"gopher" not in got


# As nginx before 1.29.7 asks by itself; a later one lets words through that it was to hold.
HTTP_1_0 = also("proxy_http_version 1.0;")


def test_the_nginx_snippet_that_breaks_passes_nothing_before_the_end(
    proxy: Proxy, held: Held
) -> None:
    with proxy(BREAKS, HTTP_1_0) as at, Reader(at) as reader:
        holds_all_back(reader, held)


def test_proxy_buffering_off_mends_the_nginx_snippet_that_breaks(proxy: Proxy, held: Held) -> None:
    with proxy(BREAKS, also("proxy_buffering off;")) as at, Reader(at) as reader:
        passes_each_word_at_once(reader, held)


@pytest.mark.parametrize(
    ("inner", "outer", "check"),
    [
        (LEAST, LEAST, holds_all_back),
        (INNER, LEAST, passes_each_word_at_once),
        (LEAST, OUTER, passes_each_word_at_once),
    ],
)
def test_behind_a_second_proxy_one_of_the_two_has_to_know(
    inner: str, outer: str, check: Callable[[Reader, Held], None], proxy: Proxy, held: Held
) -> None:
    with proxy(inner) as behind:
        through = f"http://unix:{behind}:"
        hosts = ("http://127.0.0.1:8000", "http://127.0.0.1:8080")
        changes = {**HTTP_1_0, **dict.fromkeys(hosts, through)}
        with proxy(outer, changes) as at, Reader(at) as reader:
            check(reader, held)


def test_compression_is_on_and_leaves_streams_alone(proxy: Proxy, held: Held) -> None:
    held.go_on.set()
    with proxy(COMPRESSION) as at:
        with Reader(at, "/state") as other:
            assert b"Content-Encoding: gzip" in other.until(b"\r\n\r\n")
        for path in ("/chat/held", "/text/held"):
            with Reader(at, path) as reader:
                assert b"Content-Encoding: identity" in reader.whole()


# -- silence and ends -------------------------------------------------------------------

IMPATIENT = "proxy_read_timeout 1s;"


def test_heartbeats_keep_nginx_from_cutting_a_silent_stream(proxy: Proxy, held: Held) -> None:
    with proxy(LEAST, also(IMPATIENT)) as at, Reader(at) as reader:
        reader.until(b": \n\n", times=round(2 / HEARTBEAT))
        passes_each_word_at_once(reader, held)


def test_text_has_no_heartbeats_and_is_cut(proxy: Proxy, held: Held) -> None:
    with proxy(LEAST, also(IMPATIENT)) as at, Reader(at, "/text/held") as reader:
        assert not reader.until(LAST_CHUNK).endswith(LAST_CHUNK)
        assert b"first " in reader.got
        assert not held.go_on.is_set()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_killed_worker_looks_like_an_end_over_http_1_0_and_like_a_cut_over_1_1(
    version: str, proxy: Proxy, app: Server, held: Held
) -> None:
    with proxy(LEAST, also(f"proxy_http_version {version};")) as at, Reader(at) as reader:
        assert b"first " in reader.until(b"first ")
        [worker] = app.workers
        os.kill(worker, signal.SIGKILL)
        reader.until(LAST_CHUNK)
    assert reader.got.endswith(LAST_CHUNK) == (version == "1.0")
    assert not re.search(b"event: (done|failed)", reader.got)


# -- the rest of the page ---------------------------------------------------------------


def test_the_table_of_settings_is_complete_and_has_the_defaults() -> None:
    told = dict(re.findall(r"^\| `(STREAM_\w+)` \| (\S+) \|", PAGE, re.MULTILINE))
    defaults = {key: json.dumps(setting.default) for key, setting in SETTINGS.items()}
    python = {"null": "None", "[]": "()"}
    assert told == {key: python.get(value, value) for key, value in defaults.items()}


def test_the_logging_snippet_shows_the_line_of_a_run() -> None:
    rest = """
from flask import Flask
from flask_stream import FlaskStream
app = Flask("app")
app.get("/")(FlaskStream(app).response(lambda: ["hello"]))
app.test_client().get("/").get_data()
"""
    command = [sys.executable, "-c", the_one_with("logging.basicConfig") + rest]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
    [line] = (line for line in done.stderr.splitlines() if line.startswith("INFO:flask_stream:"))
    # The page's own line has the same fields, in the same order.
    [shown] = re.findall(r"^    INFO:flask_stream:.*\n.*", PAGE, re.MULTILINE)
    assert re.findall(r"\w+(?==)", line) == re.findall(r"\w+(?==)", shown)


def test_what_is_yielded_first_leaves_while_the_provider_has_not_answered(
    site: Site, provider: Provider
) -> None:
    read = threading.Event()

    def answer_late(exchange: Exchange) -> None:
        assert read.wait(DEADLINE)
        exchange.answer(401, {"error": {"type": "authentication_error", "message": "no"}})

    provider.run(answer_late)
    names = {"Data": Data, "relay": relay, "request": request, "claude": provider.anthropic}
    exec(the_one_with("def slow()"), {**vars(site), **names})
    with site.app.test_client().post("/slow", data={"question": "Why?"}) as response:
        body = iter(response.response)
        assert b"event: progress" in next(body)
        read.set()
        assert b'"code":"auth"' in b"".join(body)


def test_the_probe_is_a_stream_of_five_words(site: Site) -> None:
    waits: list[float] = []
    time = SimpleNamespace(sleep=waits.append)
    exec(the_one_with("def probe()"), {**vars(site), "time": time})
    assert site.app.test_client().get("/probe").text.count("event: text") == 5
    assert waits == [1] * 5
