"""Every snippet of the README runs: against providers on loopback, and in a real browser."""

from __future__ import annotations

import inspect
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from playwright.sync_api import Page

from tests.provider import Exchange, Provider, frames

README = (Path(__file__).parent.parent / "README.md").read_text()


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def anthropic_turn(block: dict[str, Any], delta: dict[str, Any], stop_reason: str) -> bytes:
    message = {"id": "msg_1", "role": "assistant", "model": "claude-sonnet-5-5", "content": []}
    return frames(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}},
        {"type": "message_stop"},
    )


def by_wire(exchange: Exchange) -> None:
    """Answer whichever wire is asked; Anthropic's first turn calls a tool when it may."""
    messages = exchange.body.get("messages", [])
    if "tools" in exchange.body and len(messages) == 1:
        body = anthropic_turn(
            {"type": "tool_use", "id": "toolu_weather", "name": "weather", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"city": "Berlin"}'},
            "tool_use",
        )
    elif exchange.path.endswith("/messages"):
        body = anthropic_turn(
            {"type": "text", "text": ""}, {"type": "text_delta", "text": "Because."}, "end_turn"
        )
    elif exchange.path.endswith("/responses"):
        body = frames(
            {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5.4-mini"}},
            {"type": "response.output_text.delta", "output_index": 0, "delta": "Because."},
            {"type": "response.completed", "response": {"output": [], "usage": None}},
        )
    else:
        chunk = {"index": 0, "delta": {"content": "Because."}, "finish_reason": "stop"}
        body = frames({"id": "c1", "model": "llama3.2", "choices": [chunk]}, done=True)
    exchange.start()
    exchange.send(body)
    exchange.end()


@pytest.fixture
def namespace(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """All Python snippets, run from top to bottom as one module, with its page beside it."""
    provider.run(by_wire)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.base)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{provider.base}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    monkeypatch.setenv("LLM_URL", provider.base)
    (tmp_path / "templates").mkdir()
    page = next(html for html in snippets("html") if "templates/index.html" in html)
    (tmp_path / "templates" / "index.html").write_text(page)
    (tmp_path / "templates" / "answer.html").write_text("<h1>{{ text }}</h1>{{ error }}")
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("create table answers (question, text, outcome)")
    monkeypatch.chdir(tmp_path)  # an app of no module has its instance folder there
    names: dict[str, Any] = {"__name__": "readme", "db": db}
    for code in snippets("python"):
        exec(compile(code, "README.md", "exec"), names)
    names["app"].root_path = str(tmp_path)
    names["app"].template_folder = "templates"
    names["app"].config["TESTING"] = True
    yield names
    names["claude"].close()
    names["gpt"].close()
    db.close()


def ask(app: Flask, path: str) -> Any:
    return app.test_client().post(
        path, data={"question": "Why?"}, headers={"Accept": "application/json"}
    )


@pytest.mark.parametrize(
    "path", ["/chat", "/gpt", "/local", "/careful", "/saved", "/lasting", "/on-a-page"]
)
def test_the_readmes_views_answer(namespace: dict[str, Any], path: str) -> None:
    response = ask(namespace["app"], path)
    assert response.status_code == 200
    assert "Because" in response.json["text"]


def test_the_readmes_chat_is_one(namespace: dict[str, Any]) -> None:
    app = namespace["app"]
    (tag,) = (html for html in snippets("html") if "stream_chat" in html)
    with app.test_request_context():
        page = render_template_string(tag)
    assert 'action="/chat"' in page
    assert "flask-stream-chat.js" in page


def test_the_readmes_app_saves_what_was_said(namespace: dict[str, Any]) -> None:
    text = ask(namespace["app"], "/saved").json["text"]
    assert namespace["db"].execute("select * from answers").fetchall() == [
        ("Why?", text, "complete")
    ]


def test_a_form_without_javascript_gets_the_page(namespace: dict[str, Any]) -> None:
    client = namespace["app"].test_client()
    response = client.post("/on-a-page", data={"question": "Why?"}, headers={"Accept": "text/html"})
    assert (response.status_code, response.text) == (200, "<h1>Because.</h1>None")


def overloaded(exchange: Exchange) -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    exchange.start()
    exchange.send(frames({"type": "error", "error": error}))
    exchange.end()


def limited(exchange: Exchange) -> None:
    exchange.answer(400, {"error": {"type": "invalid_request_error", "message": "No"}})


@pytest.mark.parametrize("fails", [overloaded, limited])
def test_a_provider_that_fails_is_replaced_by_the_other(
    namespace: dict[str, Any], provider: Provider, fails: Callable[[Exchange], None]
) -> None:
    provider.run(fails, by_wire)
    text = ask(namespace["app"], "/careful").json["text"]
    assert text == "Claude does not answer, so here is GPT:\n\nBecause."


def test_a_question_that_is_too_long_is_refused(namespace: dict[str, Any]) -> None:
    response = (
        namespace["app"]
        .test_client()
        .post("/careful", data={"question": "?" * 2001}, headers={"Accept": "application/json"})
    )
    assert response.json == {
        "code": "too_long",
        "message": "Please ask something shorter.",
        "retryable": False,
    }


def test_the_readmes_tool_loop_answers(namespace: dict[str, Any], provider: Provider) -> None:
    answer = ask(namespace["app"], "/agent").json
    assert [call["name"] for call in answer["tool_calls"]] == ["weather"]
    assert answer["tool_results"][0]["result"] == "Sunny in Berlin, 21 °C"
    assert "Because" in answer["text"]
    assert provider.requests[1]["messages"][2]["content"][0]["tool_use_id"] == "toolu_weather"


def calling(arguments: str) -> Callable[[Exchange], None]:
    """A model that calls the tool, whatever it is told."""

    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.send(
            anthropic_turn(
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
                {"type": "input_json_delta", "partial_json": arguments},
                "tool_use",
            )
        )
        exchange.end()

    return script


@pytest.mark.parametrize("arguments", ["null", "[]", '["Berlin"]', "7", "no JSON", "{", '{"x": 1}'])
def test_the_readmes_tool_answers_whatever_a_model_calls_it_with(
    namespace: dict[str, Any], provider: Provider, arguments: str
) -> None:
    provider.run(calling(arguments), by_wire)
    answer = ask(namespace["app"], "/agent").json
    assert answer["outcome"] == "complete"
    assert answer["tool_results"][0]["result"].startswith("Which city?")


def test_the_readmes_tool_loop_ends_though_the_model_never_stops_asking(
    namespace: dict[str, Any], provider: Provider
) -> None:
    provider.run(calling('{"city": "Berlin", "unit": "C"}'))
    response = ask(namespace["app"], "/agent")
    assert (response.status_code, response.json["error"]["code"]) == (502, "no_answer")
    assert len(provider.requests) == 8


def test_the_tests_that_the_readme_shows_pass(
    namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = [name for name in namespace if name.startswith("test_")]
    assert len(tests) == 2
    for name in tests:
        test = namespace[name]
        test(monkeypatch) if inspect.signature(test).parameters else test()


def test_every_event_is_in_the_table() -> None:
    from flask_stream.events import RESERVED

    events = README.partition("## The events")[2]
    table = set(re.findall(r"^\| ([`a-z_ /]+) \|", events, re.MULTILINE))
    named = {name for row in table for name in re.findall(r"`(\w+)`", row)}
    assert named | {"step"} == RESERVED  # which this wire does not carry


def test_every_error_code_is_in_the_table() -> None:
    from flask_stream.errors import SAFE_MESSAGES

    row = next(line for line in README.splitlines() if line.startswith("| `failed`"))
    assert all(code in row for code in SAFE_MESSAGES)


def test_each_snippet_is_in_a_language_that_is_tried() -> None:
    assert set(re.findall(r"^```(\w+)$", README, re.MULTILINE)) == {"python", "html", "js"}
    assert len(snippets("js")) == 2


@pytest.mark.browser
def test_the_page_shows_the_words(
    namespace: dict[str, Any], page: Page, serve: Callable[[Flask], str]
) -> None:
    page.goto(serve(namespace["app"]))
    page.get_by_label("Your question").fill("Why?")
    page.get_by_role("button", name="Ask").click()
    page.locator("flask-stream[data-state=done]").wait_for()
    assert "Because" in page.locator("flask-stream [data-stream=output]").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("snippet", snippets("js"), ids=["our client", "EventSource"])
def test_the_javascript_shows_the_words(
    namespace: dict[str, Any], page: Page, serve: Callable[[Flask], str], snippet: str
) -> None:
    app: Flask = namespace["app"]
    base = serve(app)
    page.goto(base)
    with app.test_request_context():
        url = app.jinja_env.from_string("{{ stream_url() }}").render()
    page.evaluate("url => { document.body.dataset.streamUrl = url }", url)
    page.evaluate(f"async () => {{ {snippet} }}")
    page.wait_for_function("document.body.textContent.includes('1 2 3 ')")
