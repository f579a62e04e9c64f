"""What a provider that means harm may say inside a body of server-sent events.

What goes wrong with HTTP around that is in `transport`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from tests.hostile.registry import (
    FORGED,
    FRAMES,
    LINES,
    SECRET,
    URL,
    Said,
    Wait,
    said,
)
from tests.hostile.speech import JSON, SPEECHES, Speech, data, spelled
from tests.provider import frames
from tests.transcripts.reading import block, chunk, start

DEEP = (600, 100_000)  # levels: more than any decoder of ours goes down; more than Python can


# -- many of one thing ------------------------------------------------------------------------


@said("done")
def many_sources_in_one_event(s: Speech, n: int) -> bytes:
    return s.sources(f"https://s/{s.x}{i}" for i in range(n))


@said("done")
def many_citations_one_each(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(n):
        yield s.citation(f"https://s/{s.x}{i}")


@said("done")
def one_citation_again_and_again(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.citation("https://s/")


@said("done")
def many_pieces_of_one_call(s: Speech, n: int) -> Iterator[bytes]:
    yield s.call(1, "t1", "look")
    yield s.arguments(1, '{"a": "')
    for _ in range(n):
        yield s.arguments(1, s.x)
    yield s.arguments(1, '"}') + s.called(1)


@said()
def many_pieces_of_a_call_with_a_long_id(s: Speech, n: int) -> Iterator[bytes]:
    yield s.call(1, s.x * n, "look")
    for _ in range(n):
        yield s.arguments(1, "1")


@said()
def many_pieces_of_a_call_without_index(s: Speech, n: int) -> Iterator[bytes]:
    yield s.call(None, "t1", "look")
    for _ in range(n):
        yield s.arguments(None, s.x)


@said()
def many_pieces_that_repeat_id_and_name(s: Speech, n: int) -> Iterator[bytes]:
    yield s.piece(1, "t1", "look", '{"a": [')
    for _ in range(n):
        yield s.piece(1, "t1", "look", f'"{s.x}", ')


@said()
def many_pieces_with_a_name_and_another_id_each(s: Speech, n: int) -> Iterator[bytes]:
    yield s.piece(1, "t0", "look", '{"a": [')
    for i in range(n):
        yield s.piece(1, f"t{i}", "look", f'"{s.x}", ')


@said()
def many_pieces_with_a_name_and_no_id(s: Speech, n: int) -> Iterator[bytes]:
    yield s.piece(None, None, "look", '{"a": [')
    for _ in range(n):
        yield s.piece(None, None, "look", f'"{s.x}", ')


@said()
def many_pieces_whose_name_is_late(s: Speech, n: int) -> Iterator[bytes]:
    yield s.piece(1, "t1", None, '{"a": [')
    for _ in range(n):
        yield s.piece(1, "t1", None, f'"{s.x}", ')
    for _ in range(n):
        yield s.piece(1, "t1", "l", f'"{s.x}", ')


@said()
def many_pieces_that_each_are_whole(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.call(1, "t1", "look") + s.arguments(1, "{}")


@said("done")
def many_calls(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(1, n):
        yield s.call(i, f"t{i}", "look") + s.arguments(i, "{}") + s.called(i)


@said()
def many_calls_without_index_or_id(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.call(None, None, "look") + s.arguments(None, "{}")


@said()
def many_calls_that_nobody_ends(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(1, n):
        yield s.call(i, f"t{i}", "look") + s.arguments(i, '{"a": [')


@said()
def many_calls_of_one_id(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(1, n):
        yield s.call(i, "t1", "look") + s.arguments(i, "{}") + s.called(i)


@said()
def a_name_in_many_pieces(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.call(1, "t1", s.x)


@said("done")
def many_deltas_of_one_character(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.text(s.x)


@said("done")
def many_deltas_of_nothing(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.text("") + s.text(None)


@said("done")
def many_line_breaks(s: Speech, n: int) -> Iterator[bytes]:
    yield s.text("x")  # before the first word, some are held back
    for _ in range(n):
        yield s.text("\n") + s.text(" ")


@said("done")
def many_thoughts_of_one_character(s: Speech, n: int) -> Iterator[bytes]:
    yield s.reasoning("")
    for _ in range(n):
        yield s.reasoning(s.x, 0)


@said("done")
def many_parts_of_thoughts(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(2, n):
        yield s.reasoning(s.x, i)


@said("done")
def text_and_thoughts_in_turns(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(2, n):
        yield s.text(s.x) + s.reasoning(s.x, i)


@said()
def many_refusals(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.refusal(s.x)


@said("done")
def a_think_tag_that_never_comes(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.text("<")


@said("done")
def a_think_tag_that_never_ends(s: Speech, n: int) -> Iterator[bytes]:
    yield s.text("<think>")
    for _ in range(n):
        yield s.text("</think")


@said()
def many_beginnings(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.head + s.text(s.x)


@said()
def many_names_of_the_model(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(n):
        yield frames(
            start(id=f"m{i}", model=f"m{i}", content=[], usage={}),
            {"type": "response.created", "response": {"id": f"r{i}", "model": f"m{i}"}},
            {**chunk({"content": s.x}), "id": f"c{i}", "model": f"m{i}"},
        )


@said()
def many_ends(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield s.tail


@said("done", bare=True)
def many_things_behind_the_end(s: Speech, n: int) -> Iterator[bytes]:
    yield s.head + s.text("whole") + s.tail
    for i in range(n):
        yield s.text(FORGED) + s.call(i, "t1", FORGED) + s.error(SECRET) + data("[DONE]")


@said()
def many_counts_of_tokens(s: Speech, n: int) -> Iterator[bytes]:
    usage = {"input_tokens": 1, "output_tokens": 2, "prompt_tokens": 1, "completion_tokens": 2}
    told = {"type": "message_delta", "delta": {}, "usage": usage}
    for _ in range(n):
        yield frames(told | {"choices": []} if s.wire == "openai_chat" else told)


@said()
def many_items_in_one_event(s: Speech, n: int) -> bytes:
    said = [{"type": "text", "text": s.x} for _ in range(n)]
    items = [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": s.x}]}
        for _ in range(n)
    ]
    whole = {"id": "r1", "status": "completed", "output": items}
    if s.wire == "anthropic":
        return frames(start(content=said))
    if s.wire == "openai_chat":
        return frames(chunk({"content": said}))
    return frames({"type": "response.completed", "response": whole})


@said()
def many_choices_in_one_event(s: Speech, n: int) -> bytes:
    choices = [{"index": i, "delta": {"content": s.x}} for i in range(n)]
    return frames({**chunk(), "choices": choices})


@said()
def one_item_done_again_and_again(s: Speech, n: int) -> Iterator[bytes]:
    item = {"type": "message", "role": "assistant", "id": "i1"}
    content = [{"type": "output_text", "text": s.x, "annotations": []} for _ in range(20)]
    done = {"type": "response.output_item.done", "output_index": 0}
    for _ in range(n // 20):
        yield frames(done | {"item": {**item, "content": content}})
        yield frames({"type": "content_block_stop", "index": 0})


# -- numbers ----------------------------------------------------------------------------------

DIGITS = "1" * 5_000  # Python converts 4,300 at most
MOST_DIGITS = "9" * 4_300


@said("done")
def five_thousand_digits_in_the_place_of_text(s: Speech, n: int) -> bytes:
    return spelled(s.text("mark"), "mark", DIGITS)


@said()
def five_thousand_digits_in_arguments(s: Speech, n: int) -> bytes:
    return s.whole_call(f'{{"a": {DIGITS}}}')


@said()
def five_thousand_digits_in_the_place_of_arguments(s: Speech, n: int) -> bytes:
    return s.call(1, "t1", "look") + spelled(s.arguments(1, "mark"), "mark", DIGITS)


@said(bare=True)
def five_thousand_digits_in_usage(s: Speech, n: int) -> bytes:
    return s.head + s.text("x") + spelled(s.use(5_551, 2, 0), 5_551, DIGITS)


@said("done", bare=True)
def a_sum_of_usage_of_more_digits_than_python_converts(s: Speech, n: int) -> bytes:
    told = spelled(s.use(5_551, 2, 5_552), 5_551, MOST_DIGITS)
    return s.head + s.text("x") + spelled(told, 5_552, MOST_DIGITS)


@said(bare=True)
def usage_that_is_no_number(s: Speech, n: int) -> bytes:
    told = spelled(s.use(5_551, 5_553, 5_552), 5_551, "NaN")
    told = spelled(spelled(told, 5_552, "-Infinity"), 5_553, "1e400")
    return s.head + s.text("x") + told


@said(bare=True)
def usage_below_nothing_and_in_parts(s: Speech, n: int) -> bytes:
    return s.head + s.text("x") + spelled(s.use(-5, 5_553, 1.5), 5_553, "1e300")


@said()
def nan_and_infinity_everywhere(s: Speech, n: int) -> Iterator[bytes]:
    for word in ("NaN", "Infinity", "-Infinity", "1e400"):
        yield spelled(s.text("mark"), "mark", word)
        yield spelled(s.reasoning("mark"), "mark", word)
        yield spelled(s.citation("mark"), "mark", word)
        yield s.whole_call(f'{{"a": {word}}}')
        yield spelled(s.arguments(1, "mark"), "mark", word)
        yield spelled(s.call(5_551, "t2", "look"), 5_551, word)


@said()
def five_thousand_digits_in_every_other_place(s: Speech, n: int) -> Iterator[bytes]:
    yield spelled(s.call(5_551, "t2", "look"), 5_551, DIGITS)
    yield spelled(s.call(2, "mark", "look"), "mark", DIGITS)
    yield spelled(s.call(2, "t2", "mark"), "mark", DIGITS)
    yield spelled(s.citation("mark"), "mark", DIGITS)
    yield spelled(s.reasoning("mark"), "mark", DIGITS)
    yield spelled(s.refusal("mark"), "mark", DIGITS)
    yield spelled(s.error(SECRET, "mark"), "mark", DIGITS)


@said("provider_error")
def five_thousand_digits_in_an_error(s: Speech, n: int) -> bytes:
    return spelled(s.error(SECRET, "mark"), "mark", DIGITS)


# -- nesting ----------------------------------------------------------------------------------


def nest(levels: int, opening: str = '{"a":', closing: str = "}") -> str:
    return opening * levels + "1" + closing * levels


def _deep(levels: int) -> None:
    """The behaviours that go down so many levels."""

    def deep(*right: str) -> Callable[[Said], Said]:
        def register(say: Said) -> Said:
            say.__name__ += f"_{levels}_levels_deep"
            return said(*right)(say)

        return register

    @deep()
    def text(s: Speech, n: int) -> bytes:
        return spelled(s.text("mark"), "mark", nest(levels)) + s.text("x")

    @deep()
    def a_field_that_nobody_knows(s: Speech, n: int) -> bytes:
        told = frames({"type": "a_new_event", "x": "mark"}, {"choices": [], "x": "mark"})
        return spelled(told, "mark", nest(levels, "[", "]")) + s.text("x")

    @deep()
    def arguments(s: Speech, n: int) -> bytes:
        return s.whole_call(nest(levels))

    @deep()
    def a_citation(s: Speech, n: int) -> bytes:
        return spelled(s.citation("mark"), "mark", nest(levels))

    @deep()
    def a_tool_result(s: Speech, n: int) -> bytes:
        found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": "mark"}
        item = {"type": "mcp_call", "id": "i5", "name": "f", "arguments": "{}", "output": "mark"}
        done = {"type": "response.output_item.done", "output_index": 5, "item": item}
        return spelled(frames(*block(7, found), done), "mark", nest(levels, "[", "]"))

    @deep()
    def an_error(s: Speech, n: int) -> bytes:
        return spelled(s.error("mark"), "mark", nest(levels))

    @deep()
    def usage(s: Speech, n: int) -> bytes:
        return s.text("x") + spelled(s.use(1, 2, 5_552), 5_552, nest(levels))

    @deep()
    def arguments_that_are_cut(s: Speech, n: int) -> bytes:
        return s.whole_call('{"a":' + "[" * levels)


for _levels in DEEP:
    _deep(_levels)


@said()
def arguments_cut_after_900_brackets(s: Speech, n: int) -> bytes:
    return s.whole_call("[" * 900)


@said()
def arguments_cut_after_many_brackets(s: Speech, n: int) -> bytes:
    return s.whole_call('{"a":' + "[" * (n * 2))


@said()
def arguments_cut_after_many_other_brackets(s: Speech, n: int) -> bytes:
    return s.whole_call('{"a":' * (n * 2))


@said()
def arguments_with_a_fault_behind_many_words(s: Speech, n: int) -> Iterator[bytes]:
    yield s.call(1, "t1", "look") + s.arguments(1, "[")
    for _ in range(n):
        yield s.arguments(1, f'{{"a": "{s.x}"}}, {{"b": , ')


@said()
def arguments_of_words_cut_everywhere(s: Speech, n: int) -> bytes:
    return s.whole_call('{"a": [' + '"x", ' * (n * 5) + '"')


# -- characters -------------------------------------------------------------------------------

# Where a value says what an event is: without that, nobody would look at the rest of it.
_KINDS = {"type", "object", "role", "status", "finish_reason", "stop_reason"}


def in_every_field(value: Any, mark: str, key: str = "") -> Any:
    """`value`, with `mark` behind every text in it that may be any."""
    if isinstance(value, dict):
        return {key: in_every_field(inner, mark, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [in_every_field(inner, mark, key) for inner in value]
    return value + mark if isinstance(value, str) and key not in _KINDS else value


CHARACTERS = {
    "halves of surrogates": "\ud800 \udc00\ud800",
    "NUL": "\0",
    "line separators": LINES,
    "bidirectional overrides": "\u202egnp.exe\u2066\u2067",
    "terminal escapes": "\x1b[2J\x1b]0;title\x07\x9b31m\x7f",
    "frames of our wire": FRAMES,
    "markup": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "credentials in a URL": URL,
}
for _name, _characters in CHARACTERS.items():

    def _in_all(s: Speech, n: int, characters: str = _characters) -> Iterator[bytes]:
        for d in s.known():
            yield frames(in_every_field(d, characters))
        yield s.text(characters) + s.whole_call(json.dumps({"a": characters}), characters)

    _in_all.__name__ = f"{_name} in every field"
    said()(_in_all)


@said("done")
def line_separators_as_they_are(s: Speech, n: int) -> bytes:
    return spelled(s.text("mark"), "mark", f'"x\u2028{FORGED}\u2029{FORGED}\x85{FORGED}"')


@said()
def bytes_that_are_no_utf_8(s: Speech, n: int) -> Iterator[bytes]:
    for raw in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x80"):
        yield s.text("mark").replace(b"mark", raw)


@said("done")
def byte_order_marks(s: Speech, n: int) -> bytes:
    return b"\xef\xbb\xbf: no field\n\n" + s.text("\ufeff") + s.text("\ufeff" * n)


# -- fields of another type, names and places -----------------------------------------------

_VALUES: dict[str, Any] = {
    "null": None,
    "a list": [[], None, 1, "x", {"text": "x"}],
    "a dict": {"x": 1, "text": {"y": []}, "error": {}, "type": []},
    "a number": 7,
    "a part of a number": -0.5,
    "true": True,
    "a huge text": "x" * 3_000,
    "an empty text": "",
}


def with_each_field(value: Any, put: Any) -> Iterator[Any]:
    """`value` in as many variants as it has fields: in each, one of them is `put`."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        for changed in (put, *with_each_field(inner, put)):
            whole: Any = dict(value) if isinstance(value, dict) else list(value)
            whole[key] = changed
            yield whole


