"""`<flask-stream>` in front of a server that keeps its runs: nothing is lost, nothing comes twice,
and nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.keeper import Keeper
from tests.browser.on_page import (
    HOUR,
    element,
    expect_state,
    output,
    retry_button,
    seen,
    status,
    text_of,
)
from tests.browser.on_site import MORE, STYLE, stop_button
from tests.servers.running import until

pytestmark = pytest.mark.browser

TOKEN = "<input type=hidden name=csrf_token value=of-the-form>"
NOW = "performance.now()"
NOTHING_KEPT = "() => sessionStorage.length === 0"
# A page that is left while it fetches that file reports that it could not.
HAS_MORE = "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('more.js'))"


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    keeper = Keeper()
    yield keeper
    keeper.stop()


def ask_form(attributes: str = "resume", fields: str = "", name: str = "ask") -> str:
    return (
        f'<form id={name} method=post action="/chat"><input name=q value="{name}">{fields}'
        f"<button>Ask</button></form><flask-stream form={name} {attributes}></flask-stream>"
    )


def begin(page: Page, keeper: Keeper, attributes: str = "resume", fields: str = "") -> None:
    """Ask, and wait until the first word is on the page."""
    page.goto(keeper.page(ask_form(attributes, fields)))
    page.click("text=Ask")
    keeper.run().say("one ")
    expect(output(page)).to_have_text("one ")


def ask_in_vain(page: Page, keeper: Keeper, attributes: str = "resume") -> None:
    """Ask: the server has heard it, and does not begin to answer."""
    keeper.begins.clear()
    page.goto(keeper.page(ask_form(attributes)))
    page.click("text=Ask")
    keeper.run()


def expect_whole(page: Page, keeper: Keeper, text: str = "one two") -> None:
    """The answer is there, once, and was asked for once."""
    expect_state(page, "done")
    assert text_of(page) == text
    assert len(keeper.asked) == 1


# A page that is loaded anew


# React 18 and Svelte write resume="true".
@pytest.mark.parametrize(
    "attributes", ["resume", "resume=true", "resume append", "resume render=markdown"]
)
def test_a_reload_in_mid_answer_goes_on_from_where_it_was(
    page: Page, keeper: Keeper, attributes: str
) -> None:
    begin(page, keeper, attributes)
    page.wait_for_function(HAS_MORE)
    page.reload()
    expect(output(page)).to_contain_text("one")
    expect_state(page, "streaming")
    keeper.run().say("two").finish()
    expect_state(page, "done")
    assert text_of(page).strip() == "one two"
    assert len(keeper.asked) == 1
    page.wait_for_function(NOTHING_KEPT)
    page.reload()
    expect_state(page, "idle")
    assert text_of(page) == ""
    assert len(keeper.asked) == 1


def test_an_answer_that_ended_while_its_page_was_away_is_whole(page: Page, keeper: Keeper) -> None:
    begin(page, keeper)
    page.wait_for_function(HAS_MORE)
    page.goto(keeper.url + "/static/flask-stream.css")
    keeper.run().say("two").finish()
    page.go_back()
    expect_whole(page, keeper)


def test_back_to_an_answer_that_goes_on_shows_it_grow(page: Page, keeper: Keeper) -> None:
    begin(page, keeper)
    page.wait_for_function(HAS_MORE)
    page.goto(keeper.url + "/static/flask-stream.css")
    page.go_back()
    expect(output(page)).to_have_text("one ")
    keeper.run().say("two").finish()
    expect_whole(page, keeper)


def test_a_page_that_comes_back_from_the_cache_goes_on(everyday_page: Page, keeper: Keeper) -> None:
    page = everyday_page
    begin(page, keeper)
    page.evaluate("() => addEventListener('pageshow', (event) => { window.shown = event })")
    page.goto(keeper.url + "/static/flask-stream.css")
    keeper.run().say("two ")
    keeper.cut()
    page.evaluate("() => void setTimeout(() => history.back())")
    page.wait_for_function("() => window.shown?.persisted")
    expect(output(page)).to_have_text("one two ")
    keeper.run().say("three").finish()
    expect_whole(page, keeper, "one two three")


RECORD_LENGTHS = """
window.lengths = new Set();
(function look() {
  lengths.add(document.querySelector("[data-part=text]")?.textContent.length ?? 0);
  requestAnimationFrame(look);
})();
"""


def test_what_was_there_is_painted_at_once_and_what_is_new_is_spread(
    page: Page, keeper: Keeper
) -> None:
    begin(page, keeper, "resume smooth")
    long = "word " * 400
    keeper.run().say(long)
    page.add_init_script(RECORD_LENGTHS)
    page.reload()
    expect(output(page)).to_have_text("one " + long)
    there = len("one " + long)
    page.wait_for_function("there => lengths.has(there)", arg=there)  # a frame later
    assert page.evaluate("[...lengths]") == [0, there]
    # What comes within half a second of the first of it has been there before.
    page.wait_for_function("painted => performance.now() - painted > 500", arg=page.evaluate(NOW))
    keeper.run().say(long).finish()
    expect_state(page, "done")
    assert len(page.evaluate("[...lengths]")) > 4


def test_an_element_with_a_src_goes_on_and_does_not_ask_anew(page: Page, keeper: Keeper) -> None:
    page.goto(keeper.page('<flask-stream src="/chat?q=hi" resume></flask-stream>'))
    keeper.run().say("one ")
    expect(output(page)).to_have_text("one ")
    page.reload()
    expect(output(page)).to_have_text("one ")
    element(page).evaluate("element => document.body.append(element)")  # a move is no reason either
    keeper.run().say("two").finish()
    expect_whole(page, keeper)


def test_a_run_that_has_expired_meanwhile_is_forgotten_without_a_word(
    page: Page, keeper: Keeper
) -> None:
    begin(page, keeper)
    page.wait_for_function(HAS_MORE)
    page.goto(keeper.url + "/static/flask-stream.css")
    keeper.forget()
    page.go_back()
    page.wait_for_function(NOTHING_KEPT)
    expect_state(page, "idle")
    expect(status(page)).to_have_text("")
    expect(page.locator("[data-turn]")).to_have_count(0)
    assert seen(page, "error") == []
    assert len(keeper.asked) == 1


def test_a_src_whose_run_has_expired_is_asked_as_on_any_load(page: Page, keeper: Keeper) -> None:
    page.goto(keeper.page('<flask-stream src="/chat?q=hi" resume></flask-stream>'))
    keeper.run().say("one ")
    expect(output(page)).to_have_text("one ")
    keeper.forget()
    page.reload()
    keeper.run().say("again").finish()
    expect_state(page, "done")
    assert text_of(page) == "again"
    assert len(keeper.asked) == 2


def test_two_elements_keep_their_own(page: Page, keeper: Keeper) -> None:
    page.goto(keeper.page(ask_form(name="first") + ask_form(name="second")))
    for number, name in enumerate(["first", "second"], 1):
        page.click(f"#{name} button")
        keeper.run(number).say(f"{name} ")
    expect(output(page)).to_have_text(["first ", "second "])
    page.reload()
    expect(output(page)).to_have_text(["first ", "second "])
    for run in keeper.runs:
        run.say("end").finish()
    expect(element(page).nth(0)).to_have_attribute("data-state", "done")
    expect(element(page).nth(1)).to_have_attribute("data-state", "done")
    expect(output(page)).to_have_text(["first end", "second end"])
    assert len(keeper.asked) == 2


def test_a_page_that_may_keep_nothing_does_without(page: Page, keeper: Keeper) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('no') } })"
    )
    begin(page, keeper)
    keeper.cut()
    keeper.run().say("two").finish()
    expect_whole(page, keeper)
    page.reload()
    expect_state(page, "idle")


def test_without_the_attribute_a_reload_forgets(page: Page, keeper: Keeper) -> None:
    begin(page, keeper, "")
    page.wait_for_function(HAS_MORE)
    page.reload()
    expect_state(page, "idle")
    assert len(keeper.followed) == 0


# A connection that is lost


@pytest.mark.parametrize("attributes", ["", "resume", "resume smooth", "render=markdown"])
def test_a_drop_is_survived(page: Page, keeper: Keeper, attributes: str) -> None:
    begin(page, keeper, attributes)
    keeper.cut()
    keeper.run().say("two").finish()
    expect_state(page, "done")
    assert text_of(page).strip() == "one two"
    assert len(keeper.asked) == 1
    assert seen(page, "open") == [None]


def test_while_it_is_lost_the_page_says_so(page: Page, keeper: Keeper) -> None:
    page.goto(keeper.page(ask_form(), head=STYLE))
    page.click("text=Ask")
    keeper.run().say("one ")
    expect(output(page)).to_have_text("one ")
    expect(status(page)).to_have_css("position", "absolute")  # for screen readers alone
    keeper.refusal = 503
    keeper.cut()
    expect_state(page, "reconnecting")
    expect(status(page)).to_have_text("Reconnecting…")
    expect(status(page)).to_have_css("position", "static")
    expect(status(page)).to_have_attribute("role", "status")
    expect(output(page)).to_have_attribute("aria-busy", "true")
    expect(stop_button(page)).to_be_visible()
    keeper.refusal = None
    expect_state(page, "streaming")
    expect(status(page)).to_have_text("Generating…")
    keeper.run().say("two").finish()
    expect_whole(page, keeper)


def test_offline_it_waits_and_goes_on_once_that_is_over(page: Page, keeper: Keeper) -> None:
    page.clock.install()
    begin(page, keeper)
    page.context.set_offline(True)
    page.wait_for_function("() => !navigator.onLine")
    keeper.cut()  # a stream in flight is left alone by Chromium
    expect_state(page, "reconnecting")
    keeper.run().say("two")
    page.clock.run_for(HOUR)
    expect_state(page, "reconnecting")
    assert keeper.followed == []
    page.context.set_offline(False)
    expect(output(page)).to_have_text("one two")
    keeper.run().finish()
    expect_whole(page, keeper)


def test_a_server_that_is_started_again_goes_on(page: Page, keeper: Keeper) -> None:
    begin(page, keeper)
    keeper.stop()
    expect_state(page, "reconnecting")
    keeper.run().say("two")
    keeper.start()
    expect(output(page)).to_have_text("one two")
    keeper.run().finish()
    expect_whole(page, keeper)


def test_a_question_that_is_lost_on_its_way_is_asked_once_more_with_its_key(
    page: Page, keeper: Keeper
) -> None:
    page.goto(keeper.page(ask_form()))
    page.wait_for_load_state("networkidle")
    keeper.stop()
    page.click("text=Ask")
    expect_state(page, "reconnecting")
    keeper.start()
    keeper.run().say("one two").finish()
    expect_whole(page, keeper)


def give_up(page: Page, keeper: Keeper) -> None:
    """Let the waits pass between its tries, all of which are refused."""

    def is_failed() -> bool:
        page.clock.run_for(5000)
        return element(page).get_attribute("data-state") == "failed"

    until(is_failed, "it goes on trying")
    assert len(keeper.followed) <= 8


def test_once_it_has_given_up_retry_goes_on_with_the_same_run(page: Page, keeper: Keeper) -> None:
    page.clock.install()
    begin(page, keeper)
    keeper.refusal = 503
    keeper.cut()
    give_up(page, keeper)
    assert text_of(page) == "one "
    keeper.refusal = None
    keeper.run().say("two")
    retry_button(page).click()
    expect(output(page)).to_have_text("one two")
    keeper.run().finish()
    expect_whole(page, keeper)


def test_a_run_that_is_gone_is_asked_anew_only_by_the_next_press(
    page: Page, keeper: Keeper
) -> None:
    begin(page, keeper)
    keeper.forget()
    keeper.cut()
    expect_state(page, "failed")
    (error,) = seen(page, "error")
    assert (error["code"], error["retryable"]) == ("gone", True)
    assert text_of(page) == "one "
    assert len(keeper.asked) == 1
    retry_button(page).click()
    keeper.run().say("again").finish()
    expect_state(page, "done")
    assert text_of(page) == "again"
    assert [asked.form for asked in keeper.asked] == [{"q": ["ask"]}] * 2
    assert keeper.asked[0].key != keeper.asked[1].key


def test_each_question_has_a_key_of_its_own(page: Page, keeper: Keeper) -> None:
    page.goto(keeper.page(ask_form("")))
    for number in (1, 2):
        page.click("text=Ask")
        keeper.run(number).say("Hi").finish()
        expect_state(page, "done")
        expect(output(page)).to_have_text("Hi")
    first, second = (asked.key for asked in keeper.asked)
    assert first
    assert second
    assert first != second


def test_where_the_file_for_it_cannot_be_loaded_a_drop_is_told(
    browser: Browser, keeper: Keeper
) -> None:
    page = browser.new_page()
    page.route(f"**{MORE}", lambda route: route.fulfill(status=404))
    begin(page, keeper, "")
    keeper.cut()
    expect_state(page, "failed")
    expect(retry_button(page)).to_be_enabled()
    assert text_of(page) == "one "
    page.close()


# More than one page


def test_a_second_tab_shows_the_same_and_stop_in_one_stops_both(
    page: Page, browser: Browser, keeper: Keeper
) -> None:
    begin(page, keeper, fields=TOKEN)
    other = browser.new_page()
    other.goto(keeper.page(f'<flask-stream resume="{keeper.run().url}"></flask-stream>', path="/2"))
    expect(output(other)).to_have_text("one ")
    keeper.run().say("two")
    for each in (page, other):
        expect(output(each)).to_have_text("one two")
    stop_button(other).click()
    for each in (page, other):
        expect_state(each, "stopped")
        expect(status(each)).to_have_text("Stopped")
        assert text_of(each) == "one two"
        assert seen(each, "stop") == [None]
    assert len(keeper.stopped) == 1
    assert len(keeper.asked) == 1
    other.reload()  # what the page names, it names again
    expect_state(other, "stopped")
    assert text_of(other) == "one two"
    other.close()


def test_what_the_page_names_wins_over_what_it_had(page: Page, keeper: Keeper) -> None:
    begin(page, keeper)
    named = ask_form(f'resume="{keeper.run().url}"')
    page.click("text=Ask")  # is not heard while the first goes on
    stop_button(page).click()
    expect_state(page, "stopped")
    page.click("text=Ask")
    keeper.run(2).say("second ")
    expect(output(page)).to_have_text("second ")
    keeper.page(named)
    page.reload()
    expect(output(page)).to_have_text("one ")
    expect_state(page, "stopped")


def test_a_run_that_the_page_names_and_nobody_has_is_gone(page: Page, keeper: Keeper) -> None:
    page.goto(keeper.page('<flask-stream resume="/_stream/nobodys"></flask-stream>'))
    expect_state(page, "failed")
    (error,) = seen(page, "error")
    assert (error["code"], error["status"], error["retryable"]) == ("gone", 404, False)
    expect(retry_button(page)).to_be_hidden()
    assert keeper.asked == []


def test_an_answer_that_is_in_the_markup_is_left_there(page: Page, keeper: Keeper) -> None:
    saved = "<div data-stream=output><p>It was sunny.</p></div>"
    page.goto(
        keeper.page(f'<flask-stream resume="/_stream/run1" data-state=done>{saved}</flask-stream>')
    )
    stop_button(page).wait_for(state="attached")
    page.wait_for_load_state("networkidle")
    expect_state(page, "done")
    expect(output(page)).to_have_text("It was sunny.")
    assert keeper.followed == []


# Stop, and leaving


def test_stop_posts_and_waits_for_the_end_with_the_forms_token(page: Page, keeper: Keeper) -> None:
    begin(page, keeper, fields=TOKEN)
    page.wait_for_function(HAS_MORE)
    page.reload()  # the token is found again too
    expect(output(page)).to_have_text("one ")
    keeper.stops = False
    stop_button(page).click()
    expect(stop_button(page)).to_have_attribute("aria-disabled", "true")
    expect_state(page, "streaming")
    until(lambda: keeper.stopped, "nothing is posted")
    keeper.run().say("two").finish("stopped")
    expect_state(page, "stopped")
    assert text_of(page) == "one two"
    assert stop_button(page).get_attribute("aria-disabled") is None
    (asked,) = keeper.stopped
    assert (asked.method, asked.path) == ("POST", "/_stream/run1/stop")
    assert asked.headers["X-CSRFToken"] == "of-the-form"
    page.wait_for_function(NOTHING_KEPT)


def test_stop_counts_for_its_reader_though_the_server_does_not_answer(
    page: Page, keeper: Keeper
) -> None:
    page.clock.install()
    begin(page, keeper)
    keeper.stops = False
    page.keyboard.press("Escape")
    expect(stop_button(page)).to_have_attribute("aria-disabled", "true")
    page.clock.run_for(3000)
    expect_state(page, "stopped")
    page.reload()
    expect_state(page, "idle")


def test_another_question_by_the_page_stops_the_one_that_runs(page: Page, keeper: Keeper) -> None:
    begin(page, keeper)
    element(page).evaluate("element => void element.start('/chat', { method: 'POST' })")
    keeper.run(2).say("second ")
    expect(output(page)).to_have_text("second ")
    until(lambda: keeper.stopped, "nothing is posted")
    assert [asked.path for asked in keeper.stopped] == ["/_stream/run1/stop"]
    assert stop_button(page).get_attribute("aria-disabled") is None
    page.reload()
    expect(output(page)).to_have_text("second ")
    expect_state(page, "streaming")


def test_stop_before_the_answer_begins_counts_at_once_and_reaches_the_run(
    page: Page, keeper: Keeper
) -> None:
    ask_in_vain(page, keeper)
    stop_button(page).click()
    expect_state(page, "stopped")
    until(lambda: keeper.stopped, "the server is not told")
    assert [(asked.path, asked.key) for asked in keeper.stopped] == [("/chat", keeper.asked[0].key)]
    keeper.begins.set()
    page.wait_for_function(NOTHING_KEPT)
    page.click("text=Ask")
    keeper.run(2).say("two ").finish()
    expect_state(page, "done")
    assert text_of(page) == "two "
    assert seen(page, "stop") == [None]


def test_another_question_before_the_answer_begins_stops_it(page: Page, keeper: Keeper) -> None:
    ask_in_vain(page, keeper)
    element(page).evaluate("element => void element.start('/chat', { method: 'POST' })")
    keeper.run(2).say("second ")
    keeper.begins.set()
    until(lambda: keeper.stopped, "the server is not told")
    assert [asked.key for asked in keeper.stopped] == [keeper.asked[0].key]
    expect(output(page)).to_have_text("second ")
    keeper.run(2).finish()
    expect_state(page, "done")
    assert seen(page, "stop") == []


def test_six_stops_before_their_answers_leave_the_page_its_connections(
    page: Page, keeper: Keeper
) -> None:
    """A browser opens six to a server, and one that waits for an answer is taken."""
    keeper.begins.clear()
    page.goto(keeper.page(ask_form()))
    for number in range(1, 8):
        page.click("text=Ask")
        keeper.run(number)
        stop_button(page).click()
        expect_state(page, "stopped")
        until(lambda number=number: len(keeper.stopped) == number, "the server is not told")
    assert page.evaluate("async () => (await fetch('/static/flask-stream.css')).status") == 200
    keeper.begins.set()


def test_a_stop_before_the_answer_begins_counts_though_the_page_is_left(
    page: Page, keeper: Keeper
) -> None:
    ask_in_vain(page, keeper)
    page.evaluate(
        "() => { document.querySelector('flask-stream').stop();"
        " location.href = '/static/flask-stream.css'; }"
    )
    until(lambda: keeper.stopped, "the server is not told")
    keeper.begins.set()


def test_a_stop_before_the_answer_begins_is_told_in_the_turn_in_which_it_is_pressed(
    page: Page, keeper: Keeper
) -> None:
    """It may be the page's last: no task is run any more where a busy machine is slow to leave."""
    ask_in_vain(page, keeper)
    told = """async () => {
        const real = window.fetch;
        let told = 0;
        window.fetch = (...args) => (told++, real(...args));
        document.querySelector("flask-stream").stop();
        for (let microtask = 0; microtask < 20; microtask++) await null;
        return told;
    }"""
    assert page.evaluate(told) == 1
    keeper.begins.set()


