"""One run with a hostile provider, and everything about it that must hold whatever that does."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, request
from werkzeug.test import TestResponse

from flask_stream import FlaskStream, Result
from flask_stream.formats import Unterminated
from flask_stream.limits import places
from flask_stream.watch import watcher
from tests.collector import no_automatic_collection
from tests.hostile.catalogue import BEHAVIOURS
from tests.hostile.provider import BY_SDK, SOURCES, Answer, HostileProvider
from tests.hostile.registry import (
    FORGED,
    MOST_CHARACTERS,
    MOST_EVENT_BYTES,
    URL_SECRET,
    Behaviour,
)
from tests.provider import KEY, WIRES
from tests.servers.client import COMMENT, DEADLINE, events_of, said

FORMATS = {"native": "text/event-stream", "json": "application/json", "text": "text/plain"}

# The data of each event that a run may have; no other may come from a provider.
FIELDS: dict[str, set[str]] = {
    "start": {"id", "heartbeat"},
    "meta": {"provider", "model", "response_id"},
    "text": {"text"},
    "reasoning": {"text"},
    "refusal": {"text"},
    "tool_call_start": {"id", "name", "server"},
    "tool_call_delta": {"id", "arguments"},
    "tool_call": {"id", "name", "arguments", "raw", "server"},
    "tool_result": {"id", "result", "name", "is_error"},
    "source": {"url", "title", "cited_text", "document"},
    "usage": {
        *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
        "reasoning_tokens",
    },
    "done": {"stop_reason", "text_length", "provider_stop_reason", "usage"},
    "failed": {"code", "message", "retryable"},
}

# What one run may log: its line, and a warning that tells 2,000 characters of a provider's, each
# of which is six where it is escaped.
MOST_LOG = 16_000
# JavaScript's numbers are whole up to here, and Python's are as long as somebody makes them.
MOST_COUNT = 2**53


@dataclass
class Told:
    """What one request was answered.

    :ivar cut: the body had no end, which in bare words tells that the run failed.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cut: bool


@dataclass
class Hostile:
    """An app whose view returns what a hostile provider sent, and what is known of its runs."""

    provider: HostileProvider
    results: list[Result] = field(default_factory=list)
    logged: list[logging.LogRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = Flask("hostile")
        self.app.config.update(
            STREAM_MAX_CONCURRENT=1,  # a place that is not given back would be missed at once
            STREAM_MAX_EVENT_BYTES=MOST_EVENT_BYTES,
            STREAM_MAX_CHARACTERS=MOST_CHARACTERS,
        )
        stream = FlaskStream(self.app)

        def view() -> Any:
            return SOURCES[request.args["source"]](self.provider, request.args["wire"])

        for rule, idle in (("/", 60.0), ("/silent", 0.3)):
            decorated = stream.response(on_finish=self.results.append, idle_seconds=idle)(view)
            self.app.add_url_rule(rule, rule, decorated, methods=["POST"])

    def ask(self, behaviour: Behaviour, wire: str, source: str, format: str) -> Told:
        self.provider.behave = behaviour
        # Their own decoders take the square of what they hold: enough to see it is not bounded.
        self.provider.limit = 1_000_000 if source == "SDK helper" else 4_000_000
        # What reads thousands of levels of JSON is at the end of the stack, where nothing that the
        # SDKs have left open can be finalized: no call has room. (Python 3.12 collects none there.)
        with no_automatic_collection():
            response = self.app.test_client().post(
                "/silent" if behaviour.silent else "/",
                query_string={"source": source, "wire": wire},
                headers={"Accept": FORMATS[format]},
            )
            with response:
                return _told(response)

    @contextmanager
    def log(self) -> Iterator[None]:
        """Keep what is logged."""
        handler = logging.Handler()
        handler.emit = self.logged.append  # type: ignore[method-assign]
        loggers = logging.getLogger("flask_stream"), self.app.logger
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.INFO)
            logger.addHandler(handler)
            logger.propagate = False
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.removeHandler(handler)
                logger.setLevel(level)
                logger.propagate = True


