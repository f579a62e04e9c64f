"""What a run knows of what it relays, whatever the app does with a relay's events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_stream import Data, ProviderError, Reasoning, Result, Text, relay
from tests.conftest import Site, said
from tests.provider import TEXT, WIRES, Provider, told
from tests.test_log_line import MODELS, TOKENS

Relaying = Callable[[Provider], Iterator[Any]]


def only_texts(provider: Provider, wire: str) -> Iterator[Any]:
    yield from (event for event in relay(provider.create(wire)) if isinstance(event, Text))


def only_strings(provider: Provider, wire: str) -> Iterator[Any]:
    yield from (event.text for event in relay(provider.create(wire)) if isinstance(event, Text))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("filtered", [only_texts, only_strings])
def test_a_run_keeps_step_usage_and_model_where_the_app_keeps_texts_only(
    site: Site, provider: Provider, filtered: Callable[..., Iterator[Any]], wire: str
) -> None:
    results: list[Result] = []
    provider.play(told(wire))
    site.view(on_finish=results.append)(lambda: filtered(provider, wire))
    events = site.events()
    (result,) = results
    assert [name for name, _ in events if name not in ("text", "start")] == ["done"]
    assert result.usage is not None
    tokens = (result.usage.input_tokens, result.usage.output_tokens)
    assert tokens == TOKENS[wire]
    assert f"{result.provider} model={result.model}" == MODELS[wire]
    assert [step.text for step in result.steps] == [TEXT]
    assert result.message == result.steps[0].message is not None
    usage = events[-1][1]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == TOKENS[wire]


def test_a_relay_that_the_view_has_read_itself_is_none_of_its_run(
    site: Site, provider: Provider
) -> None:
    results: list[Result] = []
    provider.play(told("anthropic"))

    @site.view(on_finish=results.append)
    def view() -> list[str]:
        return [str(len([*relay(provider.create("anthropic"))]))]

    assert site.events()[-1][0] == "done"
    assert (results[0].steps, results[0].usage) == ([], None)


# -- texts of several relays -------------------------------------------------------------------


def twice(provider: Provider, between: list[Any]) -> Iterator[Any]:
    yield from relay(provider.create("anthropic"))
    yield from between
    yield from relay(provider.create("anthropic"))


@pytest.mark.parametrize(
    ("between", "joint"),
    [
        ([], "\n\n"),
        ([Data("progress", 1)], "\n\n"),
        ([Reasoning("Hm.")], "\n\n"),
        ([""], "\n\n"),
        ([" And again: "], " And again: "),
        (["\n"], "\n"),
    ],
)
def test_what_is_between_two_relayed_texts(
    site: Site, provider: Provider, between: list[Any], joint: str
) -> None:
    """A blank line, unless the app has put words of its own there."""
    results: list[Result] = []
    provider.play(told("anthropic"))
    site.view(on_finish=results.append)(lambda: twice(provider, between))
    events = site.events()
    assert said(events) == f"{TEXT}{joint}{TEXT}" == results[0].text
    assert events[-1][1]["text_length"] == len(results[0].text.encode("utf-16-le")) // 2
    assert [step.text for step in results[0].steps] == [TEXT, TEXT]


def test_the_words_of_a_fallback_are_set_off_from_what_was_cut(
    site: Site, provider: Provider
) -> None:
    def view() -> Iterator[Any]:
        try:
            yield from relay(provider.create("anthropic"))
        except ProviderError:
            provider.play(told("anthropic"))
            yield from relay(provider.create("anthropic"))

    provider.play(told("anthropic").split(b"event: content_block_stop")[0])
    site.view(view)
    assert said(site.events()) == f"{TEXT}\n\n{TEXT}"


def test_texts_in_strings_of_the_apps_own_making_are_set_off_too(
    site: Site, provider: Provider
) -> None:
    provider.play(told("anthropic"))

    @site.view
    def view() -> Iterator[Any]:
        for _ in range(2):
            yield from only_strings(provider, "anthropic")

    assert said(site.events()) == f"{TEXT}\n\n{TEXT}"


def test_the_first_relayed_text_goes_on_behind_the_apps_own(site: Site, provider: Provider) -> None:
    provider.play(told("anthropic"))

    @site.view
    def view() -> Iterator[Any]:
        yield "Answer: "
        yield from relay(provider.create("anthropic"))

    assert said(site.events()) == f"Answer: {TEXT}"


# -- events of the app's own classes -----------------------------------------------------------


class Chapter(Text):
    """Words that know where they are from."""


class Shout(Text):
    kind = "shout"


def test_a_subclass_of_text_is_sent_and_counted_as_text(site: Site) -> None:
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: [Chapter("Hé "), Text("you"), Chapter("")])
    events = site.events()
    assert (said(events), results[0].text) == ("Hé you", "Hé you")
    assert events[-1][1]["text_length"] == 6
    assert results[0].first_text_seconds is not None


def test_a_subclass_with_a_kind_of_its_own_is_refused_with_advice(site: Site) -> None:
    site.app.debug = True
    site.view(lambda: iter(["one", Shout("two")]))
    name, data = site.events()[-1]
    assert (name, data["code"]) == ("failed", "internal")
    assert "Data(name, value)" in data["message"]


class Words:
    """An iterable that is no iterator: its generator is the run's to close."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __iter__(self) -> Iterator[str]:
        try:
            yield "one"
            yield "two"
        finally:
            self.seen.append("closed")


def test_the_generator_of_an_iterable_object_is_closed_before_the_callbacks(site: Site) -> None:
    words = Words()
    site.view(on_finish=lambda result: words.seen.append(str(result.outcome)))(lambda: words)
    answer = site.ask()
    frames = iter(answer.response)
    next(frames)
    answer.close()
    assert words.seen == ["closed", "disconnected"]


# -- how long it took --------------------------------------------------------------------------


def test_a_result_says_how_long_it_and_its_first_word_took(site: Site) -> None:
    results: list[Result] = []
    site.view(on_finish=results.append)(lambda: iter([Data("progress", 1), "word"]))
    site.events()
    (result,) = results
    assert result.first_text_seconds is not None
    assert result.seconds is not None
    assert 0 <= result.first_text_seconds <= result.seconds < 60


def test_a_result_without_words_has_no_time_of_its_first(site: Site) -> None:
    results: list[Result] = []
    site.view(on_finish=results.append)(list)
    site.events()
    assert results[0].seconds is not None
    assert results[0].first_text_seconds is None
