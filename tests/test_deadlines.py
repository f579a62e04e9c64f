"""Deadlines: a provider that is silent, and a run that takes too long."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from flask import has_request_context

from flask_stream import ProviderError, Result, after_this_stream, relay
from tests.conftest import Site, events_of, said
from tests.overdue import LONG, Overdue, the_run, time_is_up
from tests.provider import TEXT, WORDS, Exchange, Provider, told, word_by_word
from tests.servers.client import DEADLINE
from tests.servers.running import until
from tests.stalling import CASES, Stalling, Way, each_case_of_a_view, relayed, warm_up

SHORT = 0.5  # seconds; what must not take so long takes milliseconds
SILENCE = 1.2  # a tenth of it is what an SDK's helper may take over its first word


@pytest.fixture
def results() -> list[Result]:
    """For what the callbacks of the site's view are given."""
    return []


def for_ever() -> Iterator[None]:
    """For longer than anything here may take."""
    begun = time.monotonic()
    while time.monotonic() - begun < DEADLINE:
        yield


# -- a provider that is silent ----------------------------------------------------------------


@each_case_of_a_view
def test_a_silent_provider_is_a_timeout_with_what_it_has_said(
    site: Site, provider: Provider, results: list[Result], wire: str, way: Way
) -> None:
    warm_up(provider, wire)
    script = Stalling(wire)
    provider.run(script)
    site.view(idle_seconds=SILENCE, on_finish=results.append)(lambda: way(provider, wire))
    events = site.events()
    assert said(events) == WORDS[0]
    assert (events[-1][0], events[-1][1]["code"]) == ("failed", "timeout")
    assert events[-1][1]["retryable"] is True
    assert script.gone.wait(DEADLINE)
    (result,) = results
    assert (result.outcome, result.text) == ("failed", WORDS[0])


@pytest.mark.parametrize(("way", "wire"), CASES[::2])
def test_relay_raises_it_so_that_another_provider_can_be_asked(
    site: Site, provider: Provider, results: list[Result], wire: str, way: Way
) -> None:
    warm_up(provider, wire)
    script = Stalling(wire)
    provider.play(told(wire)).scripts.insert(0, script)
    raised: list[ProviderError] = []

    @site.view(idle_seconds=SILENCE, on_finish=results.append)
    def view() -> Iterator[Any]:
        try:
            yield from relay(way(provider, wire))
        except ProviderError as error:
            raised.append(error)
            yield "|"
            yield from relay(way(provider, wire))

    events = site.events()
    assert (said(events), events[-1][0]) == (f"{WORDS[0]}|{TEXT}", "done")
    (error,) = raised
    assert (error.error_code, error.code, error.retryable) == ("timeout", 504, True)
    assert error.result is not None
    assert (error.result.text, error.result.outcome) == (WORDS[0], "failed")
    assert script.gone.wait(DEADLINE)
    assert [step.outcome for step in results[0].steps] == ["failed", "complete"]
    assert results[0].outcome == "complete"


def test_pings_are_silence(site: Site, provider: Provider) -> None:
    def ping(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word("anthropic")[0])
        for _ in for_ever():
            if exchange.gone(SHORT / 10):
                return
            exchange.send(b'event: ping\ndata: {"type": "ping"}\n\n')

    provider.run(ping)
    site.view(idle_seconds=SHORT)(lambda: provider.create("anthropic"))
    events = site.events()
    assert (said(events), events[-1][1].get("code")) == (WORDS[0], "timeout")


def test_a_provider_that_speaks_now_and_then_is_not_silent(site: Site, provider: Provider) -> None:
    """Each word is a tenth of the limit behind the one before, and all together pass it."""
    limit, words = 1.0, 12

    def drawl(exchange: Exchange) -> None:
        exchange.start()
        first, second, _, rest = word_by_word("anthropic")
        exchange.send(first)
        for _ in range(words):
            exchange.send(second)
            assert not exchange.gone(limit / 10)
        exchange.send(rest)
        exchange.end()

    provider.run(drawl)
    site.view(idle_seconds=limit)(lambda: provider.create("anthropic"))
    events = site.events()
    assert (said(events), events[-1][0]) == (WORDS[0] + WORDS[1] * words, "done")


def wait_for(seconds: float) -> None:
    """A tool of the app's own, that nobody can wake."""
    threading.Event().wait(seconds)