for _name, _value in _VALUES.items():

    def _wrong(s: Speech, n: int, put: Any = _value) -> Iterator[bytes]:
        for d in s.known():
            ends = d.get("type") in ("message_stop", "response.completed")
            for changed in [] if ends else with_each_field(d, put):
                if not _is_failure(changed):
                    yield frames(changed)

    _wrong.__name__ = f"{_name} in the place of each field"
    said()(_wrong)

    def _wrong_at_the_end(s: Speech, n: int, put: Any = _value) -> Iterator[bytes]:
        yield s.head + s.text("x")
        for at, d in enumerate(s.known()):
            if at % 3 == 0:
                yield frames(*list(with_each_field(d, put))[:5])
        last = s.known()[-1]
        yield frames(*with_each_field(last, put))

    _wrong_at_the_end.__name__ = f"{_name} in the place of each field of the end"
    said(bare=True)(_wrong_at_the_end)


def _is_failure(d: JSON) -> bool:
    """Whether an event says that the answer is over: what comes behind would not be read."""
    reasons = [choice.get("finish_reason") for choice in _dicts(d.get("choices"))]
    return bool(d.get("error")) or any(reasons) or d.get("type") == "message_stop"


def _dicts(value: Any) -> list[JSON]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


@said()
def indexes_that_are_none(s: Speech, n: int) -> Iterator[bytes]:
    for index in (-1, -(10**18), 10**18, 2**63, 1e300, "1", "", {}, [], {"a": 1}, True, None, 0.5):
        yield s.call(index, "t9", "look") + s.arguments(index, "{}") + s.called(index)