@pytest.mark.parametrize("attributes", ["resume", "resume append"])
def test_a_reload_before_the_answer_begins_goes_on(
    page: Page, keeper: Keeper, attributes: str
) -> None:
    ask_in_vain(page, keeper, attributes)
    page.reload()
    keeper.begins.set()
    until(lambda: keeper.followed, "the page does not go on")
    keeper.run().say("one two").finish()
    expect_whole(page, keeper)
    page.wait_for_function(NOTHING_KEPT)


def test_a_reload_before_the_answer_begins_asks_with_the_pages_own_headers(
    page: Page, keeper: Keeper
) -> None:
    page.add_init_script(
        "const headers = () => ({ Authorization: 'token', 'Idempotency-Key': `${Math.random()}` });"
        "const give = () => (document.querySelector('flask-stream').options = { headers });"
        "document.addEventListener('readystatechange', give, { once: true });"
    )
    ask_in_vain(page, keeper)
    page.reload()
    keeper.begins.set()
    until(lambda: keeper.followed, "the page does not go on")
    keeper.run().say("one two").finish()
    expect_whole(page, keeper)
    assert keeper.followed[0].headers["Authorization"] == "token"


def test_a_reload_before_the_answer_begins_asks_until_the_server_can_tell(
    page: Page, keeper: Keeper
) -> None:
    ask_in_vain(page, keeper)
    page.clock.install()
    keeper.wanted += [503, 404, 404]  # it is busy; the question is on its way
    page.reload()
    keeper.begins.set()
    for left in (2, 1, 0):
        until(lambda left=left: len(keeper.wanted) == left, "the server is not asked")
        page.clock.run_for(5000)
    keeper.run().say("one two").finish()
    expect_whole(page, keeper)


