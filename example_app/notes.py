"""A small shelf of notes about streaming, for a model to look things up in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """What is written at `url`, in short."""

    title: str
    url: str
    text: str


NOTES = (
    Note(
        "Server-sent events, in the HTML Standard",
        "https://html.spec.whatwg.org/multipage/server-sent-events.html",
        "When its connection ends, an EventSource asks again by itself after a few seconds. Only "
        "close() in the page prevents that, or an answer with the status 204.",
    ),
    Note(
        "Using server-sent events, on MDN",
        "https://developer.mozilla.org/en-US/docs/Web/API/Server-sent_events/"
        "Using_server-sent_events",
        "Over HTTP/1.1 a browser opens six connections to a host, for all its tabs together, and "
        "a stream holds one of them for as long as it lasts. HTTP/2 has room for many more.",
    ),
    Note(
        "Retry-After, in RFC 9110",
        "https://www.rfc-editor.org/rfc/rfc9110.html#field.retry-after",
        "A server that refuses a request for now can say when to ask again, in seconds or as a "
        "date. A client that waits for so long spares both sides a second refusal.",
    ),
    Note(
        "proxy_buffering, in nginx",
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering",
        "As a proxy, nginx gathers a response in buffers before it passes it on, unless the "
        "response carries X-Accel-Buffering: no. Words that sit in a buffer are not read.",
    ),
    Note(
        "proxy_read_timeout, in nginx",
        "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout",
        "After 60 seconds of silence a proxy takes the connection for dead and cuts it. A comment "
        "line from time to time, which every client ignores, keeps it open.",
    ),
    Note(
        "Streaming contents, in Flask",
        "https://flask.palletsprojects.com/en/stable/patterns/streaming/",
        "A view may return a generator, and Flask sends each piece as it comes. By then the "
        "request is over, so what the generator needs of it must be kept with it.",
    ),
    Note(
        "WSGI, in PEP 3333",
        "https://peps.python.org/pep-3333/",
        "When a reader leaves early, the server calls close() on what the app returned. That is "
        "the moment to give back what the answer held, such as the provider's connection.",
    ),
    Note(
        "Aborting a fetch, on MDN",
        "https://developer.mozilla.org/en-US/docs/Web/API/AbortController",
        "A page that aborts its request closes the connection at once. The server hears of it "
        "when it writes the next time, or earlier if it watches the socket meanwhile.",
    ),
)


MOST_FOUND = 2


def best(notes: Iterable[Note], query: str) -> list[Note]:
    """Give the notes that have most of the words, and have any, best first."""
    words = re.findall(r"\w{4,}", query.lower())

    def score(note: Note) -> int:
        return sum(word in f"{note.title} {note.text}".lower() for word in words)

    return sorted(filter(score, notes), key=score, reverse=True)[:MOST_FOUND]
