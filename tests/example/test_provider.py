"""Which provider is chosen, and what it is asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import SimpleNamespace
from typing import Any

import pytest

from example_app import canned_provider
from example_app.attachments import Attachment
from example_app.canned_answers import HAIKU
from example_app.canned_provider import CannedProvider
from example_app.provider import Claude, Tool, choose
from example_app.tools import SEARCH

ASKED = [{"role": "user", "content": "A haiku, please"}]


@pytest.fixture(autouse=True)
def _straight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize(
    ("environ", "name", "model"),
    [
        ({}, "canned answers", "canned-1"),
        ({"ANTHROPIC_API_KEY": ""}, "canned answers", "canned-1"),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "Anthropic", "claude-haiku-5-5"),
        ({"ANTHROPIC_API_KEY": "k", "ANTHROPIC_MODEL": "mine"}, "Anthropic", "mine"),
        ({"OPENAI_API_KEY": "k"}, "OpenAI", "gpt-5.4-mini"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "OPENAI_MODEL": "own"}, "OpenAI", "own"),
    ],
)
def test_the_keys_in_the_environment_choose(environ: dict[str, str], name: str, model: str) -> None:
    provider = choose(environ)

    assert (provider.name, provider.model) == (name, model)
    assert provider.canned == (name == "canned answers")


def test_anthropic_is_asked_with_the_key_for_a_stream(
    canned: CannedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", canned.url)

    provider: Any = choose({"ANTHROPIC_API_KEY": canned.key})
    with provider.client, provider.ask(ASKED) as stream:
        words = [event.delta.text for event in stream if event.type == "content_block_delta"]

    assert "".join(words) == HAIKU


@pytest.mark.parametrize("tools", [[], [SEARCH]])
def test_claude_is_given_tools_in_its_own_form_and_thinks_with_them(tools: list[Tool]) -> None:
    messages = SimpleNamespace(create=lambda **given: given)
    given = Claude(SimpleNamespace(messages=messages), "mine").ask(ASKED, tools)

    assert (given["model"], given["messages"], given["stream"]) == ("mine", ASKED, True)
    assert given.get("tools", []) == [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": tool.parameters,
        }
        for tool in tools
    ]
    assert ("thinking" in given) == bool(tools)


PICTURE = Attachment("a.png", "image/png", b"ABC")
PAPER = Attachment("a.pdf", "application/pdf", b"ABC")
NOTES = Attachment("a.txt", "text/plain", b"ABC")
BASE64 = {"type": "base64", "data": "QUJD"}
IN_ANTHROPICS = [
    (PICTURE, {"type": "image", "source": {**BASE64, "media_type": "image/png"}}),
    (PAPER, {"type": "document", "source": {**BASE64, "media_type": "application/pdf"}}),
    (
        NOTES,
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "ABC"},
        },
    ),
]
IN_OPENAIS = [
    (PICTURE, {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}),
    (
        PAPER,
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"},
        },
    ),
    (NOTES, {"type": "text", "text": "ABC"}),
]


@pytest.mark.parametrize(
    ("environ", "file", "block"),
    [
        *(({"ANTHROPIC_API_KEY": "k"}, *each) for each in IN_ANTHROPICS),
        *(({"OPENAI_API_KEY": "k"}, *each) for each in IN_OPENAIS),
    ],
)
def test_a_file_goes_behind_its_name_and_before_the_words(
    environ: dict[str, str], file: Attachment, block: dict[str, Any]
) -> None:
    assert choose(environ).question("Read it", [file]) == {
        "role": "user",
        "content": [
            {"type": "text", "text": f"{file.name}:"},
            block,
            {"type": "text", "text": "Read it"},
        ],
    }


def test_without_files_a_question_is_its_words() -> None:
    assert choose({}).question("Why?") == {"role": "user", "content": "Why?"}


class _Completions(BaseHTTPRequestHandler):
    """A compatible server that answers "Hi." and remembers how it was asked."""

    asked: list[Any]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, self.headers["Authorization"], json.loads(body)))
        choice = {"index": 0, "delta": {"role": "assistant", "content": "Hi."}}
        chunk = {"id": "1", "object": "chat.completion.chunk", "choices": [choice]}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def completions() -> Iterator[ThreadingTCPServer]:
    _Completions.asked = []
    server = ThreadingTCPServer(("127.0.0.1", 0), _Completions)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_compatible_server_is_asked_without_a_key_for_a_stream_with_usage(
    completions: ThreadingTCPServer,
) -> None:
    url = f"http://127.0.0.1:{completions.server_address[1]}/v1"

    with choose({"OPENAI_BASE_URL": url, "OPENAI_MODEL": "own"}).ask(ASKED) as stream:
        words = [chunk.choices[0].delta.content for chunk in stream]

    ((path, key, body),) = _Completions.asked
    assert words == ["Hi."]
    assert (path, key) == ("/v1/chat/completions", "Bearer none")
    assert body == {
        "model": "own",
        "messages": ASKED,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_worker_that_finds_the_fixed_port_taken_shares_that_provider(
    canned: CannedProvider,
) -> None:
    environ = {"CANNED_PROVIDER_PORT": str(canned.server_address[1])}
    with pytest.raises(OSError, match="in use"):  # whose key it cannot know
        canned_provider._start(environ)

    environ["CANNED_PROVIDER_KEY"] = canned.key
    assert canned_provider._start(environ) == (canned.url, canned.key)


@pytest.mark.parametrize("environ", [{"ANTHROPIC_API_KEY": "k"}, {"OPENAI_API_KEY": "k"}])
def test_a_silent_provider_has_a_minute_and_a_redirect_is_not_followed(
    canned: CannedProvider, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    asked: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.path)
            self.send_response(307)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingTCPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("ANTHROPIC_BASE_URL", base)
        monkeypatch.setenv("OPENAI_BASE_URL", base)
        provider: Any = choose({**environ, "OPENAI_BASE_URL": base})
        assert provider.client.timeout == 60
        with provider.client, pytest.raises(Exception, match="307"):
            provider.ask(ASKED)
        server.shutdown()
    assert len(asked) == 1