@said()
def indexes_whose_hashes_are_alike(s: Speech, n: int) -> Iterator[bytes]:
    for i in range(1, n):  # Python's hash of a number is its rest by this prime
        index = i * (2**61 - 1)
        yield s.call(index, f"t{i}", "look") + s.arguments(index, "{}")


@said()
def ids_and_names_that_are_none(s: Speech, n: int) -> Iterator[bytes]:
    for at, value in enumerate(({}, [], {"a": 1}, 7, None, True, "", "x" * 3_000), start=2):
        yield s.call(at, value, "look") + s.arguments(at, "{}") + s.called(at)
        yield s.call(at + 20, "t8", value) + s.arguments(at + 20, "{}") + s.called(at + 20)


@said()
def the_name_of_a_tool_of_100_kilobytes(s: Speech, n: int) -> bytes:
    return s.whole_call("{}", id="i" * 100_000, name="x" * 100_000)


@said("provider_error", "too_long")
def the_name_of_a_tool_above_the_cap(s: Speech, n: int) -> bytes:
    return s.whole_call("{}", name="x" * 1_000_000)


@said()
def a_model_whose_name_is_no_name(s: Speech, n: int) -> bytes:
    name = f"m outcome=complete error=-{LINES}{URL}" + "x" * 50_000
    return frames(
        start(id=name, model=name, content=[], usage={"input_tokens": 1, "output_tokens": 1}),
        {"type": "response.created", "response": {"id": name, "model": name}},
        {**chunk({"content": "x"}), "id": name, "model": name},
    )