def test_a_slow_tool_behind_a_stream_is_no_silent_provider(site: Site, provider: Provider) -> None:
    provider.play(told("anthropic"))

    @site.view(idle_seconds=SHORT)
    def view() -> Iterator[Any]:
        yield from relay(provider.create("anthropic"))
        wait_for(2 * SHORT)
        yield "!"
        wait_for(2 * SHORT)
        yield from relay(provider.create("anthropic"))

    events = site.events()
    assert (said(events), events[-1][0]) == (f"{TEXT}!{TEXT}", "done")


@pytest.mark.parametrize("wire", ["anthropic", "openai_responses"])
def test_an_app_that_saves_behind_a_streams_last_word_is_no_silent_provider(
    site: Site, provider: Provider, wire: str
) -> None:
    provider.play(told(wire))
    saved: list[str] = []

    @site.view(idle_seconds=SHORT)
    async def view() -> AsyncIterator[Any]:
        for item in provider.create(wire):
            yield item
        await asyncio.sleep(2 * SHORT)
        saved.append("all")

    events = site.events()
    assert (said(events), events[-1][0], saved) == (TEXT, "done", ["all"])


def test_a_slow_tool_between_two_words_of_a_stream_is_no_silent_provider(
    site: Site, provider: Provider
) -> None:
    provider.play(word_by_word("anthropic"))

    @site.view(idle_seconds=SHORT)
    def view() -> Iterator[Any]:
        for event in relay(provider.create("anthropic")):
            yield event
            if event.kind == "text":
                wait_for(2 * SHORT)

    events = site.events()
    assert (said(events), events[-1][0]) == (TEXT, "done")


def test_saving_for_longer_than_a_silence_costs_a_finished_stream_no_connection(
    site: Site, provider: Provider
) -> None:
    """How long it took shows by another stream, silent since then, whose time is up."""
    ports: list[int] = []
    codes: list[str] = []

    def speak(exchange: Exchange) -> None:
        ports.append(exchange.handler.client_address[1])
        exchange.start()
        exchange.send(told("anthropic"))
        exchange.end()

    def save(result: Result) -> None:
        if not codes:
            answer = site.app.test_client().get("/silent")
            codes.extend(
                data["code"] for name, data in events_of(answer.response) if name == "failed"
            )

    silent = site.stream.response(idle_seconds=SHORT)(lambda: provider.create("anthropic"))
    site.app.add_url_rule("/silent", "silent", silent)
    site.view(idle_seconds=SHORT, on_finish=save)(lambda: provider.create("anthropic"))
    provider.run(speak, Stalling(), speak)
    for _ in range(2):
        events = site.events()
        assert (said(events), events[-1][0]) == (TEXT, "done")
    assert codes == ["timeout"]
    assert len(ports) == 2
    assert len(set(ports)) == 1


# -- a run that takes too long ----------------------------------------------------------------


@pytest.mark.parametrize("way", [Provider.create, Provider.helper, Provider.post, relayed])
def test_a_run_that_takes_too_long_keeps_what_it_has_said(
    site: Site, provider: Provider, results: list[Result], way: Way
) -> None:
    script = Overdue()
    provider.run(script)
    site.view(max_seconds=LONG, on_finish=results.append)(lambda: way(provider, "anthropic"))
    events = site.events()
    assert (said(events), events[-1][0]) == (WORDS[0], "failed")
    assert (events[-1][1]["code"], events[-1][1]["retryable"]) == ("timeout", True)
    assert script.gone.wait(DEADLINE)
    (result,) = results
    assert (result.outcome, result.text) == ("failed", WORDS[0])
    assert result.error
    assert result.error.code == "timeout"


def test_a_provider_that_never_stops_talking_takes_too_long(site: Site, provider: Provider) -> None:
    def talk(exchange: Exchange) -> None:
        exchange.start()
        first, second, *_ = word_by_word("anthropic")
        exchange.send(first)
        exchange.send(second)
        run = the_run()
        until(lambda: len(run.result.text) > len(WORDS[0]), "the words were not passed on")
        run.began -= LONG
        for _ in for_ever():
            exchange.send(second)

    provider.run(talk)
    site.view(max_seconds=LONG)(lambda: provider.create("anthropic"))
    events = site.events()
    assert events[-1][1].get("code") == "timeout"
    assert said(events).startswith(WORDS[0] + WORDS[1])


def test_a_generator_that_never_waits_ends_at_its_limit(site: Site) -> None:
    @site.view(max_seconds=LONG)
    def view() -> Iterator[str]:
        yield "or "
        the_run().began -= LONG
        for _ in for_ever():
            yield "and "

    assert site.events()[-1][1].get("code") == "timeout"