def test_an_element_that_is_removed_before_the_answer_begins_is_found_again(
    page: Page, keeper: Keeper
) -> None:
    ask_in_vain(page, keeper)
    element(page).evaluate("element => element.remove()")
    page.evaluate(
        "() => { const again = document.createElement('flask-stream');"
        " again.setAttribute('form', 'ask'); again.setAttribute('resume', '');"
        " document.body.append(again); }"
    )
    keeper.begins.set()
    until(lambda: keeper.followed, "the page does not go on")
    keeper.run().say("one two").finish()
    expect_whole(page, keeper)
    assert keeper.stopped == []


def test_a_question_that_never_came_is_forgotten_by_a_reload(page: Page, keeper: Keeper) -> None:
    ask_in_vain(page, keeper)
    keeper.forget()
    keeper._keys.clear()
    page.reload()
    page.wait_for_function(NOTHING_KEPT)
    expect_state(page, "idle")
    keeper.begins.set()


@pytest.mark.parametrize("attributes", ["resume", "resume append"])
def test_an_element_that_is_removed_stops_nothing_and_goes_on_when_it_is_back(
    page: Page, keeper: Keeper, attributes: str
) -> None:
    begin(page, keeper, attributes)
    element(page).evaluate("element => { window.removed = element; element.remove(); }")
    page.wait_for_function("() => removed.dataset.state === 'stopped'")
    keeper.run().say("two ")
    page.evaluate("() => document.body.append(removed)")
    expect(output(page)).to_have_text("one two ")
    keeper.run().say("three").finish()
    expect_whole(page, keeper, "one two three")
    assert keeper.stopped == []


