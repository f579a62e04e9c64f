"""Google's client."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from google import genai
from google.genai import types

from flask_stream import Result, Source, SourceError, ToolCall, ToolResult, Usage, relay
from tests.conftest import Site, said
from tests.provider import Provider
from tests.sources.contract import (
    NUMBERED,
    WORDS,
    Contract,
    calls_and_results,
    consumed,
    consumed_async,
    kinds,
    result_of,
)
from tests.sources.scripts import speak
from tests.sources.snippets import events_of_snippet, snippets

SITE = "tests.sources.google.site:app"


def sse(*items: dict[str, Any]) -> list[bytes]:
    return [b"data: " + json.dumps(item).encode() + b"\r\n\r\n" for item in items]


def item(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    candidate.update(more.pop("candidate", {}))
    return {"candidates": [candidate], "modelVersion": "gemini-9", "responseId": "r-1", **more}


_clients: dict[str, genai.Client] = {}  # held: one that nobody has is closed, with its streams


def client_of(base: str, **more: Any) -> genai.Client:
    if base not in _clients:
        _clients[base] = genai.Client(api_key="none", http_options={"base_url": base}, **more)
    return _clients[base]


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    yield
    while _clients:
        _clients.popitem()[1].close()


def ask(base: str, contents: Any = "Hello?", **config: Any) -> Iterator[Any]:
    return client_of(base).models.generate_content_stream(
        model="m", contents=contents, config=types.GenerateContentConfig(**config)
    )


class TestGoogle(Contract):
    provider_name = "google"

    def ask(self, base: str) -> Any:
        return ask(base)

    def ask_async(self, base: str) -> Any:
        return client_of(base).aio.models.generate_content_stream(model="m", contents="Hello?")

    def pieces(self, words: Sequence[str]) -> list[bytes]:
        return sse(*(item({"text": word}) for word in words), item(finish="STOP"))

    def whole(self, words: Sequence[str]) -> Any:
        return item({"text": "".join(words)}, finish="STOP")

    def ask_whole(self, base: str) -> tuple[str, Any]:
        answer = client_of(base).models.generate_content(model="m", contents="Hello?")
        return answer.text or "", answer

    def prompt_of(self, body: Any) -> str:
        return str(body["contents"][0]["parts"][0]["text"])

    def error(self, status: int) -> Any:
        names = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        told = {"code": status, "message": "secret words", "status": names.get(status, "INTERNAL")}
        return {"error": told}


USAGE = {
    "promptTokenCount": 10,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 7,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 24,
}


def test_counts_that_no_page_can_count(provider: Provider, site: Site) -> None:
    usage = {"promptTokenCount": 2**53, "candidatesTokenCount": 2**53 - 1, "thoughtsTokenCount": 1}
    provider.run(speak(sse(item({"text": "Yes."}, finish="STOP", usageMetadata=usage))))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert result.usage == Usage(None, 2**53 - 1, reasoning_tokens=1)


def test_all_that_it_tells(provider: Provider, site: Site) -> None:
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"retrievedContext": {"title": "B", "text": "as B says"}},
        ]
    }
    code = {"executableCode": {"language": "PYTHON", "code": "print(3)"}}
    ran = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "3\n"}}
    provider.run(
        speak(
            sse(
                item({"text": "Let me ", "thought": True}),
                item({"text": "think.", "thought": True}),
                item({"text": "Three"}, usageMetadata={"promptTokenCount": 10}),
                item(code, ran),
                item({"text": " steps."}, candidate={"groundingMetadata": grounding}),
                item(finish="MAX_TOKENS", candidate={"groundingMetadata": grounding})
                | {"usageMetadata": USAGE},
            )
        )
    )
    result, events = result_of(site, lambda: ask(provider.base))
    assert result.reasoning == "Let me think."
    assert result.text == "Three\n\n steps."
    assert result.model == "gemini-9"
    assert result.response_id == "r-1"
    assert (result.stop_reason, result.provider_stop_reason) == ("length", "MAX_TOKENS")
    assert result.usage == Usage(12, 12, cache_read_tokens=4, reasoning_tokens=7)
    assert result.raw_usage is not None
    assert result.raw_usage["total_token_count"] == 24
    assert result.sources == [Source("https://a.example", "A"), Source(None, "B", "as B says")]
    (call,) = [data for kind, data in events if kind == "tool_call"]
    assert call == {
        "id": "1",
        "name": "code_execution",
        "arguments": {"code": "print(3)", "language": "PYTHON"},
        "server": True,
    }
    (given,) = [data for kind, data in events if kind == "tool_result"]
    assert given == {"id": "1", "name": "code_execution", "result": "3\n"}


def test_a_loop_of_two_steps_gives_back_its_turn_as_it_was(provider: Provider, site: Site) -> None:
    signature = base64.b64encode(b"signed").decode()
    call = {"name": "steps_of", "args": {"tower": "old"}, "id": "c-1"}
    provider.run(
        speak(
            sse(
                item({"text": "I shall ", "thought": True}),
                item({"text": "look.", "thought": True}),
                item({"text": "One "}),
                item({"text": "moment"}),
                item({"text": ".", "thoughtSignature": signature}),
                item({"functionCall": call, "thoughtSignature": signature}, finish="STOP"),
            )
        ),
        speak(TestGoogle().pieces(WORDS)),
    )
    results: list[Result] = []

    def view() -> Iterator[Any]:
        contents: list[Any] = [types.UserContent("How many?")]
        while True:
            result = yield from relay(ask(provider.base, contents))
            results.append(result)
            if not result.tool_calls:
                return
            contents.append(result.message)
            for asked in result.tool_calls:
                part = types.Part.from_function_response(name=asked.name, response={"result": 214})
                contents.append(types.UserContent(part))
                yield ToolResult(asked.id, 214)

    site.view(view)
    events = site.events()
    assert results[0].tool_calls == [ToolCall("c-1", "steps_of", {"tower": "old"})]
    assert [result.stop_reason for result in results] == ["tool_calls", "stop"]
    assert said(events) == "One moment.\n\n" + "".join(WORDS)
    turn = provider.requests[1]["contents"][1]
    assert turn == {
        "role": "model",
        "parts": [
            {"text": "I shall look.", "thought": True},
            {"text": "One moment"},
            {"text": ".", "thoughtSignature": signature},
            {"functionCall": call, "thoughtSignature": signature},
        ],
    }


def steps_of(tower: str) -> int:
    """How many steps a tower has."""
    if tower == "none":
        raise ValueError("no such tower")
    return 214


def two_calls(provider: Provider) -> None:
    calls = [{"functionCall": {"name": "steps_of", "args": {"tower": x}}} for x in ("old", "none")]
    provider.run(
        speak(
            sse(
                item({"text": "Wait."}),
                item(*calls, finish="STOP") | {"usageMetadata": {"promptTokenCount": 5}},
            )
        ),
        speak(
            sse(
                item({"text": "214."}, responseId="r-2"),
                item(finish="STOP", responseId="r-2") | {"usageMetadata": USAGE},
            )
        ),
    )


def test_functions_that_the_client_calls_itself(provider: Provider, site: Site) -> None:
    two_calls(provider)
    result, events = result_of(site, lambda: ask(provider.base, tools=[steps_of]))
    assert result.text == "Wait.\n\n214."
    told = [data for kind, data in events if kind == "tool_result"]
    assert told[0] == {"id": "1", "name": "steps_of", "result": 214}
    assert told[1]["is_error"]
    assert "no such tower" in told[1]["result"]
    assert result.usage == Usage(17, 12, cache_read_tokens=4, reasoning_tokens=7)
    assert result.stop_reason == "stop"
    assert result.message.parts[0].text == "214."


def test_a_picture_that_a_function_gives_is_not_told(provider: Provider, site: Site) -> None:
    def picture_of(tower: str) -> dict[str, str]:
        """What a tower looks like."""
        return {"tower": tower, "seen": "data:image/png;base64,AAAA"}

    call = {"functionCall": {"name": "picture_of", "args": {"tower": "old"}}}
    provider.run(
        speak(sse(item(call, finish="STOP"))),
        speak(sse(item({"text": "White."}, finish="STOP", responseId="r-2"))),
    )
    _, events = result_of(site, lambda: ask(provider.base, tools=[picture_of]))
    (told,) = [data["result"] for kind, data in events if kind == "tool_result"]
    assert told == {"tower": "old", "seen": "data:image/png;base64,"}


def test_a_chat_that_calls_functions_keeps_its_own_history(provider: Provider, site: Site) -> None:
    two_calls(provider)
    chat = client_of(provider.base).chats.create(model="m", config={"tools": [steps_of]})
    result, events = result_of(site, lambda: chat.send_message_stream("How many?"))
    assert (result.text, result.stop_reason) == ("Wait.\n\n214.", "stop")
    assert [data["id"] for kind, data in events if kind == "tool_call"] == ["1", "2"]
    assert [content.role for content in chat.get_history()][:4] == [
        "user",
        "model",
        "model",
        "user",
    ]


def test_calls_without_ids_have_numbers_of_their_own_in_all_steps(
    provider: Provider, site: Site
) -> None:
    def asks(tower: str, id: str) -> list[bytes]:
        call = {"functionCall": {"name": "steps_of", "args": {"tower": tower}}}
        return sse(item(call, finish="STOP", responseId=id))

    provider.run(
        speak(asks("old", "r-1")), speak(asks("new", "r-2")), speak(TestGoogle().pieces(WORDS))
    )
    _, events = result_of(site, lambda: ask(provider.base, tools=[steps_of]))
    assert calls_and_results(events) == NUMBERED


@pytest.mark.parametrize(
    "refused",
    [
        {"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r-2"},
        {"candidates": [{"finishReason": "SAFETY", "index": 0}], "responseId": "r-2"},
    ],
)
def test_a_second_step_that_is_refused(provider: Provider, site: Site, refused: Any) -> None:
    two_calls(provider)
    first = provider.scripts[0]
    provider.run(first, speak(sse(refused | {"usageMetadata": {"promptTokenCount": 7}})))
    result, events = result_of(site, lambda: ask(provider.base, tools=[steps_of]))
    assert [data["id"] for kind, data in events if kind == "tool_result"] == ["1", "2"]
    assert result.stop_reason == "refusal"
    assert result.usage == Usage(12, None)
    assert result.message is None


def test_who_says_with_each_item_that_it_stops_goes_on(provider: Provider, site: Site) -> None:
    """As some models do, and gateways that give no ids either."""
    items = [item({"text": word}, finish="STOP", responseId=None) for word in WORDS]
    provider.run(speak(sse(*items)))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert result.text == "".join(WORDS)
    assert [part.text for part in result.message.parts] == ["".join(WORDS)]


def test_parts_with_nothing_in_them_are_not_sent_back(provider: Provider, site: Site) -> None:
    """Google refuses them: the last item's empty text, and kinds that the client does not know."""
    call = {"functionCall": {"name": "steps_of", "args": {}}, "thoughtSignature": "c2ln"}
    parts = [{"hologram": {}}, call, {"text": ""}]
    provider.run(speak(sse(*(item(part) for part in parts), item(finish="STOP"))))
    result, _ = result_of(site, lambda: ask(provider.base))
    (part,) = result.message.parts
    assert part.function_call.name == "steps_of"


