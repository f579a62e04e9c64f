"""The one line that the log has for each run: exact, and once, however the run ends."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import abort

from flask_stream import Data, Text, Usage, after_this_stream, relay, stream_finished
from tests.conftest import Site
from tests.provider import TEXT, WIRES, WORDS, Exchange, Provider, told, word_by_word

MODELS = {
    "anthropic": "anthropic model=claude-imaginary-1",
    "openai_chat": "openai model=gpt-imaginary-1",
    "openai_responses": "openai model=gpt-imaginary-2",
}
TOKENS = {"anthropic": (351, 17), "openai_chat": (51, 17), "openai_responses": (51, 17)}

LINE = (
    r"Run ([0-9a-f]{32}) ended: endpoint=view provider=%s outcome=%s "
    r"first_text=%s seconds=[0-9]+\.[0-9]{3}s characters=%d input_tokens=%s output_tokens=%s"
)
SECONDS = r"[0-9]+\.[0-9]{3}s"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines at INFO that Flask-Stream has logged so far."""
    caplog.set_level(logging.INFO, "flask_stream")

    def told() -> list[str]:
        records = [r for r in caplog.records if r.levelno == logging.INFO]
        assert {r.name for r in records} <= {"flask_stream"}
        return [r.getMessage() for r in records]

    return told


Lines = Callable[[], list[str]]


def line(
    provider: str = "- model=-",
    outcome: str = "complete error=-",
    characters: int = 0,
    tokens: tuple[object, object] = ("-", "-"),
    first_text: str = SECONDS,
) -> str:
    """What the whole line has to match; it names the run's id."""
    return LINE % (provider, outcome, first_text, characters, *tokens)


def leave_after_the_first_text(site: Site) -> None:
    response = site.ask()
    for chunk in response.response:
        if b"event: text" in chunk:
            break
    response.close()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json", "text/plain"])
def test_a_complete_run_says_who_answered_how_long_it_took_and_what_it_cost(
    site: Site, provider: Provider, lines: Lines, wire: str, accept: str
) -> None:
    provider.play(told(wire))
    ids: list[str] = []
    site.view(on_finish=lambda result: ids.append(result.id or ""))(lambda: provider.create(wire))
    assert site.ask(headers={"Accept": accept}).get_data()
    (said,) = lines()
    match = re.fullmatch(line(MODELS[wire], characters=len(TEXT), tokens=TOKENS[wire]), said)
    assert match, said
    assert [match[1]] == ids


def test_a_failed_run_says_why_in_one_word(site: Site, provider: Provider, lines: Lines) -> None:
    provider.play(told("anthropic", "error"))
    results: list[Any] = []
    site.view(on_finish=results.append)(lambda: provider.create("anthropic"))
    assert site.events()[-1][0] == "failed"
    (said,) = lines()
    text, code = results[0].text, results[0].error.code
    expected = line(MODELS["anthropic"], f"failed error={code}", len(text), (r"\d+", r"\d+"))
    assert re.fullmatch(expected, said), said


def test_a_run_whose_client_has_left_says_so(site: Site, provider: Provider, lines: Lines) -> None:
    def pause(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word("anthropic")[0])
        exchange.gone()

    provider.run(pause)
    site.view(lambda: provider.create("anthropic"))
    leave_after_the_first_text(site)
    (said,) = lines()
    # What the provider has counted so far is paid for.
    expected = line(MODELS["anthropic"], "disconnected error=-", len(WORDS[0]), (351, 1))
    assert re.fullmatch(expected, said), said


def test_what_is_not_known_of_a_run_is_a_dash_in_its_log_line(site: Site, lines: Lines) -> None:
    site.view(lambda: [Data("progress", {"done": 1})])
    assert site.events()[-1][0] == "done"
    (said,) = lines()
    assert re.fullmatch(line(first_text="-"), said), said


def test_an_empty_answer_has_its_line_in_the_log(site: Site, lines: Lines) -> None:
    site.view(list)
    assert site.events()[-1][0] == "done"
    (said,) = lines()
    assert re.fullmatch(line(first_text="-"), said), said


def test_an_answer_of_the_apps_own_has_text_and_no_model(site: Site, lines: Lines) -> None:
    site.view(lambda: ["Tern 🔦", Text("!")])
    site.events()
    (said,) = lines()
    assert re.fullmatch(line(characters=7), said), said


