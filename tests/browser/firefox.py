"""Firefox, driven over WebDriver BiDi: the protocol that any Firefox speaks by itself.

Playwright drives only builds of its own, or asks a Firefox for commands that it lacks.
https://www.w3.org/TR/webdriver-bidi/ says what is sent here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.servers.running import DEADLINE, stop, until


class Firefox:
    """A running Firefox, and a session with it."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = count(1)
        self._errors: list[str] = []
        self.do("session.new", capabilities={})
        self.do("session.subscribe", events=["log.entryAdded"])

    def do(self, method: str, **params: Any) -> dict[str, Any]:
        """What a command gives; the events that come before it are kept."""
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(DEADLINE))
            if message["type"] == "event":
                self._log(message["params"])
            elif message["id"] == number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result

    def _log(self, entry: dict[str, Any]) -> None:
        of_eventsource = "establish a connection to the server" in entry["text"]
        if (entry["type"], entry["level"]) == ("javascript", "error") and not of_eventsource:
            self._errors.append(entry["text"])

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A tab of its own, in which no script may fail, and nothing be stopped by its policy."""
        context = self.do("browsingContext.create", type="tab")["context"]
        page = Page(self, context)
        yield page
        assert page.evaluate("window.violations ?? []") == []
        self.do("browsingContext.close", context=context)
        errors, self._errors = self._errors, []
        assert errors == [], errors


class Page:
    """A tab. What it is asked for is JavaScript, since that is what a page is made of."""

    def __init__(self, firefox: Firefox, context: str) -> None:
        self._firefox = firefox
        self._context = context

    def goto(self, url: str) -> None:
        self._do("browsingContext.navigate", url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What an expression comes to, or its promise; it must be JSON."""
        result = self._do(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        value = result["result"].get("value")
        return None if value is None else json.loads(value)

    def click(self, selector: str) -> None:
        """Press the mouse's button over the one element that is found, as a reader does."""
        locator = {"type": "css", "value": selector}
        [node] = self._do("browsingContext.locateNodes", locator=locator)["nodes"]
        over = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": over},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": actions}
        self._do("input.performActions", actions=[mouse])

    def expect(self, expression: str, wanted: Any) -> None:
        """Wait until an expression comes to this."""
        until(
            lambda: self.evaluate(expression) == wanted,
            lambda: f"{expression} is {self.evaluate(expression)!r}, not {wanted!r}",
        )

    def _do(self, method: str, **params: Any) -> dict[str, Any]:
        if "target" not in params and method != "script.evaluate":
            params["context"] = self._context
        return self._firefox.do(method, **params)


@contextmanager
def running_firefox(path: str, profile: Path) -> Iterator[Firefox]:
    """Start Firefox with a profile of its own, until the end of the block."""
    command = [path, "--headless", "--no-remote", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [*command, "--profile", str(profile), "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    told = profile / "WebDriverBiDiServer.json"  # where it listens, as soon as it does
    try:
        until(lambda: told.exists() and told.read_text().endswith("}"), "Firefox did not start")
        server = json.loads(told.read_text())
        url = f"ws://{server['ws_host']}:{server['ws_port']}/session"
        with connect(url, max_size=None, open_timeout=DEADLINE) as connection:
            yield Firefox(connection)
    finally:
        stop(process)