def test_an_answer_of_nothing_has_no_turn(provider: Provider, site: Site) -> None:
    provider.run(speak(sse(item({"text": ""}, finish="STOP"))))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert (result.text, result.message) == ("", None)


@pytest.mark.parametrize("way", [lambda stream: stream, lambda stream: relay(stream)])
def test_a_stream_that_was_read_to_its_end(provider: Provider, site: Site, way: Any) -> None:
    """It is no empty answer."""
    site.app.testing = True
    provider.run(speak(TestGoogle().pieces(WORDS)))
    site.view(lambda: way(consumed(ask(provider.base))))
    with pytest.raises(SourceError, match="a stream that is closed"):
        site.events()


def test_an_async_stream_that_was_read_to_its_end(provider: Provider, site: Site) -> None:
    site.app.testing = True
    provider.run(speak(TestGoogle().pieces(WORDS)))
    site.view(lambda: consumed_async(TestGoogle().ask_async(provider.base)))
    with pytest.raises(SourceError, match="a stream that is closed"):
        site.events()


def test_the_stream_of_an_interaction_is_refused(provider: Provider, site: Site) -> None:
    site.app.testing = True
    told = {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "Hm."}}
    provider.run(speak(sse(told)))
    client = client_of(provider.base)
    asked: list[Callable[[], Any]] = [
        lambda: client.interactions.create(model="m", input="Hello?", stream=True),
        lambda: client.aio.interactions.create(model="m", input="Hello?", stream=True),
    ]
    current: list[Callable[[], Any]] = []
    site.view(lambda: current[-1]())
    for each in asked:
        current.append(each)
        with pytest.raises(SourceError, match="generate_content_stream"):
            site.events()


