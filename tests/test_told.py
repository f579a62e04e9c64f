"""What the log has of what others wrote: one entry a line, cut, and without keys."""

from __future__ import annotations

import ast
import io
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Response

from flask_stream import ProviderError, StreamFailed, after_this_stream, relay, stream_finished
from flask_stream.providers.turn import understood
from flask_stream.told import field, logger, shown
from tests.conftest import ROOT, Site
from tests.provider import KEY, Exchange, Provider, frames

FORGED = "\nERROR:flask_stream:Run 0 ended: outcome=complete"
MANY = 5_000_000
ENTRY = re.compile(r"(DEBUG|INFO|WARNING|ERROR):flask_stream:[^\s]")
MOST_OF_AN_ENTRY = 2500  # characters: a value's 2,000, and what is ours


class Logged:
    """What a handler with Python's own format has written."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def entries(self) -> list[str]:
        """Each line of the log that is not indented, which must be an entry of its own."""
        lines = [line for line in self.text.split("\n") if line and not line.startswith("  ")]
        assert all(map(ENTRY.match, lines)), lines
        assert all(len(line) < MOST_OF_AN_ENTRY for line in lines)
        assert self.text.replace("\n", "").isprintable()
        return lines


@pytest.fixture
def log() -> Iterator[Logged]:
    logged = Logged()
    handler = logging.StreamHandler(logged.stream)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logged
    logger.removeHandler(handler)
    logger.setLevel(level)


# -- a value ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("a\x00b\x1b[2Jc\x7f\x85", r"a\x00b\x1b[2Jc\x7f\x85"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("evil\u202etxt.exe\u2066", r"evil\u202etxt.exe\u2066"),
        ("half \ud83d a pair", r"half \ud83d a pair"),
        ("Grüße, 世界 🔦 «ok» \\", "Grüße, 世界 🔦 «ok» \\"),
    ],
)
def test_what_is_no_printable_character_is_escaped(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_long_value_is_cut_and_its_length_told() -> None:
    said = shown("x" * MANY)
    assert said == "x" * 2000 + f"… ({MANY} characters)"
    assert shown("\x00" * MANY).startswith(r"\x00" * 500 + "… (")
    assert shown("x" * 2000) == "x" * 2000


class Unspeakable:
    def __str__(self) -> str:
        raise LookupError


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("value", [Unspeakable(), deep(100_000)], ids=["raises", "deep"])
def test_a_value_that_cannot_be_shown_is_its_type(value: object, log: Logged) -> None:
    logger.warning("Seen: %s", value)
    name = type(value).__name__
    assert log.entries == [f"WARNING:flask_stream:Seen: ({name} that cannot be shown)"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # in a URL
        ("https://anna:p@ss:w0rd@host/x", "https://***host/x"),
        (
            "url: /v1/models?alt=sse&key=AIzaSy0 (Caused by",
            "url: /v1/models?alt=sse&key=*** (Caused by",
        ),
        ("https://h/p?access_token=t0k&x=2#y", "https://h/p?access_token=***&x=2#y"),
        ("redis://:s3cret@cache:6379/0", "redis://***cache:6379/0"),
        ("cannot reach anna:s3cret@db", "cannot reach anna:***@db"),
        # by its name
        ("api_key=s3cret, model=m", "api_key=***, model=m"),
        ("Client(api_key='s3 cret', n=1)", "Client(api_key=***, n=1)"),
        ("{'x-api-key': 's3cret', 'a': 1}", "{'x-api-key': ***, 'a': 1}"),
        ('{"apiKey": "s3cret"}', '{"apiKey": ***}'),
        (r'"{\"api_key\": \"s3cret\"}"', r'"{\"api_key\": ***}"'),
        ("X-Api-Key: s3cret", "X-Api-Key: ***"),
        ("token=s3cret", "token=***"),
        ('"client_secret": "s3cret"', '"client_secret": ***'),
        ("password=hunter2;x", "password=***;x"),
        # a header
        ("Authorization: Bearer s3cret", "Authorization: Bearer ***"),
        ("authorization: Basic YTpi", "authorization: Basic ***"),
        ("{'Authorization': 'Bearer s3cret'}", "{'Authorization': ***}"),
        ("sent bearer a1b2c3d4e5", "sent bearer ***"),
        # by its own shape
        ("key sk-proj-Abc123_def456, no", "key sk-***, no"),
        ("sk-" + "ant-api03-x1y2z3w4v5", "sk-***"),
        ("gsk_a1b2c3d4e5f6g7h8", "gsk_***"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "AIza***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s1gn", "eyJ***"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert shown(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens: 4096, input_tokens=31",
        "Unexpected token: < in JSON at position 0",
        "the bearer token is missing",
        "Bearer authentication failed",
        "write to anna@example.org, http://127.0.0.1:8000/a@b",
        "sk-learn-is-no-key-of-ours",
        "key=value",  # no URL's
    ],
)
def test_what_only_speaks_of_credentials_is_left(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize("length", range(1970, 2010, 3))
def test_a_credential_that_the_cut_goes_through_is_hidden(length: int) -> None:
    for secret in ("https://anna:s3cretword@host", "api_key=s3cretword"):
        for before in ("", "api_key=" + "k" * 900 + " "):
            said = shown(before + "x" * (length - len(before)) + " " + secret + " " + "y" * MANY)
            assert "s3c" not in said
            assert "kk" not in said


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "model=-"),
        ("claude-sonnet-5-5", "model=claude-sonnet-5-5"),
        (31, "model=31"),
        ("0.5s", "model=0.5s"),
        ("two words", 'model="two words"'),
        ("x outcome=complete", 'model="x outcome=complete"'),
        ("a=b", 'model="a=b"'),
        ('say "x" outcome=', r'model="say \"x\" outcome="'),
        ("it's", 'model="it\'s"'),
        ("-", 'model="-"'),
        ("", 'model=""'),
        ("a\nb", r'model="a\\nb"'),
        ("x" * MANY, f'model="{"x" * 200}… ({MANY} characters)"'),
    ],
)
def test_a_field_whose_value_could_be_taken_for_something_else_is_quoted(
    value: object, expected: str
) -> None:
    assert field("model", value) == expected


# -- every call -------------------------------------------------------------------------------


MODULES = sorted((ROOT / "flask_stream").rglob("*.py"))
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_whatever_is_logged_goes_through_the_one_logger(path: Any) -> None:
    """Its texts are ours, written out; what others wrote comes as an argument."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "getLogger":
            assert path.name == "told.py"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print"
            if node.func.id == "once":  # advice's, which logs
                assert all(isinstance(text, ast.Constant) for text in node.args[:2])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func.value)
            if node.func.attr in LEVELS and "log" in called and called != "math":
                assert called == "logger"
                first = node.args[node.func.attr == "log"]
                written_out = isinstance(first, ast.Constant) or path.name == "advice.py"
                assert written_out or ast.unparse(first).isupper(), ast.unparse(node)


