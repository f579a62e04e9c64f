"""When a session is saved: with its cookie, which leaves before the first word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import session

from flask_stream import advice, after_this_stream
from tests.conftest import Site


def change(*_: object) -> None:
    session["changed"] = True


def in_the_view() -> Any:
    change()
    return ["A word."]


def before_the_first_yield() -> Iterator[str]:
    change()
    yield "A word."


def after_the_first_yield() -> Iterator[str]:
    yield "A word."
    change()


def in_a_callback() -> Any:
    after_this_stream(change)
    return ["A word."]


@pytest.mark.parametrize(
    ("view", "kept"),
    [
        (in_the_view, True),
        (before_the_first_yield, True),
        (after_the_first_yield, False),
        (in_a_callback, False),
    ],
)
def test_a_change_after_the_first_byte_is_lost_and_warned_of(
    monkeypatch: pytest.MonkeyPatch, view: Callable[[], Any], kept: bool
) -> None:
    advised: list[str] = []
    monkeypatch.setattr(advice, "once", lambda what, *_, **__: advised.append(what))
    site = Site()
    site.view(view)
    client = site.app.test_client()
    assert "event: done" in client.post("/").text
    with client.session_transaction() as saved:
        assert ("changed" in saved) == kept
    assert ("session" in advised) == (not kept)


def test_a_session_that_was_only_read_is_no_cause_for_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    advised: list[str] = []
    monkeypatch.setattr(advice, "once", lambda what, *_, **__: advised.append(what))
    site = Site()

    @site.view
    def view() -> Iterator[str]:
        yield "A word."
        assert session.get("name") == "Anna"

    client = site.app.test_client()
    with client.session_transaction() as saved:
        saved["name"] = "Anna"
    assert "event: done" in client.post("/").text
    assert "session" not in advised
