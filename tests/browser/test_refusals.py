"""What a real gunicorn answers in place of a stream, and the Retry that may follow.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.client_server import Site
from tests.browser.on_page import (
    WAYS,
    Way,
    element,
    expect_asked,
    expect_state,
    form,
    output,
    retry,
    retry_button,
    seen,
    status,
    text_of,
)
from tests.browser.on_site import ask_form
from tests.browser.real_server import RealServer
from tests.own_time import part_of
from tests.servers.running import DEADLINE

pytestmark = pytest.mark.browser


@pytest.fixture
def page(timed_page: Page) -> Page:
    return timed_page


@pytest.fixture
def one_place(tmp_path: Path) -> Iterator[RealServer]:
    """A gunicorn that carries one stream at a time."""
    with RealServer(tmp_path, {"STREAM_MAX_CONCURRENT": 1}) as server:
        yield server


# Refusals

# How, the error's code, whether a retry is offered, words of the status.
REFUSALS = {
    "204": ("no_content", False, "not run this request again"),
    "401": ("auth", False, ""),
    "login": ("auth", False, "Sign in"),
    "html": ("bad_response", False, "text/html"),
    "json": ("bad_response", False, "application/json"),
    "403": ("http", False, "Not now: 403."),
    "429": ("http", True, "Not now: 429."),
    "503": ("http", True, "Not now: 503."),
    "500": ("http", True, "Not now: 500."),
}


@pytest.mark.parametrize(("way", "how"), part_of(product(["post", "get"], REFUSALS), every=2))
def test_a_refusal_is_told_in_words_and_not_asked_again(
    page: Page, real: RealServer, prompt: str, way: str, how: str
) -> None:
    code, retryable, words = REFUSALS[how]
    asking = WAYS[way]
    page.goto(real.url + real.page(asking.page(prompt, f"/chat/refused/{how}")))
    asking.ask(page)
    expect_state(page, "failed")
    expect(status(page)).to_contain_text(words)
    (error,) = seen(page, "error")
    http: int | None = 200 if how in ("login", "html", "json") else int(how)
    if (how, way) == ("login", "post"):
        http = None  # of a redirect that is not followed, a browser tells no more than that
    assert (error["code"], error["status"], error["retryable"]) == (code, http, retryable)
    assert seen(page, "open") == []
    expect(retry_button(page)).to_be_visible(visible=retryable)
    expect_asked(page, real, prompt, asking.method)


@pytest.mark.parametrize("how", [*REFUSALS, "429-120", "429-date"])
def test_an_eventsource_that_is_refused_is_closed(
    page: Page, real: RealServer, prompt: str, how: str
) -> None:
    way = WAYS["eventsource"]
    page.goto(real.url + real.page(way.page(prompt, f"/chat/refused/{how}")))
    way.ask(page)
    expect_state(page, "failed")
    (error,) = seen(page, "error")
    assert (error["code"], error["status"]) == ("network", None)
    expect_asked(page, real, prompt, "GET")


@pytest.mark.parametrize("way", [WAYS["get"], WAYS["eventsource"]], ids=["get", "eventsource"])
def test_a_redirect_to_another_stream_is_followed(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page.goto(real.url + real.page(way.page(prompt, "/chat/refused/elsewhere")))
    way.ask(page)
    real.talk.to(prompt).say("over here").finish()
    expect_state(page, "done")
    assert text_of(page) == "over here"
    expect_asked(
        page, real, prompt, way.method, way.method
    )  # the view that redirects, and the other


# An error's body


def test_an_errors_body_without_an_end_is_left_and_its_reader_told(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    answer = site.request("/chat").begin(500, "application/json")
    # As much as is read, and a piece more, in no time.
    page.clock.pause_at(page.evaluate("Date.now() / 1000") + 1)
    answer.write(b'{"message": "').write(b"a" * 64 * 1024)
    answer.wait_until_client_left()
    expect_state(page, "failed")
    expect(status(page)).to_have_text("The server answered with an error (HTTP 500).")
    expect(retry_button(page)).to_be_visible()


def test_of_an_errors_message_the_beginning_is_shown(page: Page, site: Site) -> None:
    page.goto(site.page(ask_form()))
    page.click("text=Ask")
    message = "<b>No.</b> " * 1000
    answer = site.request("/chat").begin(500, "application/json")
    answer.write(json.dumps({"message": message}).encode()).end()
    expect_state(page, "failed")
    shown = status(page).evaluate("status => [status.textContent, status.childElementCount]")
    assert shown == [message[:499] + "…", 0]


# The page's own, with something in it to click.
RETRY = "<button data-stream=retry><b>Once more</b></button>"


@pytest.mark.parametrize(("how", "wait"), [("429-120", 120), ("429-date", 90), ("503-7", 7)])
def test_retry_waits_for_as_long_as_the_server_wants(
    page: Page, real: RealServer, prompt: str, how: str, wait: int
) -> None:
    body = form(prompt, f"/chat/refused-once/{how}").replace("></flask", f">{RETRY}</flask")
    page.goto(real.url + real.page(body))
    page.click("text=Ask")
    expect_state(page, "failed")
    button = retry_button(page)
    expect(button).to_be_visible()
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("data-wait", re.compile(r"\d"))  # its file has been loaded
    told = int((button.get_attribute("data-wait") or "0").removesuffix(" s"))
    assert wait - DEADLINE / 2 < told <= wait + 1  # the date is one of whole seconds
    # While it waits it counts down, and neither a click nor the time that passes asks again.
    page.locator("b").click(force=True)
    expect(button).not_to_have_attribute("data-wait", f"{told} s")
    page.clock.run_for((told + 2) * 1000)
    expect(button).to_be_enabled()
    assert button.get_attribute("data-wait") is None
    expect_asked(page, real, prompt, "POST")
    expect_state(page, "failed")
    retry(page, real, prompt)
    assert seen(page, "retry") == [{"attempt": 2}]
    expect_asked(page, real, prompt, "POST", "POST")


def test_the_providers_own_limit_reaches_the_retry_button(
    page: Page, real: RealServer, prompt: str
) -> None:
    page.goto(real.url + real.page(WAYS["post"].page(prompt)))
    WAYS["post"].ask(page)
    real.talk.to(prompt).refuse(429, **{"Retry-After": "40"})
    expect_state(page, "failed")
    (error,) = seen(page, "error")
    assert (error["code"], error["status"]) == ("rate_limited", 503)
    expect(retry_button(page)).to_be_disabled()
    page.clock.run_for(42_000)
    expect(retry_button(page)).to_be_enabled()
    expect_asked(page, real, prompt, "POST")


def test_a_server_with_no_room_left_is_asked_again_once_it_has(
    page: Page, one_place: RealServer, prompt: str
) -> None:
    body = form(f"{prompt}-first", name="first") + form(prompt, name="second")
    page.goto(one_place.url + one_place.page(body))
    page.click("#first button")
    first = one_place.talk.to(f"{prompt}-first").say("one")
    expect(output(page).first).to_have_text("one")
    page.click("#second button")
    refused = element(page).nth(1)
    expect(refused).to_have_attribute("data-state", "failed")
    assert seen(page, "error")[0]["status"] == 503
    first.finish()
    expect(element(page).first).to_have_attribute("data-state", "done")
    page.clock.run_for(120_000)
    retry_button(refused).click()
    one_place.talk.to(prompt).say("two").finish()
    expect(refused).to_have_attribute("data-state", "done")
    assert text_of(refused) == "two"
    # The first of them was refused before the view was called, and has cost nothing.
    expect_asked(page, one_place, prompt, "POST", "POST")
