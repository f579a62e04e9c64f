"""`<flask-stream>` in front of a real gunicorn, with a network between that is cut, and comes back.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.on_page import (
    CUT_OFF,
    HOUR,
    WAYS,
    Way,
    each_way,
    element,
    expect_asked,
    expect_state,
    output,
    retry,
    retry_button,
    seen,
    status,
    text_of,
)
from tests.browser.real_server import RealServer, Wire, behind, passing
from tests.own_time import part_of
from tests.servers.running import DEADLINE, until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(timed_page: Page) -> Page:
    return timed_page


@pytest.fixture
def own(tmp_path: Path) -> Iterator[RealServer]:
    """A gunicorn that the test may end. Its runs end half a second after a reload."""
    with RealServer(tmp_path, {"STREAM_SHUTDOWN_SECONDS": 0.5}) as server:
        yield server


def wait_for_errors(page: Page, times: int) -> None:
    """Wait for so many failures since the page was opened."""
    script = "times => seen.filter(({ type }) => type === 'stream:error').length === times"
    page.wait_for_function(script, arg=times)


def load_all_parts(page: Page) -> None:
    """Load what the client would load later, and wait until nothing is loaded any more."""
    page.evaluate(
        "import(document.querySelector('script[type=module]').src.replace('.js', '-more.js'))"
    )
    page.wait_for_load_state("networkidle")


# Cut at every stage

# Where, and what has arrived by then.
STAGES = {
    "before the headers": (b"^", ""),
    "behind the headers": (b"\r\n\r\n", ""),
    "between events": (b'"one "}\n\n', "one "),
    "inside an event": (b'"text":"tw', "one "),
    "inside a character": (b'"text":"two ' + "🔦".encode()[:2], "one "),
    "before the blank line": (b'"two [^\n]*\n', "one "),
    "inside done": (b"event: done\ndata: {", "one two 🔦"),
}


@pytest.mark.parametrize(("way", "stage"), part_of(product(WAYS, STAGES), every=2))
def test_a_connection_that_drops_is_told_and_nothing_is_asked_twice(
    page: Page, real: RealServer, wire: Wire, prompt: str, way: str, stage: str
) -> None:
    mark, text = STAGES[stage]
    asking = WAYS[way]
    page.goto(wire.url + real.page(asking.page(prompt)))
    load_all_parts(page)
    wire.cut()  # see the next test
    wire.stop_behind = behind(mark)
    asking.ask(page)
    real.talk.to(prompt).say("one ").say("two 🔦").finish()
    assert wire.stopped.wait(DEADLINE)
    # Fetch forgets what the page has not read when the connection drops.
    expect(output(page)).to_have_text(text)
    wire.cut()
    expect_state(page, "failed")
    assert text_of(page) == text
    (error,) = seen(page, "error")
    code = "network" if stage == "before the headers" else "cut"
    assert (error["code"], error["retryable"], error["attempt"]) == (code, True, 1)
    expect(retry_button(page)).to_be_enabled()
    expect_asked(page, real, prompt, asking.method)
    wire.stop_behind = passing
    retry(page, real, prompt)
    assert seen(page, "retry") == [{"attempt": 2}]
    expect_asked(page, real, prompt, asking.method, asking.method)


def test_what_a_used_connection_loses_is_repeated_by_the_browser_at_most(
    page: Page, real: RealServer, wire: Wire, prompt: str
) -> None:
    """A kept connection may end just when it is used again, so Chromium repeats a request, be it a
    POST, when one ends before the first byte of a response. No page can prevent that; the headers
    of a stream go out before its first word, so it can only be before.
    """
    way = WAYS["post"]
    page.goto(wire.url + real.page(way.page(prompt)), wait_until="networkidle")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    wire.stop_behind = behind(b"^")
    way.ask(page)
    real.talk.to(prompt).say("one").finish()
    assert wire.stopped.wait(DEADLINE)
    wire.stop_behind = passing
    wire.cut()
    until(
        lambda: (
            len(real.asked(prompt)) == 2 or element(page).get_attribute("data-state") == "failed"
        ),
        "the browser neither repeats the request nor gives it up",
    )
    if len(real.asked(prompt)) == 2:
        real.talk.to(prompt).say("one").finish()
        expect_state(page, "done")
    page.clock.fast_forward(HOUR)
    assert requests == ["POST"]
    assert len(real.asked(prompt)) <= 2


@each_way
def test_a_connection_that_drops_after_done_is_nobodys_loss(
    page: Page, real: RealServer, wire: Wire, prompt: str, way: Way
) -> None:
    page.goto(wire.url + real.page(way.page(prompt)))
    wire.stop_behind = behind(b"event: done\ndata: [^\n]*\n\n")
    way.ask(page)
    real.talk.to(prompt).say("one").finish()
    expect_state(page, "done")
    wire.cut()
    expect_asked(page, real, prompt, way.method)
    expect_state(page, "done")
    expect(status(page)).to_have_text("Complete")
    expect(retry_button(page)).to_be_hidden()


# A server that goes, and comes back


@each_way
@pytest.mark.parametrize("said", ["", "one "])
def test_a_worker_that_is_killed_cuts_its_answers(
    page: Page, own: RealServer, prompt: str, way: Way, said: str
) -> None:
    page.goto(own.url + own.page(way.page(prompt)))
    way.ask(page)
    answer = own.talk.to(prompt).begin()
    expect_state(page, "waiting")
    if said:
        answer.say(said)
        expect(output(page)).to_have_text(said)
    own.kill_worker()
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    answer.wait_until_app_left()
    expect_asked(page, own, prompt, way.method)
    assert text_of(page) == said
    retry(page, own, prompt)
    expect_asked(page, own, prompt, way.method, way.method)


@each_way
def test_a_server_that_restarts_is_asked_again_by_the_reader_alone(
    page: Page, own: RealServer, prompt: str, way: Way
) -> None:
    page.goto(own.url + own.page(way.page(prompt)))
    way.ask(page)
    own.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    own.kill()
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    assert text_of(page) == "one "
    retry_button(page).click()  # too early
    wait_for_errors(page, 2)
    assert [error["code"] for error in seen(page, "error")] == ["cut", "network"]
    assert [error["attempt"] for error in seen(page, "error")] == [1, 2]
    page.clock.fast_forward(HOUR)
    own.start()
    expect_asked(page, own, prompt, way.method)
    expect_state(page, "failed")
    retry(page, own, prompt)
    expect_asked(page, own, prompt, way.method, way.method)


def test_a_deploy_ends_a_run_with_words_and_a_retry(
    page: Page, own: RealServer, prompt: str
) -> None:
    page.goto(own.url + own.page(WAYS["post"].page(prompt)))
    WAYS["post"].ask(page)
    answer = own.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    wait_until_old_worker_left = own.reload()
    answer.wait_until_app_left()
    expect_state(page, "failed")
    (error,) = seen(page, "error")
    assert (error["code"], error["retryable"]) == ("shutdown", True)
    assert text_of(page) == "one "
    expect_asked(page, own, prompt, "POST")
    wait_until_old_worker_left()
    retry(page, own, prompt)
    expect_asked(page, own, prompt, "POST", "POST")


# Offline


@each_way
def test_a_network_that_is_lost_and_comes_back_asks_nothing_by_itself(
    page: Page, real: RealServer, wire: Wire, prompt: str, way: Way
) -> None:
    page.goto(wire.url + real.page(way.page(prompt)))
    way.ask(page)
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.context.set_offline(True)
    # Chromium leaves a stream in flight alone: only what is new is refused.
    answer.say("two ")
    expect(output(page)).to_have_text("one two ")
    wire.cut()
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    answer.wait_until_app_left()
    retry_button(page).click()
    wait_for_errors(page, 2)
    assert seen(page, "error")[1]["code"] == "network"
    page.context.set_offline(False)
    page.wait_for_function("() => navigator.onLine")
    expect_state(page, "failed")
    expect_asked(page, real, prompt, way.method)
    retry(page, real, prompt)
    expect_asked(page, real, prompt, way.method, way.method)


@each_way
def test_a_stream_that_outlives_the_loss_of_the_network_is_left_alone(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page.goto(real.url + real.page(way.page(prompt)))
    way.ask(page)
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    for offline in (True, False):
        page.context.set_offline(offline)
        page.wait_for_function(f"() => navigator.onLine !== {str(offline).lower()}")
    answer.say("two").finish()
    expect_state(page, "done")
    assert text_of(page) == "one two"
    expect_asked(page, real, prompt, way.method)
