"""A tool loop is a plain `while`, and gives each provider its own turn back exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_stream import Event, FlaskStream, Result, ToolCall, ToolResult, relay
from flask_stream.sse import decode
from tests.provider import Provider, transcript
from tests.transcripts.expected import EXPECTED, LAMP, LOOK, THOUGHTS, TIDE, wire_of
from tests.transcripts.reading import collect

QUESTION = {"role": "user", "content": "When may I come?"}
HIGH_WATER = "High water is at 14:07."


def run_tool(call: ToolCall) -> ToolResult:
    assert (call.name, call.arguments) == ("tide_table", TIDE)
    return ToolResult(call.id, HIGH_WATER, call.name)


# One conversation for each wire: what is asked, how, and how a tool's answer is put.


def messages_of(wire: str) -> list[Any]:
    return [dict(QUESTION)]


def ask(provider: Provider, wire: str, messages: list[Any], helper: bool) -> Any:
    given: Any = {"model": "m"}
    if wire == "anthropic":
        given |= {"max_tokens": 64, "messages": messages}
        beta = provider.anthropic.beta.messages
        return beta.stream(**given) if helper else beta.create(**given, stream=True)
    if wire == "openai_chat":
        completions = provider.openai.chat.completions
        given |= {"messages": messages}
        return completions.stream(**given) if helper else completions.create(**given, stream=True)
    given |= {"input": messages, "store": False, "include": ["reasoning.encrypted_content"]}
    responses = provider.openai.responses
    return responses.stream(**given) if helper else responses.create(**given, stream=True)


def append_turn(wire: str, messages: list[Any], result: Result) -> None:
    if wire == "openai_responses":
        messages += result.message
    else:
        messages.append(result.message)


def answer_of(wire: str, found: ToolResult) -> Any:
    if wire == "anthropic":
        block = {"type": "tool_result", "tool_use_id": found.id, "content": found.result}
        return {"role": "user", "content": [block]}
    if wire == "openai_chat":
        return {"role": "tool", "tool_call_id": found.id, "content": found.result}
    return {"type": "function_call_output", "call_id": found.id, "output": found.result}


def app_for(provider: Provider, wire: str, helper: bool, finished: list[Result]) -> Flask:
    app = Flask(__name__)
    stream = FlaskStream(app)

    @app.post("/chat")
    @stream.response(on_finish=finished.append)
    def chat() -> Iterator[Event]:
        messages = messages_of(wire)
        while True:
            result = yield from relay(ask(provider, wire, messages, helper))
            if not result.tool_calls:
                return
            append_turn(wire, messages, result)
            for call in result.tool_calls:
                found = run_tool(call)
                yield found
                messages.append(answer_of(wire, found))

    return app


FIRST = {
    "anthropic": "anthropic_thinking_tool",
    "openai_chat": "chat_reasoning_tool",
    "openai_responses": "responses_reasoning_tool",
}
SECOND = {
    "anthropic": "anthropic_text",
    "openai_chat": "chat_text",
    "openai_responses": "responses_text",
}
WAYS = pytest.mark.parametrize("helper", [False, True], ids=["create", "helper"])
WIRES = pytest.mark.parametrize("wire", list(FIRST))


def run(provider: Provider, wire: str, helper: bool) -> tuple[list[tuple[str, Any]], Result]:
    """Both turns, through the SDK and a view: the events that the client got, and the Result."""
    provider.play(transcript(FIRST[wire]), transcript(SECOND[wire]))
    finished: list[Result] = []
    response = app_for(provider, wire, helper, finished).test_client().post("/chat")
    assert response.status_code == 200
    events = [(event.type, json.loads(event.data)) for event in decode([response.data])]
    (result,) = finished
    return events, result


@WAYS
@WIRES
def test_the_second_request_carries_the_first_turn_exactly_and_then_the_results(
    provider: Provider, wire: str, helper: bool
) -> None:
    run(provider, wire, helper)
    _, second = provider.requests
    sent = second["input" if wire == "openai_responses" else "messages"]
    turn = EXPECTED[FIRST[wire]].message
    turns = turn if wire == "openai_responses" else [turn]
    call = EXPECTED[FIRST[wire]].tool_calls[0]
    found = ToolResult(call["id"], HIGH_WATER)
    assert sent == [QUESTION, *turns, answer_of(wire, found)]


@WAYS
@WIRES
def test_a_run_of_two_turns_is_one_stream_with_both_texts(
    provider: Provider, wire: str, helper: bool
) -> None:
    events, result = run(provider, wire, helper)
    kinds = [kind for kind, _ in events]
    assert (kinds[0], kinds[-1]) == ("start", "done")
    assert kinds.count("done") + kinds.count("failed") == 1
    assert "".join(data["text"] for kind, data in events if kind == "text") == f"{LOOK}\n\n{LAMP}"
    assert (result.text, result.reasoning) == (f"{LOOK}\n\n{LAMP}", THOUGHTS)
    found = kinds.index("tool_result")
    assert events[found][1]["result"] == HIGH_WATER
    assert kinds.index("tool_call") < found < len(kinds) - kinds[::-1].index("text")
    assert events[-1][1]["text_length"] == len(f"{LOOK}\n\n{LAMP}".encode("utf-16-le")) // 2
    assert events[-1][1]["stop_reason"] == "stop"


@WAYS
@WIRES
def test_a_run_knows_its_steps_and_their_usage_added_up(
    provider: Provider, wire: str, helper: bool
) -> None:
    events, result = run(provider, wire, helper)
    first, second = EXPECTED[FIRST[wire]], EXPECTED[SECOND[wire]]
    assert [step.text for step in result.steps] == [LOOK, LAMP]
    assert [step.stop_reason for step in result.steps] == ["tool_calls", "stop"]
    assert [step.outcome for step in result.steps] == ["complete", "complete"]
    for step, expected in zip(result.steps, (first, second), strict=True):
        assert step.usage is not None
        assert step.usage.payload() == expected.usage
        assert step.raw_usage == expected.raw_usage
        assert step.message == expected.message
    assert first.usage is not None
    assert second.usage is not None
    total = {
        key: first.usage.get(key, 0) + second.usage.get(key, 0)
        for key in {*first.usage, *second.usage}
    }
    assert result.usage is not None
    assert result.usage.payload() == total
    assert events[-1][1]["usage"] == total
    # Each usage event is the run's total so far.
    assert [data for kind, data in events if kind == "usage"] == [first.usage, total]
    assert result.message == second.message
    assert result.raw_usage == second.raw_usage


@WIRES
def test_parallel_calls_can_all_be_answered(provider: Provider, wire: str) -> None:
    names = {"anthropic": "anthropic", "openai_chat": "chat", "openai_responses": "responses"}
    name = f"{names[wire]}_parallel_tools"
    provider.play(transcript(name), transcript(SECOND[wire]))
    messages = messages_of(wire)
    result = collect(relay(ask(provider, wire, messages, helper=False)))[1]
    append_turn(wire, messages, result)
    answers = [answer_of(wire, ToolResult(call.id, "done")) for call in result.tool_calls]
    collect(relay(ask(provider, wire, [*messages, *answers], helper=False)))
    sent = provider.requests[1]["input" if wire == "openai_responses" else "messages"]
    turn = EXPECTED[name].message
    assert sent == [QUESTION, *(turn if isinstance(turn, list) else [turn]), *answers]


# -- the SDKs' own accumulation ---------------------------------------------------------

# Without those that the SDKs raise on: errors, cuts of OpenAI's, citations of Chat Completions.
ACCUMULATED = sorted(
    set(EXPECTED)
    - {"anthropic_error", "chat_error", "chat_cut", "chat_search", "responses_error"}
    - {"responses_cut", "responses_incomplete"}
)


def accumulated(provider: Provider, wire: str) -> Any:
    with provider.helper(wire) as stream:
        if wire == "anthropic":
            message = stream.get_final_message().to_dict()
            return {"role": message["role"], "content": message["content"]}
        if wire == "openai_chat":
            message = stream.get_final_completion().choices[0].message.to_dict()
            for call in message.get("tool_calls") or []:
                del call["index"]  # of the stream, and no field of a request
            return {key: value for key, value in message.items() if value is not None}
        return [item.to_dict() for item in stream.get_final_response().output]


def without_parsed(value: Any) -> Any:
    """What the SDKs' helpers add of their own, and a provider would refuse."""
    if isinstance(value, dict):
        return {k: without_parsed(v) for k, v in value.items() if not k.startswith("parsed")}
    return [without_parsed(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ACCUMULATED)
def test_the_message_equals_what_the_sdk_accumulates(provider: Provider, name: str) -> None:
    wire = wire_of(name)
    provider.play(transcript(name))
    expected = without_parsed(accumulated(provider, wire))
    for stream in (provider.create(wire), provider.helper(wire)):
        message = collect(relay(stream))[1].message
        if wire == "openai_chat":  # there the SDK also names the fields that nobody sent
            message = {key: value for key, value in message.items() if value is not None}
        assert message == expected
