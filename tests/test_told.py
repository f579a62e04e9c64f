"""What the log has of what others wrote: one entry a line, cut, and without keys."""

from __future__ import annotations

import ast
import io
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from flask import Response

from flask_stream import ProviderError, StreamFailed, after_this_stream, relay, stream_finished
from flask_stream.providers.turn import understood
from flask_stream.told import field, logger, one_line
from flask_stream.watch import Timing, Watcher
from tests.bare import bare_run
from tests.conftest import ROOT, Site
from tests.provider import KEY, Exchange, Provider, frames
from tests.servers.client import DEADLINE

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
    assert one_line(text) == expected


def test_a_long_value_is_cut_and_its_length_told() -> None:
    said = one_line("x" * MANY)
    assert said == "x" * 2000 + f"… ({MANY} characters)"
    assert one_line("\x00" * MANY).startswith(r"\x00" * 500 + "… (")
    assert one_line("x" * 2000) == "x" * 2000


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
                assert isinstance(node.args[1], ast.Constant)
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


def line_of_a_run(site: Site, provider: Provider, log: Logged, model: str) -> str:
    provider.play(said_by_the_model(model))
    site.view(lambda: provider.create("openai_chat"))
    assert site.events()[-1][0] == "done"
    [line] = log.entries
    return line