def test_numbers_that_are_none(provider: Provider, site: Site) -> None:
    call = {"functionCall": {"name": "steps_of", "args": {"x": float("inf")}}}
    counts = {"promptTokenCount": -5, "candidatesTokenCount": 2**53 - 1, "thoughtsTokenCount": 2}
    provider.run(speak(sse(item(call, finish="STOP") | {"usageMetadata": counts})))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert result.tool_calls == [ToolCall("1", "steps_of", None, raw='{"x": Infinity}')]
    assert result.usage == Usage(None, 2**53 - 1, reasoning_tokens=2)


def test_arguments_in_pieces(provider: Provider, site: Site) -> None:
    def piece(path: str, goes_on: bool = False, **value: Any) -> dict[str, Any]:
        partial = [{"jsonPath": path, "willContinue": goes_on, **value}]
        return item({"functionCall": {"partialArgs": partial, "willContinue": True}})

    provider.run(
        speak(
            sse(
                item({"functionCall": {"name": "book", "willContinue": True}}),
                piece("$.rooms[0].name", True, stringValue="The "),
                piece("$.rooms[0].name", stringValue="attic"),
                piece("$.nights", numberValue=2),
                piece("$.late", boolValue=True),
                piece("$.rooms[999999999]", stringValue="far"),  # it would fill the memory
                piece(f"$.nights[{'9' * 5000}]", stringValue="far"),
                piece("$.rooms" + "[0]" * 1000, stringValue="deep"),
                item({"functionCall": {}}, finish="STOP"),
            )
        )
    )
    vertex = client_of(provider.base, enterprise=True)
    result, _ = result_of(
        site, lambda: vertex.models.generate_content_stream(model="m", contents="Book.")
    )
    whole = {"rooms": [{"name": "The attic"}], "nights": 2, "late": True}
    assert result.tool_calls == [ToolCall("1", "book", whole)]
    assert result.message.parts[0].function_call.args == whole