def _told(response: TestResponse) -> Told:
    body, cut = bytearray(), False
    try:
        for chunk in response.response:
            body += chunk
    except Unterminated:
        cut = True
    return Told(response.status_code, list(response.headers), bytes(body), cut)


# -- which runs to have ---------------------------------------------------------------------------


def cells(name: str, source: str) -> list[tuple[str, str]]:
    """The wires and formats in which a source has a behaviour.

    What is about HTTP alone or takes its time, has each format once, and each wire; what is about
    what is said, and is read by us, each wire in the native format too.
    """
    behaviour = BEHAVIOURS[name]
    wires = _turned(WIRES, name)
    if behaviour.body is None or behaviour.silent or source == "SDK helper":
        return list(zip(wires, FORMATS, strict=True))
    return [*((wire, "native") for wire in WIRES), (wires[0], "json"), (wires[1], "text")]


def cut_cells(name: str) -> list[tuple[str, str, str]]:
    """Wires, sources and formats for a behaviour that is cut off: a few of each."""
    sources = _turned(list(SOURCES), name)
    return list(zip(_turned(WIRES, name), sources[:3], FORMATS, strict=True))


def _turned(items: list[str], name: str) -> list[str]:
    """So that each comes first as often as the others."""
    at = list(BEHAVIOURS).index(name) % len(items)
    return items[at:] + items[:at]


# -- what must hold ---------------------------------------------------------------------------


