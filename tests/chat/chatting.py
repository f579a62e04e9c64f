"""What a reader does in a chat, and what is to be seen in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.browser.on_page import expect_state
from tests.resume.serving import Server
from tests.servers.running import until

# A refusal, or a network that is gone, is in the browser's console, too.
EXPECTED = "Failed to load resource: "


class Chat:
    """A page with one chat."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._wrong: list[str] = []
        page.on("pageerror", lambda error: self._wrong.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            self._wrong.append(message.text)

    def check(self) -> None:
        """Nothing has failed, and the page's policy has forbidden nothing."""
        assert not self._wrong, self._wrong
        if self.page.url.startswith("http"):
            assert self.page.evaluate("window.violations ?? []") == []

    def second_tab(self, **looks: Any) -> Chat:
        """The same page once more, for the same reader."""
        return Chat(self.page.context.new_page()).open(**looks)

    def failures(self) -> list[str]:
        """What has failed so far, as the test expects."""
        failures, self._wrong = self._wrong, []
        return failures

    # -- what he does --

    def open(self, **looks: Any) -> Chat:
        self.page.goto(f"/?{urlencode(looks, doseq=True)}")
        expect(self.field).to_be_visible()
        return self

    def ask(self, question: str) -> Chat:
        """Type it, and press Enter."""
        self.field.fill(question)
        self.field.press("Enter")
        return self

    def ask_to_the_end(self, question: str) -> Chat:
        return self.ask(question).expect_state("done")

    def let_go(self, question: str) -> None:
        self.page.request.post("/go", data={"question": question})

    def save(self, *turns: dict[str, Any]) -> Chat:
        """Have these turns in the conversation before the page is opened."""
        self.page.goto("/")  # a session
        self.page.request.post("/save", data=list(turns))
        return self

    def dress(self, css: str) -> Chat:
        """In a style sheet of the page's own. (Its policy lets none be inline.)"""
        self.page.evaluate(
            """css => {
                const sheet = new CSSStyleSheet();
                sheet.replaceSync(css);
                document.adoptedStyleSheets.push(sheet);
            }""",
            css,
        )
        return self

    # -- what is there --

    @property
    def element(self) -> Locator:
        return self.page.locator("flask-stream")

    @property
    def output(self) -> Locator:
        return self.page.locator("[data-stream=output]")

    @property
    def composer(self) -> Locator:
        return self.page.locator("[data-chat=composer]")

    @property
    def field(self) -> Locator:
        return self.composer.locator("textarea")

    @property
    def hint(self) -> Locator:
        return self.page.locator("[data-chat=hint]")

    @property
    def status(self) -> Locator:
        return self.page.locator("[data-stream=status]")

    @property
    def questions(self) -> Locator:
        return self.output.locator("> [data-turn=user] > [data-part=text]")

    @property
    def answers(self) -> Locator:
        return self.output.locator("> [data-turn='']")

    def button(self, name: str) -> Locator:
        """The last one of that name."""
        return self.page.get_by_role("button", name=name, exact=True).last

    def said(self) -> list[str]:
        """All turns, as they are read."""
        turns: list[str] = self.output.evaluate(
            """output => [...output.children].map((turn) =>
                [...turn.querySelectorAll(":scope > [data-part=text]")]
                    .map((part) => part.textContent.trim()).join("|"))"""
        )
        return turns

    def seen(self) -> Any:
        """What has reached the server."""
        return self.page.request.get("/seen").json()

    def asked(self, question: str) -> list[dict[str, Any]]:
        return [each for each in self.seen()["asked"] if each["question"] == question]

    # -- what is waited for --

    def expect(self, expression: str, argument: Any = None) -> Chat:
        """In JavaScript. A strict policy may stop what playwright itself waits for in a page.

        And it describes an element that is not yet as it should be, with all that is in it; or the
        whole page, where there is no such element. For 500 turns that takes ten seconds.
        """
        until(lambda: self.page.evaluate(expression, argument), expression)
        return self

    def expect_answers(self, number: int) -> Chat:
        """So many are done by now, since the page was loaded."""
        done = "number => heard.filter(({ type }) => type === 'stream:done').length === number"
        return self.expect(done, number)

    def expect_state(self, state: str) -> Chat:
        expect_state(self.page, state)
        return self

    def expect_said(self, *turns: str) -> Chat:
        """So many turns, with these words: the last of them may still be on its way."""
        until(lambda: self.said() == list(turns), lambda: f"{self.said()}, not {list(turns)}")
        return self


@contextmanager
def chatting(browser: Browser, server: Server) -> Iterator[Chat]:
    """The chat of a new reader, which is looked at once more at its end."""
    with browser.new_context(base_url=server.url) as context:
        chat = Chat(context.new_page())
        yield chat
        chat.check()