def test_a_page_that_is_left_stops_nothing(page: Page, keeper: Keeper) -> None:
    begin(page, keeper)
    page.wait_for_function(HAS_MORE)
    page.goto("about:blank")
    keeper.run().say("two")
    page.goto(keeper.url + "/static/flask-stream.css")  # what the page had to send is there by then
    assert keeper.stopped == []


# EventSource


def begin_by_source(page: Page, keeper: Keeper, attributes: str = "") -> None:
    source = f'<flask-stream src="/chat" transport=eventsource {attributes}></flask-stream>'
    page.goto(keeper.page(source))
    keeper.run().say("one ")
    expect(output(page)).to_have_text("one ")


def test_eventsource_goes_on_by_itself(page: Page, keeper: Keeper) -> None:
    begin_by_source(page, keeper)
    keeper.run().say("two ")
    expect(output(page)).to_have_text("one two ")
    keeper.cut()
    keeper.run().say("three").finish()
    expect_whole(page, keeper, "one two three")
    (followed,) = keeper.followed
    assert (followed.path, followed.headers["Last-Event-ID"]) == ("/chat", "run1.3")


def test_what_eventsource_gives_up_the_client_goes_on_with(page: Page, keeper: Keeper) -> None:
    begin_by_source(page, keeper)
    keeper.refusal = 503
    keeper.cut()
    expect_state(page, "reconnecting")
    until(lambda: len(keeper.followed) > 1, "the client does not try")
    keeper.refusal = None
    keeper.run().say("two").finish()
    expect_whole(page, keeper)
    assert keeper.followed[-1].path == "/_stream/run1"


def test_eventsource_over_a_restart_and_a_reload(page: Page, keeper: Keeper) -> None:
    begin_by_source(page, keeper, "resume")
    keeper.stop()
    expect_state(page, "reconnecting")
    keeper.start()
    expect_state(page, "streaming")
    page.reload()
    expect(output(page)).to_have_text("one ")
    stop_button(page).click()
    expect_state(page, "stopped")
    assert len(keeper.asked) == 1
    assert len(keeper.stopped) == 1