def test_the_tokens_are_those_of_all_turns(site: Site, provider: Provider, lines: Lines) -> None:
    provider.play(told("openai_chat"))

    @site.view
    def view() -> Iterator[Any]:
        yield from relay(provider.create("openai_chat"))
        yield Usage(input_tokens=1000, output_tokens=100)
        yield from relay(provider.create("openai_chat"))

    site.events()
    (said,) = lines()
    expected = line(
        MODELS["openai_chat"], "complete error=-", 2 * len(TEXT) + len("\n\n"), (1102, 134)
    )
    assert re.fullmatch(expected, said), said


def test_the_time_to_the_first_text_counts_from_the_views_call(
    site: Site, provider: Provider, lines: Lines
) -> None:
    """A provider that lets the request itself wait makes the user wait as well."""

    def late(exchange: Exchange) -> None:
        assert not exchange.gone(0.2)
        exchange.start()
        exchange.send(told("anthropic"))
        exchange.end()

    provider.run(late)
    site.view(lambda: provider.create("anthropic"))
    site.events()
    (said,) = lines()
    first = re.search(r"first_text=([0-9.]+)s seconds=([0-9.]+)s", said)
    assert first
    assert 0.2 <= float(first[1]) <= float(first[2])


# -- once -------------------------------------------------------------------------------------


def complete() -> Iterator[str]:
    yield "one "
    yield "two"


def raising() -> Iterator[str]:
    yield "one "
    raise LookupError("the app's own bug")


def meets_a_callback_that_raises() -> Iterator[str]:
    @after_this_stream
    def save(_: object) -> None:
        raise LookupError("the database is gone")

    yield "one "


@pytest.mark.parametrize(
    ("view", "read", "outcome"),
    [
        (complete, Site.events, "complete error=-"),
        (complete, leave_after_the_first_text, "disconnected error=-"),
        (raising, Site.events, "failed error=internal"),
        (raising, leave_after_the_first_text, "disconnected error=-"),
        (meets_a_callback_that_raises, Site.events, "failed error=internal"),
        (meets_a_callback_that_raises, leave_after_the_first_text, "disconnected error=internal"),
    ],
)
def test_the_line_comes_once_however_the_run_ends(
    site: Site, lines: Lines, view: Callable[[], Any], read: Callable[[Site], Any], outcome: str
) -> None:
    site.view(view)
    read(site)
    assert len(lines()) == 1
    assert f" outcome={outcome} " in lines()[0]


def test_a_view_that_calls_another_has_one_line(site: Site, lines: Lines) -> None:
    inner = site.stream.response(complete)
    site.view(lambda: inner())
    site.events()
    assert len(lines()) == 1


def test_two_runs_have_a_line_each_in_the_log(site: Site, lines: Lines) -> None:
    site.view(complete)
    site.events()
    site.events()
    assert len({said.split()[1] for said in lines()}) == 2


def test_the_line_is_there_before_the_client_sees_the_end(site: Site, lines: Lines) -> None:
    site.view(complete)
    for chunk in site.ask().response:
        assert (b"event: done" in chunk) == bool(lines())
    assert len(lines()) == 1


def test_the_line_comes_after_all_callbacks(site: Site, lines: Lines) -> None:
    seen: list[int] = []
    site.view(on_finish=lambda result: seen.append(len(lines())))(complete)

    def receive(sender: object, result: object) -> None:
        seen.append(len(lines()))

    with stream_finished.connected_to(receive, site.app):
        site.events()
    assert (seen, len(lines())) == ([0, 0], 1)


def refusing() -> Iterator[str]:
    abort(403)
    yield "never"


@pytest.mark.parametrize("view", [lambda: 1 // 0, lambda: {"code": "quota"}, refusing])
def test_a_run_that_never_began_has_no_line_in_the_log(
    site: Site, lines: Lines, view: Callable[[], Any]
) -> None:
    site.view(view)
    assert site.ask().status_code in (200, 403, 500)
    assert lines() == []


def test_a_head_request_has_no_line_in_the_log(site: Site, lines: Lines) -> None:
    site.view(complete)
    assert site.ask(method="HEAD").status_code == 200
    assert lines() == []
