"""What each transcript must come to: one table, whatever way the stream is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True)
class Expected:
    """The `Result` of one relayed stream; events as their payloads."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: list[JSON] = field(default_factory=list)
    server_tool_calls: list[JSON] = field(default_factory=list)
    tool_results: list[JSON] = field(default_factory=list)
    sources: list[JSON] = field(default_factory=list)
    stop_reason: str | None = None
    provider_stop_reason: str | None = None
    usage: JSON | None = None
    raw_usage: JSON | None = None
    message: Any = None
    error: str | None = None  # its code

    @property
    def outcome(self) -> str:
        return "failed" if self.error else "complete"


LAMP = "The lighthouse at Tern Point has 214 steps.\n\nBring a lamp \U0001f526."
THOUGHTS = "Tides are needed, so ask the table."
LOOK = "Let me look up the tides."
FLIGHT = {"url": "https://terns.example/flight", "title": "Tern flight"}
TIDE = {"harbour": "Tern Point", "days": 2}
TIDE_TEXT = '{"harbour": "Tern Point", "days": 2}'
CUT_TEXT = '{"times": 3, "bell": "gr'


def call(id: str, name: str, arguments: Any, **more: Any) -> JSON:
    return {"id": id, "name": name, "arguments": arguments, **more}


def _assistant(*content: JSON) -> JSON:
    return {"role": "assistant", "content": list(content)}


def _text(text: str, **more: Any) -> JSON:
    return {"type": "text", "text": text, **more}


def _tool_use(id: str, name: str, input: Any, type: str = "tool_use") -> JSON:
    return {"type": type, "id": id, "name": name, "input": input}


_SEARCH_RESULT = {
    "type": "web_search_result",
    "url": "https://terns.example/arctic",
    "title": "Arctic terns",
    "page_age": None,
}

ANTHROPIC = {
    "anthropic_text": Expected(
        text=LAMP,
        stop_reason="stop",
        provider_stop_reason="end_turn",
        usage={
            "input_tokens": 351,
            "output_tokens": 17,
            "cache_read_tokens": 40,
            "cache_write_tokens": 300,
        },
        raw_usage={
            "input_tokens": 11,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 40,
            "output_tokens": 17,
        },
        message=_assistant(_text(LAMP)),
    ),
    "anthropic_thinking_tool": Expected(
        text=LOOK,
        reasoning=THOUGHTS,
        tool_calls=[call("toolu_tern_1", "tide_table", TIDE)],
        stop_reason="tool_calls",
        provider_stop_reason="tool_use",
        usage={"input_tokens": 20, "output_tokens": 61},
        raw_usage={"input_tokens": 20, "output_tokens": 61},
        message=_assistant(
            {"type": "thinking", "thinking": THOUGHTS, "signature": "c2lnbmF0dXJlLW9mLXRlcm4="},
            {"type": "redacted_thinking", "data": "cmVkYWN0ZWQtdGVybg=="},
            _text(LOOK),
            _tool_use("toolu_tern_1", "tide_table", TIDE),
        ),
    ),
    "anthropic_parallel_tools": Expected(
        tool_calls=[
            call("toolu_tern_2", "wind", {"at": "north"}),
            call("toolu_tern_3", "ring_bell", {}),
        ],
        stop_reason="tool_calls",
        provider_stop_reason="tool_use",
        usage={"input_tokens": 33, "output_tokens": 25},
        raw_usage={"input_tokens": 33, "output_tokens": 25},
        message=_assistant(
            _tool_use("toolu_tern_2", "wind", {"at": "north"}),
            _tool_use("toolu_tern_3", "ring_bell", {}),
        ),
    ),
    "anthropic_search": Expected(
        text="Terns fly far.",
        server_tool_calls=[call("srvtoolu_tern_1", "web_search", {"query": "terns"}, server=True)],
        tool_results=[{"id": "srvtoolu_tern_1", "result": [_SEARCH_RESULT]}],
        sources=[
            {"url": "https://terns.example/arctic", "title": "Arctic terns"},
            FLIGHT | {"cited_text": "They fly far."},
        ],
        stop_reason="stop",
        provider_stop_reason="end_turn",
        usage={
            "input_tokens": 150,
            "output_tokens": 44,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
        },
        raw_usage={
            "input_tokens": 150,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 44,
            "server_tool_use": {"web_search_requests": 1},
        },
        message=_assistant(
            _tool_use("srvtoolu_tern_1", "web_search", {"query": "terns"}, "server_tool_use"),
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_tern_1",
                "content": [_SEARCH_RESULT | {"encrypted_content": "ZW5jcnlwdGVk"}],
            },
            _text(
                "Terns fly far.",
                citations=[
                    {
                        "type": "web_search_result_location",
                        "cited_text": "They fly far.",
                        "encrypted_index": "aW5kZXg=",
                        **FLIGHT,
                    }
                ],
            ),
        ),
    ),
    "anthropic_refusal": Expected(
        text="I can tell ",
        refusal="Lamp plans are not given out.",
        stop_reason="refusal",
        provider_stop_reason="refusal",
        usage={"input_tokens": 9, "output_tokens": 5},
        raw_usage={"input_tokens": 9, "output_tokens": 5},
        message=_assistant(_text("I can tell ")),
    ),
    "anthropic_error": Expected(
        text="The lamp ",
        usage={"input_tokens": 8, "output_tokens": 1},
        raw_usage={"input_tokens": 8, "output_tokens": 1},
        message=_assistant(_text("The lamp ")),
        error="overloaded",
    ),
    "anthropic_cut": Expected(
        text="Ringing.",
        tool_calls=[call("toolu_tern_4", "ring_bell", None, raw=CUT_TEXT)],
        usage={"input_tokens": 7, "output_tokens": 1},
        raw_usage={"input_tokens": 7, "output_tokens": 1},
        message=_assistant(_text("Ringing."), _tool_use("toolu_tern_4", "ring_bell", {"times": 3})),
        error="truncated",
    ),
}


