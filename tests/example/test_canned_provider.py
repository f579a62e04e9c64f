"""The canned provider, asked through the real SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest

from example_app.canned_answers import HAIKU, LET_THROUGH, LONG_PARTS, answer_to
from example_app.canned_log import Log
from example_app.canned_provider import HOLD_AFTER, SLOW_START_DELAYS, CannedProvider
from example_app.canned_wire import pieces
from tests.example.said import first_half, whole
from tests.example.waiting import wait_for


@pytest.fixture
def claude(canned: CannedProvider) -> Iterator[anthropic.Anthropic]:
    http_client = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(
        base_url=canned.url, api_key=canned.key, max_retries=0, http_client=http_client
    ) as claude:
        yield claude


def ask(claude: anthropic.Anthropic, prompt: str) -> Any:
    return claude.messages.create(
        model="canned-1",
        max_tokens=1024,
        stream=True,
        messages=[{"role": "user", "content": prompt}],
    )


def text_of(events: Any) -> str:
    return "".join(
        event.delta.text
        for event in events
        if event.type == "content_block_delta" and event.delta.type == "text_delta"
    )


def happenings(canned: CannedProvider) -> list[str]:
    return [entry["event"] for entry in canned.log.entries()]


def test_an_answer_has_the_events_of_the_messages_wire_in_their_order(
    claude: anthropic.Anthropic,
) -> None:
    with ask(claude, "A haiku, please") as stream:
        events = list(stream)

    types = [event.type for event in events]
    assert types[:2] == ["message_start", "content_block_start"]  # the SDK keeps pings to itself
    assert set(types[2:-3]) == {"content_block_delta"}
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert text_of(events) == HAIKU
    assert events[0].message.model == "canned-1"
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens == len(pieces(HAIKU))


def test_the_sdks_own_accumulation_gives_the_same_message(claude: anthropic.Anthropic) -> None:
    messages: list[Any] = [{"role": "user", "content": [{"type": "text", "text": "a haiku"}]}]
    with claude.messages.stream(model="canned-1", max_tokens=64, messages=messages) as stream:
        message = stream.get_final_message()

    assert [block.text for block in message.content if block.type == "text"] == [HAIKU]
    assert message.usage.input_tokens > 0


def test_a_long_answer_is_sent_whole(claude: anthropic.Anthropic) -> None:
    with ask(claude, "Tell me a long story") as stream:
        assert text_of(stream) == "\n\n".join(LONG_PARTS)


def test_an_unknown_question_is_answered_by_what_this_is() -> None:
    said = whole("What is the tallest mountain?")

    assert said.startswith("You asked: “What is the tallest mountain?”")
    assert "ANTHROPIC_API_KEY" in said


@pytest.mark.parametrize("prompt", ["the household", "a shortcut", "terrors"])
def test_a_trick_is_played_only_for_its_whole_word(prompt: str) -> None:
    assert answer_to(prompt).trick == "none"


def test_cut_drops_the_connection_in_mid_answer(
    canned: CannedProvider, claude: anthropic.Anthropic
) -> None:
    seen = []
    with (
        pytest.raises(Exception, match="incomplete chunked read"),
        ask(claude, "cut") as stream,
    ):
        seen.extend(stream)

    assert text_of(seen) == first_half("cut")
    assert happenings(canned)[-1] == "cut"


def test_error_sends_an_overloaded_error_in_mid_answer(claude: anthropic.Anthropic) -> None:
    seen = []
    with pytest.raises(anthropic.APIStatusError) as caught, ask(claude, "error") as stream:
        seen.extend(stream)

    assert text_of(seen)
    assert caught.value.type == "overloaded_error"


def test_a_rate_limit_refuses_until_its_time_is_over_and_then_again(
    canned: CannedProvider, claude: anthropic.Anthropic
) -> None:
    canned.retry_after = 60
    for _ in range(2):
        with pytest.raises(anthropic.RateLimitError) as caught:
            ask(claude, "rate limit")
        assert caught.value.response.headers["retry-after"] == "60"

    canned.retry_after = 0
    with ask(claude, "rate limit") as stream:
        assert text_of(stream) == LET_THROUGH
    canned.retry_after = 60
    with pytest.raises(anthropic.RateLimitError):
        ask(claude, "rate limit")


def test_a_slow_start_keeps_the_first_word_waiting(
    canned: CannedProvider, claude: anthropic.Anthropic
) -> None:
    with ask(claude, "slow") as stream:
        assert text_of(stream).startswith("That was a slow start")

    asked, first_word = (
        next(entry["at"] for entry in canned.log.entries() if entry["event"] == event)
        for event in ("request", "piece")
    )
    assert first_word - asked >= canned.delay * SLOW_START_DELAYS


def test_a_request_without_stream_is_told_what_to_pass(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="stream=True"):
        claude.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "hello"}]
        )


def test_hold_stops_after_the_first_words_until_it_is_released(
    canned: CannedProvider, claude: anthropic.Anthropic
) -> None:
    with ask(claude, "hold") as stream:
        begun = list(islice(stream, HOLD_AFTER + 2))
        wait_for(lambda: "held" in happenings(canned))
        assert happenings(canned).count("piece") == HOLD_AFTER
        canned.release()
        rest = list(stream)

    assert text_of(begun + rest) == whole("hold")
    wait_for(lambda: happenings(canned)[-1] == "complete")


def test_a_client_that_leaves_is_noticed_though_nothing_is_sent(
    canned: CannedProvider, claude: anthropic.Anthropic
) -> None:
    stream = ask(claude, "hold")
    list(islice(stream, HOLD_AFTER + 2))
    wait_for(lambda: "held" in happenings(canned))
    stream.close()

    wait_for(lambda: happenings(canned)[-1] == "client left")
    assert happenings(canned).count("piece") == HOLD_AFTER


def test_the_log_is_served_and_kept_in_a_file(
    canned: CannedProvider, claude: anthropic.Anthropic, tmp_path: Path
) -> None:
    with ask(claude, "a haiku") as stream:
        list(stream)
    wait_for(lambda: happenings(canned)[-1] == "complete")

    served = claude.get("/__log", cast_to=object)
    written = [json.loads(line) for line in (tmp_path / "canned.jsonl").read_text().splitlines()]
    assert served == written == canned.log.entries()
    assert written[0]["prompt"] == "a haiku"
    assert (tmp_path / "canned.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_log_that_was_there_before_is_its_users_alone_too(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("before\n")
    path.chmod(0o644)
    Log(str(path)).record(1, "asked")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("before\n")


@pytest.mark.parametrize("key", [None, "", "canned", "ké"])
@pytest.mark.parametrize("path", ["/__log", "/__release", "/v1/messages", "/nothing"])
def test_nobody_without_its_key_learns_or_does_anything(
    canned: CannedProvider, path: str, key: str | None
) -> None:
    headers = {} if key is None else {"x-api-key": key.encode()}
    method = "GET" if path == "/__log" else "POST"
    response = httpx.request(method, canned.url + path, headers=headers, trust_env=False)
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert (canned.releases, canned.log.entries()) == (0, [])


@pytest.mark.parametrize(
    ("prompt", "begins"),
    [
        ("Warum eine Antwort überhaupt streamen?", "Weil sich Warten"),
        ("Eine lange Antwort in Markdown", "## Markdown, während"),
        ("Ein Fehler auf halbem Weg", "Weil sich Warten"),
        ("Erzähl mir das", "Gefragt war: „Erzähl mir das“"),
        ("لماذا نبث الإجابة أصلًا؟", "لأن الانتظار"),
        ("هايكو عن الانتظار", "مؤشر"),
        ("حدثني", "سألتَ: «حدثني»"),
    ],
)
def test_who_asks_in_german_or_arabic_is_answered_so(prompt: str, begins: str) -> None:
    assert answer_to(prompt).text.startswith(begins)


def test_it_says_which_files_came_with_the_last_words(claude: anthropic.Anthropic) -> None:
    def source(kind: str, data: str) -> Any:
        return {"type": kind, "media_type": "text/plain", "data": data}

    messages: Any = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "before.txt:"},
                {"type": "document", "source": source("text", "before")},
                {"type": "text", "text": "Read it"},
            ],
        },
        {"role": "assistant", "content": "Read."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a.txt:"},
                {"type": "document", "source": source("text", "é")},
                {"type": "text", "text": "b.txt:"},
                {"type": "document", "source": source("base64", "QUJD")},
                {"type": "text", "text": "And these"},
            ],
        },
    ]
    with claude.messages.create(model="m", max_tokens=1, stream=True, messages=messages) as stream:
        text = text_of(stream)

    assert "- **a.txt**, 2 B\n- **b.txt**, 3 B\n" in text
    assert "before" not in text
