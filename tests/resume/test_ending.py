"""A process that is asked to end: its runs do, at once where nobody gives them time."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.conftest import ROOT
from tests.resume.conftest import DEADLINE

SERVER = """
    import http.client, os, signal, sys, threading, time
    from flask import Flask
    from werkzeug.serving import make_server
    from flask_stream import FlaskStream

    app = Flask(__name__)
    app.secret_key = "s"
    app.config["STREAM_LOG_URL"] = sys.argv[1]
    stream = FlaskStream(app)

    @app.post("/")
    @stream.response(resumable=True, on_finish=lambda result: print(result.error.code, flush=True))
    def view():
        while True:
            yield "word "
            time.sleep(0.05)

    server = make_server("127.0.0.1", 0, app, threaded=True)

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/")
        connection.getresponse().read(10)
        print("begun", flush=True)

    threading.Thread(target=ask, daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
"""


def test_a_development_server_that_is_interrupted_does_not_wait_for_its_runs(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), f"sqlite:///{tmp_path / 'runs.sqlite3'}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 0
            assert process.stdout.read() == "shutdown\n"
        finally:
            process.kill()
            process.wait()