# -- a run ------------------------------------------------------------------------------------


def said_by_the_model(model: str) -> bytes:
    chunk = {"index": 0, "delta": {"content": "Hi."}, "finish_reason": "stop"}
    return frames({"id": "c", "model": model, "choices": [chunk]}, done=True)


@pytest.mark.parametrize(
    "model", ["m" + FORGED, "m\u2028x", "m outcome=failed error=x", "m\x1b[2J", "m" * (MANY // 2)]
)
def test_a_run_is_one_line_whatever_the_model_is_called(
    site: Site, provider: Provider, log: Logged, model: str
) -> None:
    provider.play(said_by_the_model(model))
    site.view(lambda: provider.create("openai_chat"))
    assert site.events()[-1][0] == "done"
    [line] = log.entries
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "quoted", line)
    assert len(re.findall(" outcome=", bare)) == 1
    assert " outcome=complete error=- " in bare
    assert re.search(" characters=3 input_tokens=- output_tokens=-$", bare)


WORDS = ["No." + FORGED, "No.\u2028\x85\x1b[2J", f"Bad key {KEY}: api_key={KEY}", "No. " * MANY]


def refused(words: str) -> Callable[[Exchange], None]:
    error = {"type": "invalid_request_error", "message": words}
    return lambda exchange: exchange.answer(400, {"type": "error", "error": error})


def failing(words: str) -> Callable[[Exchange], None]:
    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(frames({"type": "error", "error": {"type": "api_error", "message": words}}))
        exchange.end()

    return script


@pytest.mark.parametrize("words", WORDS, ids=["forged", "unprintable", "key", "long"])
@pytest.mark.parametrize("fails", [refused, failing])
@pytest.mark.parametrize("opener", ["create", "post"])
def test_a_provider_that_fails_is_one_line_whatever_it_says(
    site: Site,
    provider: Provider,
    log: Logged,
    words: str,
    fails: Callable[[str], Any],
    opener: str,
) -> None:
    provider.run(fails(words))
    site.view(lambda: getattr(provider, opener)("anthropic"))
    _ = site.ask().data
    assert log.entries
    assert f"api_key={KEY}" not in log.text
    assert len(log.text) < 2 * MOST_OF_AN_ENTRY


class Bug(Exception):
    pass


@pytest.mark.parametrize("where", ["view", "generator", "callback", "signal", "close"])
@pytest.mark.parametrize("text", ["x" + FORGED, "token=s3cret", "y" * MANY, "\n" * MANY])
def test_what_the_apps_own_exceptions_say_begins_no_line_and_has_an_end(
    site: Site, log: Logged, where: str, text: str
) -> None:
    @site.view
    def view() -> Iterator[str]:
        @after_this_stream
        def save(_: object) -> None:
            if where == "callback":
                raise Bug(text)

        try:
            yield "one"
            if where == "generator":
                raise Bug(text)
        finally:
            if where == "close":
                raise Bug(text)

    def receive(*_: object, **__: object) -> None:
        if where == "signal":
            raise Bug(text)

    if where == "view":
        site.app.debug = True  # where Flask lets it through, and the log's entry is ours
        site.app.view_functions["view"] = site.stream.response(lambda: raising(Bug(text)))
    with stream_finished.connected_to(receive, site.app):
        response = site.ask()
        for chunk in response.response:
            if where == "close" and b"event: text" in chunk:
                break
        response.close()
    assert any(entry.startswith("ERROR:") for entry in log.entries)
    assert "s3cret" not in log.text.replace('raise Bug("token=s3cret")', "")
    assert "Bug: " in log.text
    assert len(log.text) < 20_000


def raising(error: Exception) -> Any:
    raise error


def recursing() -> None:
    recursing()


def a_long_chain(links: int) -> None:
    try:
        if links:
            a_long_chain(links - 1)
    finally:
        raise Bug(f"link {links}")


def a_group() -> None:
    def nested(levels: int) -> Exception:
        return ExceptionGroup("g", [nested(levels - 1)] * 3) if levels else Bug("leaf")

    raise nested(9)


def a_circle() -> None:
    first, second = Bug("first"), Bug("second")
    first.__cause__, second.__cause__ = second, first
    raise first


@pytest.mark.parametrize("fails", [recursing, lambda: a_long_chain(300), a_group, a_circle])
def test_a_traceback_has_an_end(site: Site, log: Logged, fails: Callable[[], None]) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "one"
        fails()

    assert site.events()[-1][0] == "failed"
    assert len(log.text.splitlines()) <= 410
    assert log.entries[0].endswith(" failed in the app's own code")


def test_a_traceback_has_its_frames_its_causes_and_what_they_say(site: Site, log: Logged) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "one"
        try:
            raise LookupError("the first")
        except LookupError as error:
            error.add_note("a note")
            raise Bug("the second") from error

    site.events()
    told = [line.strip() for line in log.text.splitlines() if not re.match(r" +[\^~]+$", line)]
    at = told.index("Traceback (most recent call last):")
    assert re.fullmatch(r'File ".*test_told\.py", line \d+, in view', told[at + 1])
    assert told[at + 2] == 'raise LookupError("the first")'
    assert told[at + 3] == r"LookupError: the first\na note"
    assert told[at + 4] == "Which led to:"
    assert told[-2].startswith("tests.test_told.Bug: the second")


def test_an_error_tracker_has_the_exception_itself(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    error = Bug("x\ny")

    @site.view
    def view() -> Iterator[str]:
        yield "one"
        raise error

    site.events()
    [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_key_in_the_address_of_a_provider_that_is_not_there_stays_out_of_the_log(
    site: Site, log: Logged
) -> None:
    address = "http://anna:s3cret@127.0.0.1:1/v1?alt=sse&key=s3cret&access_token=s3cret"
    site.view(lambda: requests.post(address, stream=True, timeout=9))
    assert site.ask().status_code == 502
    assert len(log.entries) == 1
    assert "s3cret" not in log.text


def test_a_path_begins_no_line(site: Site, log: Logged) -> None:
    site.app.add_url_rule("/<path:rest>", "rest", site.stream.response(lambda rest: ["one"]))

    @site.app.after_request
    def reads(response: Response) -> Response:
        response.get_data()
        return response

    site.app.test_client().get("/x%0dERROR:flask_stream:forged%1b[2J%e2%80%a8" + "y" * 50_000)
    assert [entry.partition(":")[0] for entry in log.entries] == ["INFO", "WARNING"]


def test_what_a_reader_skips_is_one_line(log: Logged) -> None:
    def handle(_: object) -> Any:
        raise TypeError("x" + FORGED)

    for d in ({"a": "x" * MANY}, deep(100_000), {"a\n": KEY}):
        assert list(understood(handle, d)) == []
    assert [entry.partition(":")[0] for entry in log.entries] == ["DEBUG"] * 3


def on_purpose() -> Iterator[str]:
    yield "one"
    raise StreamFailed("No.", error_code="x" + FORGED) from ValueError("a\nb")


def by_the_provider() -> Iterator[str]:
    yield "one"
    raise ProviderError(detail="x" * MANY + FORGED)


@pytest.mark.parametrize("view", [on_purpose, by_the_provider])
def test_an_error_of_the_apps_making_is_one_line(
    site: Site, log: Logged, view: Callable[[], Any]
) -> None:
    site.view(view)
    site.events()
    assert len(log.entries) == 2


# -- debug mode -------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["before", "after"])
@pytest.mark.parametrize("fails", ["the app", "the provider"])
def test_debug_mode_tells_the_page_no_more_than_the_log_would(
    site: Site, provider: Provider, at: str, fails: str
) -> None:
    text = f"api_key={KEY} " + "x" * MANY

    @site.view
    def view() -> Iterator[Any]:
        if at == "after":
            yield "one"
        if fails == "the app":
            raise Bug(text)
        yield from relay(provider.create("anthropic"))

    provider.run(refused(text))
    site.app.debug = True
    response = site.ask()
    body = response.text
    assert len(body) < 3000
    assert "[debug: " in body
    assert KEY not in body
    assert "api_key=***" in body
