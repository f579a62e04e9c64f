"""Servers of which we know nothing: the words go out, and one warning says what does not."""

from __future__ import annotations

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from flask import Flask

from flask_stream import FlaskStream
from tests.conftest import ROOT, events_of, said
from tests.servers.client import DEADLINE

WORDS = ["a", "b"]


def site() -> Flask:
    app = Flask("site")
    stream = FlaskStream(app)

    @app.get("/")
    @stream.response
    def words() -> Iterator[str]:
        yield from WORDS

    return app


def ask(port: int) -> None:
    """Read the stream, and check that it is whole."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=DEADLINE) as answer:
        events = events_of([answer.read()])
    assert (said(events), events[-1][0]) == ("ab", "done")


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


def test_wsgiref_sends_the_whole_stream_and_warns_once_that_it_has_no_heartbeats(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_stream.advice._said", set())
    with make_server("127.0.0.1", 0, site(), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        ask(server.server_port)
        ask(server.server_port)
        server.shutdown()
        thread.join(DEADLINE)
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 1
    assert "WSGIServer" in warned[0]
    assert "no heartbeats" in warned[0]


ADAPTERS = {
    "a2wsgi under uvicorn": "a2wsgi.WSGIMiddleware(app)",
    "uvicorn --interface wsgi": "app",
}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_asgi_server_gets_the_one_warning(adapter: str) -> None:
    """The words come one by one through both adapters; what they lack is told once."""
    code = f"""
import logging, threading, urllib.request
import a2wsgi, uvicorn
from flask import Flask
from flask_stream import FlaskStream

app = Flask("site")
app.get("/")(FlaskStream(app).response(lambda: ["a", "b"]))
logging.basicConfig(format="%(name)s: %(message)s")
interface = "wsgi" if {adapter!r}.endswith("wsgi") else "asgi3"
server = uvicorn.Server(
    uvicorn.Config({ADAPTERS[adapter]}, port=0, interface=interface, log_config=None)
)
startup, begun = server.startup, threading.Event()

async def and_tell(*args, **kwargs):
    await startup(*args, **kwargs)
    begun.set()

server.startup = and_tell
thread = threading.Thread(target=server.run)
thread.start()
assert begun.wait({DEADLINE})
port = server.servers[0].sockets[0].getsockname()[1]
for _ in range(2):
    with urllib.request.urlopen(f"http://127.0.0.1:{{port}}/", timeout={DEADLINE}) as answer:
        assert b"event: done" in answer.read()
server.should_exit = True
thread.join({DEADLINE})
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    warned = [line for line in done.stderr.splitlines() if line.startswith("flask_stream:")]
    assert len(warned) == 1, done.stderr
    assert "does not say its name" in warned[0]


def test_gevents_own_server_sends_the_whole_stream() -> None:
    code = "from gevent import monkey; monkey.patch_all(); import tests.test_other_servers as t;"
    code += "t.serve_and_ask()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stderr[-5000:]


def serve_and_ask() -> None:
    """In a process of its own, which gevent has patched."""
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(("127.0.0.1", 0), site(), log=None)
    server.start()
    ask(server.server_port)
    server.stop()
