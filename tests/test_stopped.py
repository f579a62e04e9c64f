"""A run whose time is up or whose reader has left: never called whole, and nothing more is bought.

Whatever the app makes of the GeneratorExit that reaches it, and wherever its relays are read: in
threads of its own, in the view itself, or before a generator's first item.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from flask import Response

from flask_stream import (
    ProviderError,
    Result,
    StreamFailed,
    Text,
    relay,
    stream_finished,
)
from tests.conftest import Site
from tests.overdue import LONG, Overdue, the_run, time_is_up
from tests.provider import TEXT, WORDS, Exchange, Provider, told, word_by_word
from tests.servers.client import DEADLINE, Client
from tests.servers.running import until
from tests.stalling import Stalling, warm_up
from tests.test_watch import SHORT, connect, serving

__all__ = ["connect"]  # a fixture

Ask = Callable[[], Any]


def swallowing(ask: Ask) -> Iterator[Any]:
    try:
        yield from relay(ask())
    except:  # noqa: E722 -- what apps do
        pass


def returning(ask: Ask) -> Iterator[Any]:
    try:
        yield from relay(ask())
    finally:
        return  # noqa: B012


def merging(ask: Ask) -> Iterator[Any]:
    """Two relays at once, each read by a thread."""
    events: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        try:
            for event in relay(ask()):
                events.put(event)
        finally:
            events.put(None)

    contexts = [contextvars.copy_context() for _ in range(2)]
    threads = [threading.Thread(target=context.run, args=(read,)) for context in contexts]
    for thread in threads:
        thread.start()
    for _ in threads:
        yield from iter(events.get, None)
    for thread in threads:
        thread.join()


each_way_to_end = pytest.mark.parametrize("ends", [swallowing, returning, merging])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@each_way_to_end
def test_an_answer_that_was_cut_is_not_whole_because_its_generator_ends(
    site: Site, provider: Provider, ends: Callable[[Ask], Iterator[Any]]
) -> None:
    results: list[Result] = []
    provider.run(Overdue())
    site.view(on_finish=results.append, max_seconds=LONG)(
        lambda: ends(lambda: provider.create("anthropic"))
    )
    kind, data = site.events()[-1]
    assert (kind, data.get("code")) == ("failed", "timeout")
    assert [result.outcome for result in results] == ["failed"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@each_way_to_end
def test_nor_is_it_where_the_reader_has_left(
    site: Site,
    provider: Provider,
    connect: Callable[[], Client],
    ends: Callable[[Ask], Iterator[Any]],
) -> None:
    results: list[Result] = []
    provider.run(Stalling())
    site.view(on_finish=results.append)(lambda: ends(lambda: provider.create("anthropic")))
    client = connect()
    client.until(WORDS[0].encode())
    client.leave()
    until(lambda: results, "the run has not ended")
    assert [result.outcome for result in results] == ["disconnected"]


# -- turns that nobody reads ------------------------------------------------------------------


def all_but_the_end(exchange: Exchange) -> None:
    """The last word, and what an answer ends with, but not the body's end."""
    exchange.start()
    exchange.send(told("openai_chat").replace(b"data: [DONE]\n\n", b""))
    exchange.gone(2 * DEADLINE)


def broken_off(exchange: Exchange) -> None:
    """An error that comes when the reader has left."""
    exchange.start()
    exchange.send(word_by_word("openai_chat")[0])
    if exchange.gone(2 * DEADLINE):
        exchange.cut()


@pytest.mark.parametrize("script", [all_but_the_end, broken_off])
@pytest.mark.parametrize("ask", [Provider.create, Provider.helper, Provider.post])
def test_a_reader_who_leaves_buys_no_next_turn(
    site: Site,
    provider: Provider,
    connect: Callable[[], Client],
    ask: Callable[[Provider, str], Any],
    script: Callable[[Exchange], None],
) -> None:
    results: list[Result] = []
    provider.run(script)

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        for _ in range(3):
            try:
                for event in relay(ask(provider, "openai_chat")):
                    if isinstance(event, Text):
                        yield event
            except ProviderError:
                continue

    client = connect()
    client.until(b"event: text")
    client.leave()
    until(lambda: results, "the run has not ended")
    assert [result.outcome for result in results] == ["disconnected"]
    assert len(provider.requests) == 1


def test_a_manager_that_is_relayed_once_the_run_is_stopped_asks_nobody(
    site: Site, provider: Provider, connect: Callable[[], Client]
) -> None:
    results: list[Result] = []
    provider.run(Stalling())

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.helper("anthropic"))
        finally:
            yield from relay(provider.helper("anthropic"))

    client = connect()
    client.until(WORDS[0].encode())
    client.leave()
    until(lambda: results, "the run has not ended")
    assert len(provider.requests) == 1


