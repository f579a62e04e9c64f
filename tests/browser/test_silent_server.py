"""Connections that die without a word, and those that only seem to.

A prompt costs money: in each test the server counts how often it was asked.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.on_page import (
    CUT_OFF,
    HOUR,
    WAYS,
    Way,
    each_way,
    expect_asked,
    expect_state,
    output,
    retry,
    status,
    text_of,
)
from tests.browser.real_server import RealServer, Wire, behind, passing
from tests.servers.running import until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(timed_page: Page) -> Page:
    return timed_page


# A server that falls silent


# Counts the comments that the page has read: one that is on its way is no sign of life yet.
COUNT_COMMENTS = """
    window.comments = 0;
    const read = ReadableStreamDefaultReader.prototype.read;
    ReadableStreamDefaultReader.prototype.read = async function () {
        const result = await read.call(this);
        const text = result.value ? new TextDecoder().decode(result.value) : "";
        window.comments += text.split(": \\n\\n").length - 1;
        return result;
    };
"""

fetching = pytest.mark.parametrize("way", [WAYS["post"], WAYS["get"]], ids=["post", "get"])


@fetching
def test_a_connection_that_falls_silent_is_given_up_after_two_heartbeats_and_five_seconds(
    page: Page, real: RealServer, wire: Wire, prompt: str, way: Way
) -> None:
    page.goto(wire.url + real.page(way.page(prompt)))
    wire.stop_behind = behind(b'"one "}\n\n')
    way.ask(page)
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.clock.run_for(25_000)  # a heartbeat has not come; real time passes too, so no closer
    expect_state(page, "streaming")
    page.clock.run_for(20_000)
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    answer.wait_until_app_left()
    expect_asked(page, real, prompt, way.method)
    wire.stop_behind = passing
    retry(page, real, prompt)
    expect_asked(page, real, prompt, way.method, way.method)


@fetching
def test_heartbeats_keep_a_silent_answer_alive(
    page: Page, beating: RealServer, prompt: str, way: Way
) -> None:
    def beats() -> int:
        return int(page.evaluate("comments"))

    page.add_init_script(COUNT_COMMENTS)
    page.goto(beating.url + beating.page(way.page(prompt)))
    way.ask(page)
    answer = beating.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    for _ in range(10):  # of three seconds each, in which one has come
        before = beats()
        until(lambda before=before: beats() > before, "there are no heartbeats")  # type: ignore[misc]
        page.clock.run_for(3000)
    expect_state(page, "streaming")
    answer.say("two").finish()
    expect_state(page, "done")
    assert text_of(page) == "one two"
    expect_asked(page, beating, prompt, way.method)


@each_way
def test_a_page_that_was_asleep_goes_on_with_a_healthy_stream(
    page: Page, real: RealServer, prompt: str, way: Way
) -> None:
    page.goto(real.url + real.page(way.page(prompt)))
    way.ask(page)
    answer = real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    page.clock.fast_forward(HOUR)  # each timer that is due fires once, as after sleep
    answer.say("two ")
    expect(output(page)).to_have_text("one two ")
    expect_state(page, "streaming")
    answer.finish()
    expect_state(page, "done")
    expect_asked(page, real, prompt, way.method)


@fetching
@pytest.mark.parametrize("sign", ["asleep", "online"])
def test_a_connection_that_died_meanwhile_is_given_up_after_half_that_time(
    page: Page, real: RealServer, wire: Wire, prompt: str, way: Way, sign: str
) -> None:
    page.goto(wire.url + real.page(way.page(prompt)))
    wire.stop_behind = behind(b'"one "}\n\n')
    way.ask(page)
    real.talk.to(prompt).say("one ")
    expect(output(page)).to_have_text("one ")
    if sign == "asleep":
        page.clock.fast_forward(HOUR)
    else:
        for offline in (True, False):
            page.context.set_offline(offline)
            page.wait_for_function("offline => navigator.onLine !== offline", arg=offline)
    expect_state(page, "streaming")
    page.clock.run_for(40_000)
    expect_state(page, "failed")
    expect(status(page)).to_have_text(CUT_OFF)
    expect_asked(page, real, prompt, way.method)