def _function(id: str, name: str, arguments: str) -> JSON:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _chat_message(content: str | None, **more: Any) -> JSON:
    return {"role": "assistant", "content": content, **more}


_CITATION = {"start_index": 0, "end_index": 9, **FLIGHT, "content": "They fly far."}
_ANNOTATION = {"type": "url_citation", "url_citation": _CITATION}

CHAT = {
    "chat_text": Expected(
        text=LAMP,
        stop_reason="stop",
        provider_stop_reason="stop",
        usage={
            "input_tokens": 51,
            "output_tokens": 17,
            "cache_read_tokens": 40,
            "reasoning_tokens": 0,
        },
        raw_usage={
            "prompt_tokens": 51,
            "completion_tokens": 17,
            "total_tokens": 68,
            "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        message=_chat_message(LAMP, refusal=None),
    ),
    "chat_reasoning_tool": Expected(
        text=LOOK,
        reasoning=THOUGHTS,
        tool_calls=[call("call_tern_1", "tide_table", TIDE)],
        stop_reason="tool_calls",
        provider_stop_reason="tool_calls",
        usage={"input_tokens": 20, "output_tokens": 61, "reasoning_tokens": 30},
        raw_usage={
            "prompt_tokens": 20,
            "completion_tokens": 61,
            "total_tokens": 81,
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
        message=_chat_message(
            LOOK,
            reasoning_content=THOUGHTS,
            tool_calls=[_function("call_tern_1", "tide_table", TIDE_TEXT)],
        ),
    ),
    "chat_parallel_tools": Expected(
        tool_calls=[
            call("call_tern_2", "wind", {"at": "north"}),
            call("call_tern_3", "ring_bell", {}),
        ],
        stop_reason="tool_calls",
        provider_stop_reason="tool_calls",
        usage={"input_tokens": 33, "output_tokens": 25},
        raw_usage={"prompt_tokens": 33, "completion_tokens": 25, "total_tokens": 58},
        message=_chat_message(
            None,
            tool_calls=[
                _function("call_tern_2", "wind", '{"at":"north"}'),
                _function("call_tern_3", "ring_bell", "{}"),
            ],
        ),
    ),
    "chat_search": Expected(
        text="Terns fly far.",
        sources=[FLIGHT | {"cited_text": "They fly far."}],
        stop_reason="stop",
        provider_stop_reason="stop",
        message=_chat_message(
            "Terns fly far.", refusal=None, annotations=[_ANNOTATION, _ANNOTATION]
        ),
    ),
    "chat_refusal": Expected(
        refusal="Lamp plans are not given out.",
        stop_reason="refusal",
        provider_stop_reason="stop",
        message=_chat_message(None, refusal="Lamp plans are not given out."),
    ),
    "chat_error": Expected(
        text="The lamp ", message=_chat_message("The lamp ", refusal=None), error="rate_limited"
    ),
    "chat_cut": Expected(
        text="Ringing.",
        tool_calls=[call("call_tern_4", "ring_bell", None, raw=CUT_TEXT)],
        message=_chat_message(
            "Ringing.", refusal=None, tool_calls=[_function("call_tern_4", "ring_bell", CUT_TEXT)]
        ),
        error="truncated",
    ),
}


def _usage(input: int, output: int, cached: int = 0, reasoning: int = 0) -> dict[str, JSON]:
    return {
        "usage": {
            "input_tokens": input,
            "output_tokens": output,
            "cache_read_tokens": cached,
            "reasoning_tokens": reasoning,
        },
        "raw_usage": {
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": input + output,
        },
    }


def _item(id: str, text: str, annotations: list[JSON] | None = None, **more: Any) -> JSON:
    part = {"type": "output_text", "text": text, "annotations": annotations or [], "logprobs": []}
    item = {"id": id, "type": "message", "role": "assistant", "status": "completed"}
    return {**item, "content": [part], **more}


def _function_call(id: str, call_id: str, name: str, arguments: str) -> JSON:
    item = {"id": id, "type": "function_call", "status": "completed", "call_id": call_id}
    return {**item, "name": name, "arguments": arguments}


_SEARCH_ACTION = {
    "type": "search",
    "query": "terns",
    "sources": [{"type": "url", "url": "https://terns.example/arctic"}],
}

RESPONSES = {
    "responses_text": Expected(
        text=LAMP,
        stop_reason="stop",
        provider_stop_reason="completed",
        **_usage(51, 17, cached=40),
        message=[_item("msg_tern_10", LAMP)],
    ),
    "responses_reasoning_tool": Expected(
        text=LOOK,
        reasoning=THOUGHTS,
        tool_calls=[call("call_tern_1", "tide_table", TIDE)],
        stop_reason="tool_calls",
        provider_stop_reason="completed",
        **_usage(20, 61, reasoning=30),
        message=[
            {
                "id": "rs_tern_20",
                "type": "reasoning",
                "encrypted_content": "ZW5jcnlwdGVkLXRlcm4=",
                "summary": [{"type": "summary_text", "text": THOUGHTS}],
            },
            _item("msg_tern_21", LOOK),
            _function_call("fc_tern_22", "call_tern_1", "tide_table", TIDE_TEXT),
        ],
    ),
    "responses_parallel_tools": Expected(
        tool_calls=[
            call("call_tern_2", "wind", {"at": "north"}),
            call("call_tern_3", "ring_bell", {}),
        ],
        stop_reason="tool_calls",
        provider_stop_reason="completed",
        **_usage(33, 25),
        message=[
            _function_call("fc_tern_30", "call_tern_2", "wind", '{"at":"north"}'),
            _function_call("fc_tern_31", "call_tern_3", "ring_bell", "{}"),
        ],
    ),
    "responses_search": Expected(
        text="Terns fly far.",
        server_tool_calls=[call("ws_tern_40", "web_search", _SEARCH_ACTION, server=True)],
        sources=[{"url": "https://terns.example/arctic"}, FLIGHT],
        stop_reason="stop",
        provider_stop_reason="completed",
        **_usage(150, 44),
        message=[
            {
                "id": "ws_tern_40",
                "type": "web_search_call",
                "status": "completed",
                "action": _SEARCH_ACTION,
            },
            _item(
                "msg_tern_41",
                "Terns fly far.",
                [{"type": "url_citation", "start_index": 0, "end_index": 9, **FLIGHT}],
            ),
        ],
    ),
    "responses_refusal": Expected(
        refusal="Lamp plans are not given out.",
        stop_reason="refusal",
        provider_stop_reason="completed",
        **_usage(9, 5),
        message=[
            _item("msg_tern_50", "")
            | {"content": [{"type": "refusal", "refusal": "Lamp plans are not given out."}]}
        ],
    ),
    "responses_error": Expected(
        text="The lamp ", provider_stop_reason="failed", error="provider_error"
    ),
    "responses_cut": Expected(
        text="Ringing.",
        tool_calls=[call("call_tern_4", "ring_bell", None, raw=CUT_TEXT)],
        message=[_item("msg_tern_70", "Ringing.")],
        error="truncated",
    ),
    "responses_incomplete": Expected(
        text="The stairs wi",
        stop_reason="length",
        provider_stop_reason="incomplete:max_output_tokens",
        **_usage(6, 4),
        message=[_item("msg_tern_80", "The stairs wi", status="incomplete")],
    ),
}

EXPECTED = ANTHROPIC | CHAT | RESPONSES


def wire_of(name: str) -> str:
    """The wire that a transcript's name begins with, as the client paths know it."""
    start = name.partition("_")[0]
    return start if start == "anthropic" else f"openai_{start}"