def test_each_of_two_relays_has_its_outcome_when_one_of_them_fails(
    site: Site, provider: Provider
) -> None:
    results: list[Result] = []
    provider.run(Stalling(), lambda exchange: exchange.answer(500, {}))

    @site.view(on_finish=results.append)
    def view() -> Iterator[Any]:
        first, second = relay(provider.create("anthropic")), relay(provider.helper("anthropic"))
        for event in first:
            yield event
            if isinstance(event, Text):
                break
        yield from second

    assert site.events()[-1][0] == "failed"
    assert [step.outcome for step in results[0].steps] == ["disconnected", "failed"]


# -- before there is a run --------------------------------------------------------------------


def in_the_view(ask: Ask) -> Any:
    return ["".join(event.text for event in relay(ask()) if isinstance(event, Text))]


def before_the_first_item(ask: Ask) -> Iterator[Any]:
    kept = list(relay(ask()))
    yield from kept


@pytest.fixture
def sending(site: Site) -> Iterator[Callable[..., Client]]:
    """Ask the site over a real connection, and read nothing."""
    with serving(site) as port:

        def send(accept: str) -> Client:
            return Client(port).send("POST", "/", headers={"Accept": accept})

        yield send


early = pytest.mark.parametrize("view", [in_the_view, before_the_first_item])
each_ask = pytest.mark.parametrize("ask", [Provider.create, Provider.helper, Provider.post])


@early
@each_ask
@pytest.mark.parametrize("limit", ["max_seconds", "idle_seconds"])
def test_what_the_view_reads_itself_has_its_time(
    site: Site,
    provider: Provider,
    ask: Callable[[Provider, str], Any],
    view: Callable[[Ask], Any],
    limit: Any,
) -> None:
    warm_up(provider, "anthropic")
    script = Stalling()
    provider.run(script)
    site.view(**{limit: SHORT})(lambda: view(lambda: ask(provider, "anthropic")))
    response = site.ask()
    assert (response.status_code, response.get_json()["code"]) == (504, "timeout")
    assert script.gone.wait(DEADLINE)


@early
@pytest.mark.parametrize("leave", [Client.leave, Client.reset], ids=["FIN", "RST"])
@pytest.mark.parametrize("accept", ["text/event-stream", "text/plain", "application/json"])
def test_who_leaves_what_the_view_reads_itself_is_noticed(
    site: Site,
    provider: Provider,
    sending: Callable[..., Client],
    view: Callable[[Ask], Any],
    leave: Callable[[Client], None],
    accept: str,
) -> None:
    """But for a FIN where the answer is a stream: it may be half of a connection only."""
    script = Stalling()
    provider.run(script)
    may_read_on = leave is Client.leave and accept == "text/event-stream"
    idle = 3 * SHORT if may_read_on else DEADLINE
    site.view(idle_seconds=idle)(lambda: view(lambda: provider.create("anthropic")))
    client = sending(accept)
    assert script.said.wait(DEADLINE)
    leave(client)
    if may_read_on:
        assert not script.gone.wait(SHORT)
    assert script.gone.wait(DEADLINE)


@pytest.mark.parametrize("accept", ["text/event-stream", "text/plain", "application/json"])
@pytest.mark.parametrize("ask", [Provider.create, Provider.helper, Provider.post])
def test_who_left_before_the_view_gave_its_stream_is_a_run_that_ends(
    site: Site,
    provider: Provider,
    sending: Callable[..., Client],
    ask: Callable[[Provider, str], Any],
    accept: str,
) -> None:
    results: list[Result] = []
    asked = threading.Event()
    script = Stalling()
    provider.run(script)

    @site.view(on_finish=results.append)
    def view() -> Any:
        run = the_run()
        asked.set()
        until(lambda: run.ending, "it was not noticed")
        return ask(provider, "anthropic")

    client = sending(accept)
    assert asked.wait(DEADLINE)
    client.reset()
    until(lambda: results, "the run has not ended")
    assert [(result.outcome, result.text) for result in results] == [("disconnected", "")]
    if ask is Provider.helper:
        assert provider.requests == []
    else:
        assert script.gone.wait(DEADLINE)


def a_list(provider: Provider) -> Any:
    return ["words"]


def a_generator(provider: Provider) -> Any:
    yield "words"


def a_stream(provider: Provider) -> Any:
    return provider.create("anthropic")


