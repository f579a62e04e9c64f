"""Run by test_extras.py with a Python that has the built wheel and one of its extras, only.

    uses_an_extra.py EXTRA FOLDER

FOLDER holds the recorded streams of tests/transcripts, and a copy of the example app.
"""

import re
import select
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from flask import Flask

from flask_stream import FlaskStream

DEADLINE = 60  # seconds
EXTRA, FOLDER = sys.argv[1], Path(sys.argv[2])
QUESTION = [{"role": "user", "content": "Why?"}]
RECORDINGS = {
    "/v1/messages": "anthropic_text.sse",
    "/v1/chat/completions": "chat_text.sse",
    "/v1/responses": "responses_text.sse",
}


class Recorded(BaseHTTPRequestHandler):
    """A provider that plays what one said."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write((FOLDER / RECORDINGS[self.path]).read_bytes())

    def log_message(self, *args):
        pass


@contextmanager
def provider():
    with HTTPServer(("127.0.0.1", 0), Recorded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def streams(ask):
    """A view that returns what `ask` gives says its words, and that it is whole."""
    app = Flask("app")
    app.post("/")(FlaskStream(app).response(ask))
    answer = app.test_client().post("/").text
    assert "event: text" in answer, answer
    assert "\nevent: done" in answer, answer


def anthropic(base):
    from anthropic import Anthropic

    claude = Anthropic(base_url=base, api_key="none")
    asked = {"model": "m", "max_tokens": 9, "messages": QUESTION}
    streams(lambda: claude.messages.create(stream=True, **asked))
    streams(lambda: claude.messages.stream(**asked))


def openai(base):
    from openai import OpenAI

    gpt = OpenAI(base_url=f"{base}/v1", api_key="none")
    streams(lambda: gpt.chat.completions.create(model="m", messages=QUESTION, stream=True))
    streams(lambda: gpt.responses.create(model="m", input="Why?", stream=True))


def requests(base):
    import requests

    body = {"model": "m", "messages": QUESTION, "stream": True}
    streams(lambda: requests.post(f"{base}/v1/chat/completions", json=body, stream=True))


def redis(base):
    from flask_stream.logs import redis_server
    from flask_stream.logs.log import LogError
    from flask_stream.logs.redis import RedisLog

    redis_server._PATIENCE = 0.1
    told = ""
    try:
        RedisLog("redis://127.0.0.1:1").state("run")
    except LogError as error:
        told = str(error)
    assert "refused" in told, told  # as redis-py says where no Redis is


def gunicorn(base):
    (FOLDER / "served.py").write_text(
        "from flask import Flask\n"
        "from flask_stream import FlaskStream\n"
        "app = Flask('app')\n"
        "app.get('/')(FlaskStream(app).response(lambda: ['words']))\n"
    )
    for worker in ("gevent", "gthread", "sync"):
        with_worker(worker, "served:app")


def with_worker(worker, app):
    command = [sys.executable, "-m", "gunicorn", "-k", worker, "-b", "127.0.0.1:0", app]
    with subprocess.Popen(command, cwd=FOLDER, stderr=subprocess.PIPE) as process:
        try:
            answer = urllib.request.urlopen(address_of(process), timeout=DEADLINE).read()
            assert b"event: done" in answer, answer
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE)


def address_of(process):
    said = b""
    while select.select([process.stderr], [], [], DEADLINE)[0]:
        line = process.stderr.readline()
        said += line
        if found := re.search(rb"Listening at: (\S+)", line):
            return found[1].decode()
        if not line:
            break
    raise AssertionError(said.decode())


def example(base):
    sys.path.insert(0, str(FOLDER))
    from example_app import create_app

    client = create_app().test_client()
    assert client.get("/", follow_redirects=True).status_code == 200
    check = "-c example_app/gunicorn.conf.py --check-config example_app:create_app()"
    command = [sys.executable, "-m", "gunicorn", *check.split()]
    # What it imports is not compiled, and may not be, where PYTHONDONTWRITEBYTECODE is set.
    subprocess.run(command, cwd=FOLDER, check=True, timeout=5 * DEADLINE)


with provider() as base:
    globals()[EXTRA](base)