def attack(
    hostile: Hostile, behaviour: Behaviour, wire: str, source: str, format: str
) -> Iterator[str]:
    """Have one run, and say what was wrong with it: nothing, if all is well."""
    hostile.results.clear()
    hostile.logged.clear()
    hostile.provider.answers.clear()
    told = hostile.ask(behaviour, wire, source, format)
    yield from leaks(told)
    try:
        end, text = ending(told, format)
    except (AssertionError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"is no answer of ours: {type(error).__name__}: {str(error)[:300]}"
        return
    if hostile.provider.cut is None:
        yield from ends_wrongly(behaviour, source, end)
    began = told.status == 200 or (format == "json" and bool(hostile.results))
    yield from _results(hostile.results, began, end, text)
    yield from _log(hostile.logged, began)
    if hostile.provider.cut is None:
        yield from _provider(hostile.provider.answers, behaviour, source)
    if watcher()._runs or watcher()._deliveries or places().taken:
        yield "is watched although it is over"


def leaks(told: Told) -> Iterator[str]:
    everything = told.body + repr(told.headers).encode()
    for secret in (KEY.encode(), b"Traceback"):
        if secret in everything:
            yield f"{secret!r} is in what the client gets"
    for name, value in told.headers:
        if FORGED in name + value:
            yield f"the header {name} is the provider's: {value[:100]!r}"


def ending(told: Told, format: str) -> tuple[str, str | None]:
    """How it ended, done or an error's code; and what the user reads, if there is anything.

    :raises AssertionError, ValueError, KeyError, TypeError: it is no answer as ours are.
    """
    if told.status >= 400 and "outcome" not in told.body[:20_000].decode(errors="replace"):
        refused = _loads(told.body)
        assert refused.keys() == {"code", "message", "retryable"}, refused
        return refused["code"], None
    if format == "text":
        assert told.status == 200, told
        return "cut" if told.cut else "done", told.body.decode()
    assert not told.cut
    if format == "json":
        result = _loads(told.body)
        code = result["error"]["code"] if result["error"] else "done"
        assert result["outcome"] == ("complete" if code == "done" else "failed"), result["outcome"]
        assert (told.status == 200) == (code == "done"), told.status
        return code, result["text"]
    events = [event for event in events_of(told.body, comments=True) if event != COMMENT]
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "start"
    assert kinds.count("start") == 1
    assert [kind for kind in kinds if kind in ("done", "failed")] == kinds[-1:]
    for kind, payload in events:
        _check(kind, payload)
    text, last = said(events), events[-1][1]
    if kinds[-1] == "done":
        assert last["text_length"] == len(text.encode("utf-16-le")) // 2
    return last["code"] if kinds[-1] == "failed" else "done", text


def _check(kind: str, payload: Any) -> None:
    """One event's data are what the README says of it, and nothing else."""
    assert payload.keys() <= FIELDS[kind], (kind, sorted(payload))
    json.dumps(payload, allow_nan=False)
    for name, value in payload.items():
        if name in ("id", "name", "text", "model", "response_id", "url", "title"):
            assert isinstance(value, str), (kind, name, value)
        elif name.endswith("_tokens"):
            assert type(value) is int, (kind, name)
            assert abs(value) <= MOST_COUNT, (kind, name, "is above what a page can count")
    if kind == "usage" or "usage" in payload:
        _check_counts(payload.get("usage", payload))


def _check_counts(usage: dict[str, Any]) -> None:
    for name, value in usage.items():
        assert type(value) is int, name
        assert abs(value) <= MOST_COUNT, (name, "is above what a page can count")


def _loads(body: bytes) -> Any:
    """JSON as JavaScript reads it."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(body, parse_constant=refuse)


def ends_wrongly(behaviour: Behaviour, source: str, end: str) -> Iterator[str]:
    if end == "internal" and not behaviour.no_stream:
        yield "is the app's fault: failed: internal"
    right = behaviour.right
    if source == "SDK helper" and right:
        right = (*right, "provider_error", "truncated")  # what its own accumulation ends with
    if end == "cut":  # bare words, which say no more
        if right == ("done",):
            yield "has no end, although nothing went wrong"
    elif right and end not in right:
        yield f"ends as {end}, not as {' or '.join(right)}"


def _results(results: list[Result], began: bool, end: str, text: str | None) -> Iterator[str]:
    if len(results) != began:
        yield f"{len(results)} calls of on_finish"
    for result in results:
        failed = result.error is not None
        if (result.outcome == "failed") != failed or (end == "done") == failed:
            yield f"the app is told {result.outcome}, the client {end}"
        if text is not None and text != result.text:
            yield f"the app has {result.text[:100]!r}, the client {text[:100]!r}"
        json.dumps(result.to_dict(), allow_nan=False)


def _log(logged: list[logging.LogRecord], began: bool) -> Iterator[str]:
    lines = [logging.Formatter("%(levelname)s %(message)s").format(record) for record in logged]
    ended = [line for line in lines if re.match(r"INFO Run [0-9a-f]{32} ended: ", line)]
    if len(ended) != began:
        yield f"{len(ended)} lines of the log say how the run ended"
    for record in logged:
        message = record.getMessage()
        if len(message.splitlines()) != 1 or not _is_printable(message):
            yield f"a message of the log is no line: {message[:300]!r}"
    size = sum(map(len, lines))
    if size > MOST_LOG:
        yield f"{size} characters of log: {lines[0][:300]!r}"
    forged = [part for line in lines for part in line.splitlines() if part.startswith(FORGED)]
    if forged:
        yield f"lines of the log that somebody else wrote: {forged[0][:100]!r}"
    if any(URL_SECRET in line for line in lines):
        yield "a URL's credentials are in the log"
    for line in ended:
        fields = [
            part.partition("=")[0] for part in re.findall(r'(?:"[^"]*"|\S)+', line) if "=" in part
        ]
        if len(set(fields)) != len(fields):
            yield f"a field of the log's line is there twice: {line[:300]!r}"


def _is_printable(text: str) -> bool:
    """Whether there is no control character: category Cc of Unicode."""
    return not re.search("[\x00-\x1f\x7f-\x9f]", text)


def _provider(answers: list[Answer], behaviour: Behaviour, source: str) -> Iterator[str]:
    if not behaviour.endless or (behaviour.is_error and source in BY_SDK):
        return  # what the SDK reads before anybody else can, is as much as it likes
    for answer in answers:
        if not answer.over.wait(DEADLINE):
            yield "the provider is still connected"
        elif not answer.left:
            yield f"nothing stops it: {answer.sent} bytes were taken"