@pytest.mark.parametrize("given", [a_list, a_generator, a_stream])
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_a_view_that_takes_all_of_the_time_is_not_a_whole_answer(
    site: Site, provider: Provider, given: Callable[[Provider], Any], accept: str
) -> None:
    provider.play(told("anthropic"))

    @site.view(max_seconds=LONG)
    def view() -> Any:
        time_is_up()
        return given(provider)

    response = site.ask(headers={"Accept": accept})
    assert (response.status_code, response.get_json()["code"]) == (504, "timeout")


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("told_by", ["callback", "signal"])
def test_who_is_told_of_the_end_may_relay_whatever_became_of_the_run(
    site: Site, provider: Provider, told_by: str, accept: str
) -> None:
    titles: list[str] = []
    results: list[Result] = []
    provider.play(told("anthropic"))

    def name_it(result: Result) -> None:
        titles.extend(in_the_view(lambda: a_stream(provider)))
        results.append(result)

    def heard(_: object, result: Result) -> None:
        name_it(result)

    @site.view(on_finish=name_it if told_by == "callback" else None)
    def view() -> Iterator[str]:
        yield "words"
        raise StreamFailed("No.")

    with stream_finished.connected_to(heard, site.app) if told_by == "signal" else nullcontext():
        assert site.ask(headers={"Accept": accept}).data
    assert titles == [TEXT]
    assert [result.steps for result in results] == [[]]


def test_clean_up_that_relays_buys_nothing_and_costs_the_answer_nothing(
    site: Site, provider: Provider
) -> None:
    class Cleaning:
        def __iter__(self) -> Iterator[str]:
            return iter(["words"])

        def close(self) -> None:
            for _ in relay(provider.helper("anthropic")):
                pass

    site.view(Cleaning)
    assert [name for name, _ in site.events()] == ["start", "text", "done"]
    assert provider.requests == []


@pytest.mark.parametrize("ask", [Provider.create, Provider.post])
def test_a_stream_that_a_generator_holds_is_closed_where_that_never_begins(
    site: Site, provider: Provider, ask: Callable[[Provider, str], Any]
) -> None:
    script = Stalling()
    provider.run(script)

    @site.view(max_seconds=LONG)
    def view() -> Iterator[Any]:
        stream = ask(provider, "anthropic")
        kept.append(stream)
        time_is_up()

        def words() -> Iterator[Any]:
            yield from relay(stream)

        return words()

    kept: list[Any] = []
    assert site.ask().status_code == 504
    assert script.gone.wait(DEADLINE)


as_it_is = pytest.mark.parametrize(
    "given", [lambda response: response, lambda response: (response, 200)], ids=["it", "a tuple"]
)


@as_it_is
def test_a_response_of_the_views_own_is_not_begun_once_its_time_is_up(
    site: Site, provider: Provider, given: Callable[[Response], Any]
) -> None:
    provider.play(told("anthropic"))

    @site.view(max_seconds=LONG)
    def view() -> Any:
        events = relay(a_stream(provider))
        next(events)
        time_is_up()
        return given(Response(event.text for event in events if isinstance(event, Text)))

    assert site.ask().status_code == 504


@as_it_is
@pytest.mark.parametrize("begun", [False, True])
def test_a_response_of_the_views_own_may_read_what_it_relays(
    site: Site, provider: Provider, begun: bool, given: Callable[[Response], Any]
) -> None:
    provider.play(told("anthropic"))

    @site.view
    def view() -> Any:
        events = relay(a_stream(provider))
        if begun:
            next(events)
        return given(Response(event.text for event in events if isinstance(event, Text)))

    assert site.ask().get_data(as_text=True) == TEXT


def test_what_the_view_reads_itself_may_end_before_the_run_does(
    site: Site, provider: Provider
) -> None:
    results: list[Result] = []
    provider.play(told("anthropic"))
    site.view(on_finish=results.append)(
        lambda: before_the_first_item(lambda: provider.create("anthropic"))
    )
    assert site.events()[-1][0] == "done"
    assert (results[0].text, len(results[0].steps)) == (TEXT, 1)


# -- relays that nobody reads -----------------------------------------------------------------


def test_a_relay_without_its_yield_from_is_closed_and_told_of(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    script = Stalling()
    provider.run(script)

    @site.view
    def view() -> Iterator[str]:
        relay(provider.create("anthropic"))
        yield "x"

    assert site.events()[-1][0] == "done"
    assert script.gone.wait(DEADLINE)
    (record,) = [r for r in caplog.records if r.name == "flask_stream"]
    assert record.levelno == logging.WARNING
    assert "yield from relay(" in record.message


@pytest.mark.parametrize("ends", ["refuses", "fails"])
def test_what_a_view_that_comes_to_no_run_has_begun_is_closed(
    site: Site, provider: Provider, caplog: pytest.LogCaptureFixture, ends: str
) -> None:
    script = Stalling()
    provider.run(script)

    @site.view
    def view() -> Any:
        events = relay(provider.create("anthropic"))
        next(events)
        kept.append(events)
        if ends == "fails":
            raise StreamFailed("No.")
        return {"no": "more"}

    kept: list[Any] = []
    site.ask()
    assert script.gone.wait(DEADLINE)
    assert "yield from" not in caplog.text