@pytest.mark.parametrize(
    "model", ["m" + FORGED, "m\u2028x", "m outcome=failed error=x", "m\x1b[2J", "m" * (MANY // 2)]
)
def test_a_run_is_one_line_whatever_the_model_is_called(
    site: Site, provider: Provider, log: Logged, model: str
) -> None:
    line = line_of_a_run(site, provider, log, model)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "quoted", line)
    assert len(re.findall(" outcome=", bare)) == 1
    assert " outcome=complete error=- " in bare
    assert re.search(" characters=3 input_tokens=- output_tokens=-$", bare)


@pytest.mark.parametrize(
    "model", ["api_key=", "authorization:", "token:", "x-api-key: '", "Cookie: a", 'password=\\"']
)
def test_what_a_model_is_called_hides_nothing_of_what_comes_behind(
    site: Site, provider: Provider, log: Logged, model: str
) -> None:
    line = line_of_a_run(site, provider, log, model)
    behind = r" outcome=complete error=- first_text=\S+ seconds=\S+ characters=3 input_tokens=-"
    assert re.search(behind, line), line


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


def a_deep_group() -> None:
    """Whose tree has 5 ** 12 leaves, and whose trunk is 2,000 long."""
    error: Exception = Bug("leaf")
    for level in range(2000):
        error = ExceptionGroup(f"level {level}", [error] * (5 if level < 12 else 1))
    raise error


def counted_group(told: list[str]) -> None:
    class Counted(Exception):
        def __str__(self) -> str:
            told.append("asked")
            return "counted"

    error: Exception = Counted()
    for _ in range(12):
        error = ExceptionGroup("g", [error] * 5)
    raise error


def test_of_a_group_no_more_is_looked_at_than_is_told(site: Site, log: Logged) -> None:
    told: list[str] = []

    @site.view
    def view() -> Iterator[str]:
        yield "one"
        counted_group(told)

    assert site.events()[-1][0] == "failed"
    assert len(log.text.splitlines()) <= 410
    assert len(told) <= 10


def test_a_groups_members_are_told_behind_it(site: Site, log: Logged) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "one"
        raise ExceptionGroup("both", [Bug("first"), ExceptionGroup("in it", [Bug("second")])])

    site.events()
    told = [line.strip() for line in log.text.splitlines()]
    said = [line for line in told if "sub-exception" in line or "Bug: " in line]
    assert said == [
        "ExceptionGroup: both (2 sub-exceptions)",
        "tests.test_told.Bug: first",
        "ExceptionGroup: in it (1 sub-exception)",
        "tests.test_told.Bug: second",
    ]


# -- an exception that means harm -------------------------------------------------------------


class Untouchable(Exception):
    """Whatever is asked of it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise LookupError(name)

    def __str__(self) -> str:
        raise LookupError

    __repr__ = __str__


def having(**attributes: Any) -> Exception:
    error: Exception = type("Having", (Bug,), attributes)("words")
    return error


HARMFUL = {
    "raises": Untouchable,
    "raises in a chain": lambda: caused_by(Bug("x"), Untouchable()),
    "raises in a group": lambda: ExceptionGroup("g", [Untouchable()]),
    "causes the app's own failure": lambda: caused_by(StreamFailed("No."), Untouchable()),
    "causes the provider's": lambda: caused_by(ProviderError(detail="d"), Untouchable()),
    **{
        f"exceptions are {value!r}": lambda value=value: having(exceptions=value)
        for value in (None, {"a": 1}, ["a", "b"], 5)
    },
    "exceptions raise": lambda: having(exceptions=property(lambda _: 1 / 0)),
    "notes are none": lambda: having(__notes__=5),
    "notes raise": lambda: having(__notes__=property(lambda _: 1 / 0)),
    "cause is none": lambda: having(__cause__="x", __context__=[], __suppress_context__=None),
    "traceback is none": lambda: having(__traceback__="x"),
    "its module is none": lambda: having(__module__=None),
}


def caused_by(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.fixture(params=HARMFUL)
def harmful(request: pytest.FixtureRequest) -> Exception:
    made: Exception = HARMFUL[request.param]()
    return made


def test_a_run_fails_as_it_should_whatever_its_exception_is_like(
    site: Site, log: Logged, harmful: Exception
) -> None:
    results: list[Any] = []

    @site.view(on_finish=results.append)
    def view() -> Iterator[str]:
        yield "one"
        raise harmful

    code = {StreamFailed: "failed", ProviderError: "provider_error"}.get(type(harmful), "internal")
    last = site.events()[-1]
    assert (last[0], last[1]["code"]) == ("failed", code)
    assert [result.error.code for result in results] == [code]
    levels = [entry.partition(":")[0] for entry in log.entries]
    assert levels == ["ERROR" if code == "internal" else "WARNING", "INFO"]
    assert "Traceback" in log.text


def test_a_callback_fails_the_run_whatever_its_exception_is_like(
    site: Site, log: Logged, harmful: Exception
) -> None:
    @site.view
    def view() -> Iterator[str]:
        @after_this_stream
        def save(_: object) -> None:
            raise harmful

        yield "one"

    assert site.events()[-1][0] == "failed"
    assert len(log.entries) == 2


def test_a_run_that_has_failed_ends_though_callbacks_and_receivers_fail_too(
    site: Site, log: Logged
) -> None:
    @site.view
    def view() -> Iterator[str]:
        for _ in range(2):
            after_this_stream(lambda _: raising(Untouchable()))
        yield "one"
        raise Untouchable

    def receive(*_: object, **__: object) -> None:
        raise Untouchable

    with stream_finished.connected_to(receive, site.app):
        assert site.events()[-1][0] == "failed"
    assert [entry.partition(":")[0] for entry in log.entries] == ["ERROR"] * 4 + ["INFO"]


def test_before_the_first_word_it_is_an_http_error_whatever_causes_it(
    site: Site, log: Logged
) -> None:
    site.view(lambda: raising(caused_by(StreamFailed("No.", status=402), Untouchable())))
    assert site.ask().status_code == 402
    assert len(log.entries) == 1


def test_the_watcher_survives_what_it_cannot_tell(log: Logged) -> None:
    watcher = Watcher()
    ticks: list[int] = []
    twice = threading.Event()

    def tick() -> None:
        ticks.append(1)
        if len(ticks) > 1:
            twice.set()
        raise Untouchable

    watcher._tick = tick  # type: ignore[method-assign]
    run = bare_run()
    watcher.watch_run(run, Timing(idle=1, max=None, shutdown=None))
    assert twice.wait(DEADLINE)
    del watcher._tick
    thread = watcher._thread
    run.give_up(closing=True)
    assert thread is not None
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert all("watcher failed" in entry for entry in log.entries)


def test_a_traceback_that_cannot_be_told_says_so(
    log: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traceback.extract_tb", lambda _: 1 / 0)
    logger.error("It failed", exc_info=Bug("x"))
    assert log.text == "ERROR:flask_stream:It failed\n  (a traceback that cannot be shown)\n"


TRACEBACKS = [recursing, lambda: a_long_chain(300), a_group, a_deep_group, a_circle]


@pytest.mark.parametrize("fails", TRACEBACKS)
def test_a_traceback_has_an_end(site: Site, log: Logged, fails: Callable[[], None]) -> None:
    @site.view
    def view() -> Iterator[str]:
        yield "one"
        fails()

    assert site.events()[-1][0] == "failed"
    assert len(log.text.splitlines()) <= 410
    assert log.entries[0].endswith(" of view failed in the app's own code")


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
        understood(handle, d)
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
