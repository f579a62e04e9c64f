"""The snippets of docs/sources.md, run as they stand there."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

from flask import Flask, json, request

from flask_stream import FlaskStream, relay, sse
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "sources.md"


def section(title: str) -> str:
    """The text of the page's section with this title."""
    for part in re.split(r"^(?=## )", PAGE.read_text("utf-8"), flags=re.MULTILINE):
        if part.partition("\n")[0].lstrip("# ") == title:
            return part
    raise AssertionError(f"docs/sources.md has no section {title!r}")


def snippets(title: str) -> list[str]:
    """The Python of a section."""
    found = re.findall(r"^```python\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)
    assert found, f"no snippet in a section «{title}»"
    return found


def events_of_snippet(code: str, **names: Any) -> list[tuple[str, Any]]:
    """Run it in an app, with what it takes for granted, and ask the view that it defines."""
    app = Flask("snippet")
    app.secret_key = "for the session"
    given: dict[str, Any] = {
        "app": app,
        "stream": FlaskStream(app),
        "request": request,
        "relay": relay,
        **names,
    }
    known = set(given)
    exec(code, given)
    (rule,) = [
        str(rule)
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith(("flask_stream", "static"))
    ]
    response = app.test_client().post(rule, data={"question": "Hello?"})
    assert response.status_code == 200, response.data
    events = [(event.type, json.loads(event.data)) for event in sse.decode(response.response)]
    for name, made in given.items():  # the snippet's client
        if name not in known and not isinstance(made, type | ModuleType):
            getattr(made, "close", bool)()
    return events