@said(bare=True)
def a_reason_to_stop_that_is_none(s: Speech, n: int) -> bytes:
    word = f"stop{LINES}" + "x" * 50_000
    status = {"status": "incomplete", "incomplete_details": {"reason": word}}
    return (
        s.head
        + s.text("x")
        + frames(
            {"type": "message_delta", "delta": {"stop_reason": word}},
            chunk(finish=word),
            {"type": "response.incomplete", "response": status},
        )
    )


# -- failures that it tells -----------------------------------------------------------------


@said("provider_error")
def an_error_with_secrets(s: Speech, n: int) -> bytes:
    return s.text("x") + s.error(f"{SECRET}{LINES}{URL}")


@said("provider_error")
def an_error_of_200_kilobytes(s: Speech, n: int) -> bytes:
    return s.text("x") + s.error(f"{SECRET}{LINES}" * 1_000)


@said("provider_error")
def an_error_above_the_cap(s: Speech, n: int) -> bytes:
    return s.text("x") + s.error(f"{SECRET}{LINES}" * 10_000)


@said()
def an_error_in_the_place_of_an_event(s: Speech, n: int) -> bytes:
    return b"event: error\n" + data(f"{SECRET}{URL}") + data(f"Bad Gateway: error {SECRET}")


@said()
def an_error_beside_the_events(s: Speech, n: int) -> bytes:
    told = f'{{"error": {{"message": "{SECRET}"}}}}\n'
    return told.encode() * 3 + f"<html>502 {SECRET}\n".encode() + f"error: {SECRET}\n\n".encode()


