"""What a person waits for: from a click, and from the provider's first word, to its paint."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.servers.nginx import nginx

from .contenders import PATHS, Contender, Server, serving
from .pace import Pace
from .processes import running
from .wires import ANTHROPIC, CHAT

DIRECT, BEHIND_NGINX = "direct", "behind nginx"
FIRST, SECOND = "first chat", "second chat"
WIRES = (CHAT, ANTHROPIC)
ROUND_TRIP = 40  # milliseconds
# A model thinks first: words that come with the head of the response are painted with it.
ANSWER = Pace(6, 30, first=0.2)
POLLING = 50  # milliseconds: by default each frame is asked, and so one is made

# Of each case, by contender: milliseconds, one for each time that it was tried.
Waits = dict[str, dict[str, list[float]]]


@contextmanager
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "The page needs Chromium: «make bench» gets it, or set CHROMIUM to its path."
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


class Tab:
    """A tab in which chats are begun by a click."""

    def __init__(self, page: Page, client: CDPSession) -> None:
        self._page = page
        self._client = client
        client.send("Performance.enable")

    def open(self, port: int, wire: str) -> None:
        url = f"http://127.0.0.1:{port}/page?path={PATHS[wire]}&model={ANSWER}"
        self._page.goto(url)  # until all is loaded, modules too

    def chat(self) -> tuple[float, float]:
        """Milliseconds from the click to the first word's paint, and from its sending to that."""
        self._page.click("button")
        painted = self._page.wait_for_function(
            "painted.at && painted", polling=POLLING
        ).json_value()
        # On Linux, Chromium's clock is CLOCK_MONOTONIC; a page's own begins with the page.
        metrics = self._client.send("Performance.getMetrics")["metrics"]
        [begun] = [each["value"] for each in metrics if each["name"] == "NavigationStart"]
        at = begun * 1000 + painted["at"]
        return painted["at"] - painted["clicked"], at - painted["sent"] / 1000

    def wait_for_the_end(self) -> None:
        script = f"document.body.textContent.match(/~/g)?.length === {ANSWER.words}"
        self._page.wait_for_function(script, polling=POLLING)
        self._page.wait_for_timeout(300)  # for the provider's connection to be free again


@contextmanager
def tab(browser: Browser) -> Iterator[Tab]:
    with browser.new_context() as context:
        page = context.new_page()
        yield Tab(page, context.new_cdp_session(page))


def first_words(
    browser: Browser, contenders: Sequence[Contender], port: int, folder: Path, times: int
) -> Waits:
    """From the provider's first word to its paint, in turns, direct and behind nginx.

    :param port: the provider's.
    """
    waits: Waits = {}
    with ExitStack() as stack:
        ports: dict[str, dict[str, int]] = {DIRECT: {}, BEHIND_NGINX: {}}
        for contender in contenders:
            server = stack.enter_context(serving(contender, f"http://127.0.0.1:{port}", folder))
            proxied = nginx(server.folder, f"proxy_pass http://127.0.0.1:{server.port};")
            ports[DIRECT][contender.name] = server.port
            ports[BEHIND_NGINX][contender.name] = stack.enter_context(proxied)
        tabs = {each.name: stack.enter_context(tab(browser)) for each in contenders}
        for number in range(-1, times):  # the first one is not counted: all is loaded then
            for wire in WIRES:
                for place, of in ports.items():
                    for name, page in tabs.items():
                        page.open(of[name], wire)
                        _, wait = page.chat()
                        page.wait_for_the_end()
                        if number >= 0:
                            case = waits.setdefault(f"{wire}, {place}", {})
                            case.setdefault(name, []).append(wait)
    return waits


def chats(
    browser: Browser, contenders: Sequence[Contender], port: int, folder: Path, times: int
) -> Waits:
    """From the click to the first word's paint, first and second chat, with a far provider."""
    waits: Waits = {FIRST: {}, SECOND: {}}
    with ExitStack() as stack:
        link, address, trusted = stack.enter_context(far_provider(port, folder))
        servers: dict[str, Server] = {}
        for each in contenders:
            environment = {**each.environment, "SSL_CERT_FILE": str(trusted)}
            trusting = Contender(f"{each.name}, TLS", each.command, "", environment=environment)
            servers[each.name] = stack.enter_context(serving(trusting, address, folder))
        tabs = {each.name: stack.enter_context(tab(browser)) for each in contenders}
        for number in range(-1, times):
            for name, page in tabs.items():
                os.kill(link, signal.SIGUSR1)  # no connection is left of what was before
                page.open(servers[name].port, CHAT)
                for chat in (FIRST, SECOND):
                    wait, _ = page.chat()
                    page.wait_for_the_end()
                    if number >= 0:
                        waits[chat].setdefault(name, []).append(wait)
    return waits


@contextmanager
def far_provider(port: int, folder: Path) -> Iterator[tuple[int, str, Path]]:
    """The link's process, the provider's address behind it, and whom to trust."""
    authority = trustme.CA()
    certificate, trusted = folder / "certificate.pem", folder / "trusted.pem"
    authority.cert_pem.write_to_path(trusted)
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    command = [sys.executable, "-m", "bench.server.slow_link", "{fd}", f"{port}"]
    command += [f"{certificate}", f"{ROUND_TRIP}"]
    with running(command, folder / "link") as (pid, link):
        yield pid, f"https://localhost:{link}", trusted