def test_no_fallback_begins_when_the_time_is_over(site: Site, provider: Provider) -> None:
    seen: list[str] = []
    provider.run(Overdue())

    @site.view(max_seconds=LONG, on_finish=lambda result: seen.append("saved"))
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.create("anthropic"))
        except ProviderError:
            seen.append("fallback")
        except GeneratorExit:
            seen.append("told")
            raise

    assert site.events()[-1][1].get("code") == "timeout"
    assert seen == ["told", "saved"]
    assert len(provider.requests) == 1


def test_a_generator_in_a_slow_tool_ends_at_its_next_item(
    site: Site, results: list[Result]
) -> None:
    seen: list[str] = []

    @site.view(max_seconds=LONG, on_finish=results.append)
    def view() -> Iterator[str]:
        try:
            yield "before"
            time_is_up()
            seen.append("the tool is done")
            yield "never sent"
            seen.append("went on")
        except GeneratorExit:
            seen.append("told")
            raise

    events = site.events()
    assert (said(events), events[-1][1].get("code")) == ("before", "timeout")
    assert seen == ["the tool is done", "told"]
    assert (results[0].outcome, results[0].text) == ("failed", "before")


def test_a_tool_that_fails_after_the_time_is_over_is_no_bug_of_the_apps(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    @site.view(max_seconds=LONG)
    def view() -> Iterator[str]:
        yield "before"
        time_is_up()
        raise LookupError("the tool was cancelled, too")

    events = site.events()
    assert (said(events), events[-1][1].get("code")) == ("before", "timeout")
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_a_generator_that_ends_by_itself_after_all_is_complete(site: Site) -> None:
    """What has come to its own end is whole, however late it is."""

    @site.view(max_seconds=LONG)
    def view() -> Iterator[str]:
        yield "whole"
        time_is_up()

    events = site.events()
    assert (said(events), events[-1][0]) == ("whole", "done")


@pytest.mark.parametrize(("accept", "status"), [("application/json", 504), ("text/html", 504)])
def test_a_whole_answer_that_takes_too_long_is_an_http_error_with_the_words(
    site: Site, provider: Provider, accept: str, status: int
) -> None:
    provider.run(Overdue())
    site.view(max_seconds=LONG)(lambda: provider.create("anthropic"))
    answer = site.ask(headers={"Accept": accept})
    assert answer.status_code == status
    assert WORDS[0].strip() in answer.text


def test_callbacks_come_in_the_requests_own_thread_and_context(site: Site) -> None:
    seen: list[bool] = []

    @site.view(max_seconds=LONG)
    def view() -> Iterator[str]:
        here = threading.get_ident()

        @after_this_stream
        def save(result: Result) -> None:
            seen.append(threading.get_ident() == here and has_request_context())

        yield "before"
        time_is_up()
        yield "never sent"

    assert site.events()[-1][1].get("code") == "timeout"
    assert seen == [True]


# -- where the limits come from ---------------------------------------------------------------


def stalled_for(site: Site, provider: Provider, **route: float) -> str:
    """Why a run on a silent provider has ended, as the page has it."""
    provider.run(Overdue())
    results: list[Result] = []
    site.view(on_finish=results.append, **route)(lambda: provider.create("anthropic"))
    site.events()
    assert results[0].error
    return results[0].error.message


def test_limits_of_the_configuration_are_every_routes(site: Site, provider: Provider) -> None:
    site.app.config["STREAM_MAX_SECONDS"] = LONG
    assert "took too long" in stalled_for(site, provider)


def test_a_routes_own_limits_are_stronger(site: Site, provider: Provider) -> None:
    site.app.config["STREAM_MAX_SECONDS"] = 10 * LONG
    site.app.config["STREAM_IDLE_SECONDS"] = 10 * LONG
    assert "took too long" in stalled_for(site, provider, max_seconds=LONG)


@pytest.mark.parametrize("name", ["idle_seconds", "max_seconds"])
@pytest.mark.parametrize(
    "value", [0, -1, True, "5", 1e9, float("inf"), float("nan"), [1], object()]
)
def test_a_route_refuses_what_is_no_number_of_seconds(site: Site, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} is .*, but it must be a number of seconds"):
        site.stream.response(**{name: value})


@pytest.mark.parametrize("name", ["idle_seconds", "max_seconds"])
@pytest.mark.parametrize("value", [None, 0.5, 600])
def test_a_route_takes_any_number_of_seconds(site: Site, name: str, value: Any) -> None:
    site.view(**{name: value})(lambda: ["words"])
    assert said(site.events()) == "words"
