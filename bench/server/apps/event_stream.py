"""A response of server-sent events, as it is written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from flask import Response

# What is sent behind the last word, so that a page can close its EventSource.
DONE = 'data: {"done": true}\n\n'


def answer(words: Iterable[str]) -> Response:
    response = Response(frames(words), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def frames(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield f"data: {json.dumps({'text': word})}\n\n"
    yield DONE