@said()
def an_event_that_is_no_json(s: Speech, n: int) -> bytes:
    return s.text("x") + data(f'{{"a": "{SECRET}{URL}')


@said()
def a_refusal_with_frames_in_it(s: Speech, n: int) -> bytes:
    return s.refusal(FRAMES + LINES)


# -- server-sent events that are none -------------------------------------------------------


@said("done")
def comments_without_a_blank_line(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(n):
        yield b":\n" * 100


@said("done")
def an_event_of_many_lines_of_data(s: Speech, n: int) -> bytes:
    said = json.loads(s.text("x").partition(b"data: ")[2])
    lines = json.dumps(said, indent=0).splitlines() + [""] * n
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


@said("provider_error")
def lines_of_data_above_the_cap(s: Speech, n: int) -> Iterator[bytes]:
    for _ in range(60):
        yield b"data: x\n" * 1_000
    yield b"\n"


@said("provider_error")
def a_line_above_the_cap(s: Speech, n: int) -> Iterator[bytes]:
    yield b"data: "
    for _ in range(60):
        yield b"x" * 16_384
    yield b"\n\n"


@said("provider_error", "too_long")
def an_event_above_the_cap(s: Speech, n: int) -> bytes:
    return s.text("x" * 300_000)


@said("provider_error", endless=True)
def a_line_without_end(s: Speech, n: int) -> Iterator[bytes]:
    yield s.text("x") + b"data: "
    while True:
        yield b"x" * 16_384


@said("provider_error", endless=True)
def the_name_of_a_field_without_end(s: Speech, n: int) -> Iterator[bytes]:
    yield s.text("x")
    while True:
        yield b"x" * 16_384


@said("provider_error", endless=True)
def an_event_without_end(s: Speech, n: int) -> Iterator[bytes]:
    yield s.text("x")
    while True:
        yield b"data: x\n" * 2_000


@said("provider_error", "timeout", endless=True, silent=True)
def comments_for_ever_without_a_blank_line(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield b":\n" * 4_000
        yield Wait()


@said()
def fields_that_are_nonsense(s: Speech, n: int) -> Iterator[bytes]:
    yield b"retry: -1\nretry: 1" + b"0" * 5_000 + b"\nretry: NaN\nretry\n\n"
    yield b"id: \0\nid: " + b"x" * 50_000 + b"\nid\nid: \xff\n\n"
    yield b"event: " + b"x" * 50_000 + b"\ndata\ndata:\n\n"
    yield b"event\nevent:\nevent: \0\xe2\x80\xa8\ndata: {}\n\n"
    yield b"DATA: {}\n data: {}\ndata : {}\nfoo: bar\n\n"
    yield s.text("x")


@said("done")
def lines_that_end_in_every_way(s: Speech, n: int) -> bytes:
    return (s.text("a").replace(b"\n", b"\r") + s.text("b").replace(b"\n", b"\r\n")) * 50 + (
        b"\n\r\n\r\r\n" * n
    )


@said("done")
def one_byte_at_a_time(s: Speech, n: int) -> Iterator[bytes]:
    for byte in s.text("slowly"):
        yield bytes([byte])


@said()
def events_with_our_own_names(s: Speech, n: int) -> Iterator[bytes]:
    told = {
        "done": {"stop_reason": FORGED, "text_length": 0},
        "failed": {"code": "auth", "message": FORGED, "retryable": False},
        "start": {"id": FORGED},
        "text": {"text": FORGED},
        "message": {"text": FORGED},
        "open": {},
    }
    for name, payload in told.items():
        yield f"event: {name}\n".encode() + data(json.dumps(payload))


@said("done")
def text_that_looks_like_frames(s: Speech, n: int) -> Iterator[bytes]:
    for at in range(len(FRAMES)):
        yield s.text(FRAMES[at : at + 1])
    yield s.text(FRAMES) + s.text("\r\n\r\ndata: x\r\n\r\n: \n\n")


@said()
def json_that_is_no_event(s: Speech, n: int) -> Iterator[bytes]:
    for value in ("1", "null", "true", '"x"', "[]", "[1]", "[{}]", "{}", '"[DONE]"', "[DONE", "-"):
        yield data(value)


@said()
def two_ends_and_one_first(s: Speech, n: int) -> bytes:
    return data("[DONE]") + s.text("x") + data("[DONE]") + data("[DONE]")


@said()
def the_end_of_another_wire(s: Speech, n: int) -> bytes:
    others = [SPEECHES[wire].tail for wire in SPEECHES if wire != s.wire]
    return s.text("x") + b"".join(others)


@said()
def the_words_of_all_wires(s: Speech, n: int) -> bytes:
    return b"".join(other.head + other.text("x") for other in SPEECHES.values())


@said("truncated", "provider_error", bare=True)
def half_an_event_at_the_end(s: Speech, n: int) -> bytes:
    return s.head + s.text("x") + s.text("half")[:-1]


@said(bare=True)
def no_events_at_all(s: Speech, n: int) -> bytes:
    return b""


# -- for ever -------------------------------------------------------------------------------


@said("too_long", endless=True)
def text_without_end(s: Speech, n: int) -> Iterator[bytes]:
    while True:
        yield s.text("x" * 2_000)


@said("too_long", endless=True)
def thoughts_without_end(s: Speech, n: int) -> Iterator[bytes]:
    yield s.reasoning("")
    while True:
        yield s.reasoning("x" * 2_000, 0)


@said("too_long", endless=True)
def arguments_without_end(s: Speech, n: int) -> Iterator[bytes]:
    yield s.call(1, "t1", "look") + s.arguments(1, '{"a": "')
    while True:
        yield s.arguments(1, "x" * 2_000)


@said("too_long", "provider_error", endless=True)
def calls_without_end(s: Speech, n: int) -> Iterator[bytes]:
    for i in count(1):
        yield s.call(i, f"t{i}", "x" * 2_000) + s.arguments(i, "{}") + s.called(i)


@said("too_long", "provider_error", endless=True)
def sources_without_end(s: Speech, n: int) -> Iterator[bytes]:
    for i in count(1):
        yield s.citation(f"https://s/{i}?" + "x" * 2_000)


def silent(say: Said) -> Said:
    """A behaviour that says nothing that a reader would ever see, for ever."""
    return said("timeout", endless=True, silent=True)(say)


@silent
def pings_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield s.ping * 20
        yield Wait()


@silent
def comments_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield b": still here\n\n" * 20
        yield Wait()


@silent
def empty_dicts_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield data("{}") * 20
        yield Wait()


@said("timeout", "provider_error", bare=True, endless=True, silent=True)
def empty_dicts_for_ever_and_nothing_else(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield data("{}") * 20
        yield Wait()


@silent
def what_nobody_knows_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield frames({"type": "response.a_new_event", "delta": "x"}) * 10
        yield frames({"type": "content_block_delta", "index": 77, "delta": {"type": "x"}}) * 10
        yield Wait()


@silent
def empty_deltas_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield s.text("") * 20
        yield Wait()


@silent
def blank_lines_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield b"\n\r\n" * 20
        yield Wait()


@silent
def retry_fields_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    while True:
        yield b"retry: 1\nid: 7\n\n" * 20
        yield Wait()


@silent
def silence_for_ever(s: Speech, n: int) -> Iterator[bytes | Wait]:
    yield s.text("x")
    yield Wait(is_long=True)