@pytest.mark.parametrize(
    ("told", "reason", "word"),
    [
        ({"promptFeedback": {"blockReason": "OTHER"}}, "refusal", "blocked: OTHER"),
        (item({"text": "I "}, finish="SAFETY"), "refusal", "SAFETY"),
        (item({"text": "I "}, finish="NO_IMAGE"), "other", "NO_IMAGE"),
    ],
)
def test_why_it_stopped(provider: Provider, site: Site, told: Any, reason: str, word: str) -> None:
    provider.run(speak(sse(told)))
    result, _ = result_of(site, lambda: ask(provider.base))
    assert (result.stop_reason, result.provider_stop_reason) == (reason, word)


def test_an_error_in_mid_stream(provider: Provider, site: Site) -> None:
    error = {"error": {"code": 503, "message": "secret words", "status": "UNAVAILABLE"}}
    provider.run(speak([*TestGoogle().pieces(WORDS)[:1], *sse(error)]))
    site.view(lambda: ask(provider.base))
    response = site.ask()
    assert kinds(list(site.events()))[-2:] == ["text", "failed"]
    assert b'"overloaded"' in response.data
    assert b"secret" not in response.data


def test_an_item_after_words_of_the_apps_is_told(provider: Provider, site: Site) -> None:
    site.app.testing = True
    provider.run(speak(TestGoogle().pieces(WORDS)))

    def view() -> Iterator[Any]:
        yield "Well: "
        yield from ask(provider.base)

    site.view(view)
    assert site.events()[-1][1]["code"] == "internal"


def test_the_documented_snippets(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "none")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", provider.base)
    (code,) = snippets("Google: google-genai")
    provider.run(speak(TestGoogle().pieces(WORDS)))
    assert said(events_of_snippet(code)) == "".join(WORDS)
