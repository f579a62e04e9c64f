"""The chat's site, with pages that a front end fills.

`/front/NAME` is a page with the script `NAME.js` of the folder `BUNDLE`, and, if it is there, with
the markup `NAME.html`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Response, render_template_string, send_from_directory
from markupsafe import Markup

from flask_stream import after_this_stream
from tests.chat.site import app, csrf, stream, turns

__all__ = ["app"]  # for gunicorn

BUNDLE = Path(os.environ["BUNDLE"])
PAGE = """<!doctype html>
<html lang=en><meta charset=utf-8><title>Front end</title>
<meta name=csrf-token content="{{ csrf_token() }}">
<script src="/recorder.js"></script>
<div id=root>{{ markup }}</div>
<script type=module src="/bundle/{{ name }}.js"></script>
"""
held = threading.Event()
ended: list[str] = []


@app.get("/front/<name>")
def front(name: str) -> str:
    turns()  # a session
    file = BUNDLE / f"{name}.html"
    markup = Markup(file.read_text("utf-8")) if file.exists() else ""
    return render_template_string(PAGE, name=name, markup=markup)


@app.get("/bundle/<name>")
def bundle(name: str) -> Response:
    return send_from_directory(BUNDLE, name)


@app.get("/turns")
def saved() -> list[dict[str, Any]]:
    return turns()


@app.post("/summary")
@stream.response
def summary() -> Iterator[str]:
    """It cannot be resumed. Its end comes when nobody reads it any more, or the test says so."""
    after_this_stream(lambda result: ended.append(result.outcome))
    yield "All in all"
    while not held.wait(0.05):
        yield "."
    yield " it was good."


@app.post("/sum-up")
@csrf.exempt
def sum_up() -> dict[str, str]:
    held.set()
    return {}


@app.get("/ended")
def outcomes() -> list[str]:
    return ended
