"""The chat's tool loop, on the wires of both SDKs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_app import tools
from example_app.canned_answers import HAIKU
from example_app.canned_provider import CannedProvider
from example_app.notes import MOST_FOUND, NOTES, best
from example_app.provider import choose
from example_app.tools import MAX_TURNS
from flask_stream import ToolCall, ToolResult
from tests.conftest import events_of
from tests.example.asking import chat, post

QUESTION = "What happens when the connection breaks?"
FOUND = best(NOTES, "silence")
CALL = {
    "index": 0,
    "id": "call_1",
    "type": "function",
    "function": {"name": "search_notes", "arguments": '{"query": "silence"}'},
}


@pytest.fixture(autouse=True)
def _quick_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "SECONDS_A_NOTE", 0)


@pytest.fixture
def client(reader: FlaskClient) -> FlaskClient:
    return reader


def whole_run(client: FlaskClient, question: str) -> Any:
    return post(client, "/chat", question, "application/json").json


def data_of(events: list[tuple[str, Any]], kind: str) -> list[Any]:
    return [data for name, data in events if name == kind]


def test_the_model_thinks_searches_and_answers_with_its_sources(client: FlaskClient) -> None:
    run = whole_run(client, QUESTION)

    assert run["outcome"] == "complete"
    assert run["reasoning"].startswith(f"They ask: “{QUESTION}”")
    queries = [call["arguments"]["query"] for call in run["tool_calls"]]
    assert queries == ["connection dead", "closes the connection"]
    found = [note for query in queries for note in best(NOTES, query)]
    assert [source["title"] for source in run["sources"]] == list(
        dict.fromkeys(note.title for note in found)
    )
    assert all(note.text in run["text"] for note in found)


def test_each_search_says_how_far_it_is_between_its_call_and_its_result(
    client: FlaskClient,
) -> None:
    events = list(events_of(post(client, "/chat", QUESTION).response))

    kinds = [name for name, _ in events]
    assert kinds.index("tool_call") < kinds.index("progress") < kinds.index("tool_result")
    assert data_of(events, "progress")[: len(NOTES)] == [
        {"query": "connection dead", "done": done, "of": len(NOTES)}
        for done in range(1, len(NOTES) + 1)
    ]
    assert kinds[-1] == "done"


def test_a_search_in_vain_fails_and_the_model_tries_other_words(client: FlaskClient) -> None:
    run = whole_run(client, "A search that finds nothing")

    first, second = run["tool_results"]
    assert (first["is_error"], first["result"]) == (True, "Nothing was found.")
    assert "is_error" not in second
    assert run["sources"]


def test_each_turn_is_given_back_to_the_provider_as_it_came(
    canned: CannedProvider, client: FlaskClient
) -> None:
    whole_run(client, QUESTION)

    # The canned provider finds its way by the tool results, which it would not without them.
    asked = [entry for entry in canned.log.entries() if entry["event"] == "request"]
    assert [entry["prompt"] for entry in asked] == [QUESTION, QUESTION]


@pytest.mark.parametrize("trick", ["cut", "error"])
def test_a_run_that_fails_in_its_answer_keeps_what_it_looked_up(
    client: FlaskClient, trick: str
) -> None:
    run = whole_run(client, f"A proxy, and an {trick}")

    assert run["outcome"] == "failed"
    assert len(run["tool_results"]) == 2
    assert run["text"].startswith("I looked it up.")


def test_what_it_looked_up_is_among_the_saved_turns(client: FlaskClient) -> None:
    run = whole_run(client, QUESTION)

    page = client.get(chat(client)).text
    for source in run["sources"]:
        link = f'<a href="{source["url"]}" rel="noopener nofollow"><bdi>{source["title"]}</bdi></a>'
        assert link in page


def test_what_the_notes_have_nothing_about_is_answered_at_once(client: FlaskClient) -> None:
    run = whole_run(client, "A haiku, please")

    assert (run["text"], run.get("tool_calls", [])) == (HAIKU, [])


def test_what_was_looked_up_before_is_looked_up_again(client: FlaskClient) -> None:
    first, second = (whole_run(client, QUESTION) for _ in range(2))

    assert len(first["tool_calls"]) == len(second["tool_calls"]) == 2


def test_a_rate_limit_refuses_the_run_once(canned: CannedProvider, client: FlaskClient) -> None:
    assert post(client, "/chat", "A proxy, and a rate limit").status_code == 503
    canned.retry_after = 0
    assert whole_run(client, "A proxy, and a rate limit")["outcome"] == "complete"


@pytest.mark.parametrize("arguments", [None, [], ["silence"], "silence", 7, {"query": None}])
def test_whatever_the_model_wrote_for_arguments_is_a_search_in_vain(arguments: Any) -> None:
    *_, result = tools.search(ToolCall("call_1", "search_notes", arguments))

    assert isinstance(result, ToolResult)
    assert result.is_error


def test_a_search_gives_the_notes_with_most_of_the_words_first() -> None:
    assert [note.title for note in best(NOTES, "nginx, silence?")] == [
        "proxy_read_timeout, in nginx",
        "proxy_buffering, in nginx",
    ]
    assert len(best(NOTES, "connection")) == MOST_FOUND
    assert best(NOTES, "of an it") == []


# -- Chat Completions -------------------------------------------------------------------


class _Completions(BaseHTTPRequestHandler):
    """A compatible server: it searches `searches` times, then it says "Silence."."""

    searches: int
    asked: list[Any]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        calls = len(self.asked) <= self.searches
        delta = {"tool_calls": [CALL]} if calls else {"content": "Silence."}
        reason = "tool_calls" if calls else "stop"
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": reason}
        chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [choice]}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def completions(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Completions]]:
    """Such a server, in place of the canned provider."""

    class Handler(_Completions):
        searches = 1
        asked: list[Any] = []  # noqa: RUF012

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    app.extensions["example_provider"] = choose({"OPENAI_BASE_URL": url})
    yield Handler
    server.shutdown()
    server.server_close()


def test_the_loop_is_the_same_on_openais_wire(
    client: FlaskClient, completions: type[_Completions]
) -> None:
    run = whole_run(client, QUESTION)

    assert (run["outcome"], run["text"]) == ("complete", "Silence.")
    # There the stream names no sources, so the view does.
    assert run["sources"] == [{"url": note.url, "title": note.title} for note in FOUND]
    first, second = completions.asked
    (offered,) = first["tools"]
    assert (offered["type"], offered["function"]["name"]) == ("function", "search_notes")
    question, call, result = second["messages"]
    assert question == {"role": "user", "content": QUESTION}
    assert call["tool_calls"][0]["function"] == CALL["function"]
    assert (result["role"], result["tool_call_id"]) == ("tool", "call_1")
    assert all(note.text in result["content"] for note in FOUND)


def test_a_model_that_never_stops_searching_is_stopped(
    client: FlaskClient, completions: type[_Completions]
) -> None:
    completions.searches = 99
    run = whole_run(client, QUESTION)

    assert run["error"]["code"] == "no_answer"
    assert len(completions.asked) == MAX_TURNS
