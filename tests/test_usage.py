"""What `Result.usage` is, and when there is none: as the README says it."""

from __future__ import annotations

from typing import Any

import pytest

from flask_stream import Result
from tests.conftest import ROOT, Site
from tests.provider import Exchange, Provider, told, word_by_word


@pytest.fixture
def results(site: Site) -> list[Result]:
    return []


def counted(result: Result) -> tuple[int | None, int | None] | None:
    usage = result.usage
    return (usage.input_tokens, usage.output_tokens) if usage is not None else None


@pytest.mark.parametrize(
    ("wire", "whole", "cut"),
    [
        ("anthropic", (351, 17), (7, 1)),  # message_start, and message_delta at the end
        ("openai_chat", (51, 17), None),  # in the last chunk
        ("openai_responses", (51, 17), None),  # in response.completed
    ],
)
def test_usage_is_what_the_provider_has_said_by_then(
    site: Site, provider: Provider, results: list[Result], wire: str, whole: Any, cut: Any
) -> None:
    site.view(on_finish=results.append)(lambda: provider.create(wire))
    for what in ("text", "cut"):
        provider.play(told(wire, what))
        site.ask().get_data()
    assert [counted(result) for result in results] == [whole, cut]
    assert [result.outcome for result in results] == ["complete", "failed"]


def test_chat_completions_that_were_not_asked_for_usage_have_none(
    site: Site, provider: Provider, results: list[Result]
) -> None:
    chunks = told("openai_chat").split(b"\n\n")
    provider.play(b"\n\n".join(chunk for chunk in chunks if b'"usage":{' not in chunk))
    site.view(on_finish=results.append)(lambda: provider.create("openai_chat"))
    assert site.events()[-1][0] == "done"
    assert (results[0].outcome, results[0].usage) == ("complete", None)
    assert "include_usage" in (ROOT / "README.md").read_text("utf-8")


def test_an_answer_that_its_reader_leaves_has_the_usage_so_far(
    site: Site, provider: Provider, results: list[Result]
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(word_by_word("anthropic")[0])
        exchange.gone()

    provider.run(script)
    site.view(on_finish=results.append)(lambda: provider.create("anthropic"))
    with site.ask() as response:
        assert any(b"event: text" in chunk for chunk in response.response)
    assert results[0].outcome == "disconnected"
    assert results[0].usage is not None
    assert results[0].usage.input_tokens == 351


def test_counts_that_are_written_as_fractions_are_whole_numbers(
    site: Site, provider: Provider, results: list[Result]
) -> None:
    body = told("openai_chat").replace(b'"prompt_tokens":51', b'"prompt_tokens":51.0')
    provider.play(body)
    site.view(on_finish=results.append)(lambda: provider.create("openai_chat"))
    assert site.events()[-1][1]["usage"]["input_tokens"] == 51
    assert b"51.0" in body
