"""Both pages in a real Chromium, served by a real gunicorn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from example_app.canned_answers import HAIKU, LONG_PARTS, WHY_STREAM, answer_to
from example_app.canned_provider import HOLD_AFTER
from tests.example.server import Server
from tests.example.waiting import DEADLINE, wait_for

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[1] / "output" / "example"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}

expect.set_options(timeout=DEADLINE * 1000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("example"))
    yield server
    server.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page of a new visitor, which must neither throw nor do what its policy forbids."""
    with browser.new_context(base_url=server.url) as context:
        page = context.new_page()
        complaints = watched(page)
        yield page
    assert complaints == []


def watched(page: Page) -> list[str]:
    """Gather what the page has to complain about; a refusal by HTTP is part of the play."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            None if "Failed to load resource" in message.text else complaints.append(message.text)
        ),
    )
    return complaints


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_label("Your question").press("Enter")


def element(page: Page) -> Locator:
    return page.locator("flask-stream")


def answer(page: Page) -> Locator:
    return page.locator("[data-turn]").last


def note(page: Page) -> Locator:
    return page.locator(".note").last


def begin_of(question: str) -> str:
    return "".join(answer_to(question).pieces[:HOLD_AFTER])


def test_the_first_words_are_read_while_the_provider_still_writes(
    page: Page, server: Server
) -> None:
    page.goto("/")
    ask(page, "Please hold")

    # The provider goes on only when told to, so what is on the page now was there before.
    wait_for(lambda: "held" in server.log("Please hold"))
    expect(answer(page)).to_have_text(begin_of("Please hold"))
    expect(element(page)).to_have_attribute("data-state", "streaming")
    assert server.log("Please hold")[-1] == "held"

    server.release()
    expect(element(page)).to_have_attribute("data-state", "done")
    expect(answer(page)).to_have_text("".join(answer_to("Please hold").pieces))


def test_an_answer_has_its_time_and_its_tokens_below_and_survives_a_reload(page: Page) -> None:
    page.goto("/")
    ask(page, "A haiku, please")
    tokens = rf"\d+ input tokens · {len(answer_to('A haiku, please').pieces)} output tokens"
    noted = re.compile(rf"^first word after \d+\.\d s · {tokens}$")
    expect(note(page)).to_have_text(noted)

    page.reload()
    expect(page.locator(".question")).to_have_text("A haiku, please")
    assert answer(page).text_content() == HAIKU
    expect(note(page)).to_have_text(noted)


def test_stop_ends_the_answer_and_closes_the_providers_connection(
    page: Page, server: Server
) -> None:
    question = "Hold a long answer"
    page.goto("/")
    ask(page, question)
    wait_for(lambda: "held" in server.log(question))
    expect(answer(page)).to_have_text(begin_of(question))
    page.get_by_role("button", name="Stop").click()

    expect(element(page)).to_have_attribute("data-state", "stopped")
    # The provider is still silent: it is held until its client has left.
    wait_for(lambda: "client left" in server.log(question))
    assert "complete" not in server.log(question)
    expect(answer(page)).to_have_text(begin_of(question))
    expect(note(page)).to_have_text(re.compile("stopped$"))
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()

    wait_for(lambda: page.reload() and note(page).inner_text().endswith("stopped"))
    expect(answer(page)).to_contain_text(begin_of(question))


def test_an_answer_that_is_cut_off_is_shown_so_far_and_says_so(page: Page) -> None:
    page.goto("/")
    ask(page, "cut")

    pieces = answer_to("cut").pieces
    expect(note(page)).to_contain_text("cut off")
    expect(element(page)).to_have_attribute("data-state", "failed")
    assert answer(page).text_content() == "".join(pieces[: len(pieces) // 2])

    page.reload()
    expect(note(page)).to_contain_text("cut off")
    assert answer(page).text_content() == "".join(pieces[: len(pieces) // 2])


def test_a_rate_limit_is_told_and_the_question_can_be_asked_again(page: Page) -> None:
    page.goto("/")
    ask(page, "rate limit")

    expect(note(page)).to_contain_text("limit of requests")
    expect(page.get_by_label("Your question")).to_have_value("rate limit")


def test_an_empty_question_is_refused_in_words(page: Page) -> None:
    page.goto("/")
    ask(page, " ")

    expect(page.get_by_role("status")).to_have_text("Type a question first.")
    expect(page.get_by_role("status")).to_be_visible()
    expect(page.locator(".question")).to_have_count(0)


def test_a_question_may_have_lines_and_a_suggestion_is_one_click(page: Page) -> None:
    page.goto("/")
    field = page.get_by_label("Your question")
    field.fill("A haiku,")
    field.press("Shift+Enter")
    field.press_sequentially("please")
    field.press("Enter")
    expect(page.locator(".question")).to_have_text("A haiku,\nplease", use_inner_text=True)
    expect(element(page)).to_have_attribute("data-state", "done")

    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".question")).to_have_count(0)
    page.get_by_role("button", name="Why stream an answer at all?").click()
    expect(answer(page)).to_have_text(WHY_STREAM)


def test_the_race_shows_the_words_on_one_side_and_two_clocks_on_each(
    page: Page, server: Server
) -> None:
    question = "Hold the race"
    page.goto("/race")
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Start the race").click()

    streamed, waited = page.locator("#streamed"), page.locator("#waited")
    stopped = page.locator("[data-stopped]")
    expect(answer(page)).to_have_text(begin_of(question))
    expect(streamed.locator("[data-clock=first][data-stopped]")).to_have_count(1)
    expect(waited.locator("[data-answer]")).to_have_text("")
    expect(stopped).to_have_count(1)

    server.release_until(lambda: stopped.count() == 4)
    whole = "".join(answer_to(question).pieces)
    expect(answer(page)).to_have_text(whole)
    expect(waited.locator("[data-answer]")).to_have_text(whole)
    expect(page.locator("#verdict")).to_contain_text("earlier")
    for clock in stopped.all():
        assert re.fullmatch(r"\d+\.\d s", clock.inner_text())


def test_a_race_that_fails_says_so_on_both_sides(page: Page) -> None:
    page.goto("/race")
    page.get_by_label("Question").fill("rate limit")
    page.get_by_role("button", name="Start the race").click()

    expect(page.locator("#streamed")).to_contain_text("limit of requests")
    expect(page.locator("#waited")).to_contain_text("limit of requests")
    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
    expect(page.get_by_role("button", name="Start the race")).to_be_focused()


def test_a_race_that_is_cut_off_has_no_winner(page: Page) -> None:
    page.goto("/race")
    page.get_by_label("Question").fill("cut")
    page.get_by_role("button", name="Start the race").click()

    pieces = answer_to("cut").pieces
    expect(page.get_by_role("button", name="Start the race")).to_be_enabled()
    expect(page.locator("[data-answer]")).to_have_text("".join(pieces[: len(pieces) // 2]))
    expect(page.locator("#waited .problem")).to_contain_text("cut off")
    expect(page.locator("#streamed")).to_contain_text("cut off")
    expect(page.locator("#verdict")).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures(browser: Browser, server: Server, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    PICTURES.mkdir(parents=True, exist_ok=True)
    with browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        is_mobile=size == "phone",
        has_touch=size == "phone",
    ) as context:
        page = context.new_page()
        complaints = watched(page)

        def picture(name: str) -> None:
            page.screenshot(path=PICTURES / f"{name}-{size}-{scheme}.png")
            root = page.locator("html")
            assert root.evaluate("root => root.scrollWidth <= root.clientWidth"), "it overflows"

        page.goto("/")
        picture("chat-welcome")
        ask(page, "Why stream an answer, and please hold")
        expect(answer(page)).not_to_be_empty()
        picture("chat-streaming")
        server.release_until(lambda: element(page).get_attribute("data-state") == "done")
        ask(page, "An answer that is cut off")
        expect(note(page)).to_contain_text("cut off")
        picture("chat")

        page.goto("/race")
        picture("race-before")
        page.get_by_role("button", name="Start the race").click()
        expect(page.locator("#verdict")).to_contain_text("earlier")
        picture("race")

        page.goto("/source/chat")
        picture("source")
    assert complaints == []


def test_a_long_answer_is_followed_to_its_end(page: Page) -> None:
    page.goto("/")
    ask(page, "A long answer")

    expect(element(page)).to_have_attribute("data-state", "done")
    assert answer(page).text_content() == "\n\n".join(LONG_PARTS)
    expect(note(page)).to_be_in_viewport()
