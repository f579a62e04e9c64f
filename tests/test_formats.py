"""What each format looks like, byte by byte, and the headers it comes with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from flask import Response
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, ServiceUnavailable
from werkzeug.test import TestResponse

from flask_stream import (
    Data,
    Meta,
    ProviderError,
    Reasoning,
    Refusal,
    Source,
    StreamFailed,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from flask_stream.formats import Unterminated
from tests.conftest import Site, said
from tests.provider import PROVIDERS_WORDS, TEXT, WIRES, Provider, told

NATIVE, JSON, PLAIN, HTML = "text/event-stream", "application/json", "text/plain", "text/html"
# What a response of a route may hang on; no response is to be taken for another.
VARY = {"accept", "sec-fetch-site", "origin", "last-event-id"}
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)


def asking(site: Site, accept: str | None) -> TestResponse:
    return site.ask(headers={} if accept is None else {"Accept": accept})


def words(site: Site, *items: Any) -> Site:
    site.view(lambda: list(items) or ["one ", "two"])
    return site


# -- headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mimetype", [NATIVE, PLAIN])
def test_the_headers_of_a_streaming_answer(site: Site, mimetype: str) -> None:
    response = asking(words(site), mimetype)
    assert dict(response.headers) == {
        "Content-Type": f"{mimetype}; charset=utf-8",
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
        "Content-Encoding": "identity",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept, Sec-Fetch-Site, Origin, Last-Event-ID",
    }


@pytest.mark.parametrize("mimetype", [JSON, HTML])
def test_the_headers_of_an_answer_that_is_sent_whole(site: Site, mimetype: str) -> None:
    response = asking(words(site), mimetype)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.vary.as_set() == VARY
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert "X-Accel-Buffering" not in response.headers


def test_the_apps_own_headers_are_kept(site: Site) -> None:
    class Branded(Response):
        default_mimetype = "text/x-branded"

    site.app.response_class = Branded

    @site.app.after_request
    def add(response: Response) -> Response:
        assert isinstance(response, Branded)
        response.headers["X-Mine"] = "1"
        response.vary.add("Cookie")
        return response

    response = asking(words(site), NATIVE)
    assert response.mimetype == NATIVE
    assert response.headers["X-Mine"] == "1"
    assert response.vary.as_set() == {*VARY, "cookie"}


# -- native -----------------------------------------------------------------------------------


def test_the_native_frames_byte_by_byte(site: Site) -> None:
    words(site, "Hé\n", Data("progress", {"of": 2}), "two\u2028")
    body = asking(site, NATIVE).data
    match = re.match(rb"id: ([0-9a-f]{32})\n", body)
    assert match
    id = match[1].decode()
    assert body.decode() == (
        f'id: {id}\nevent: start\ndata: {{"id":"{id}"}}\n\n'
        'event: text\ndata: {"text":"Hé\\n"}\n\n'
        'event: progress\ndata: {"of":2}\n\n'
        'event: text\ndata: {"text":"two\u2028"}\n\n'
        'event: done\ndata: {"stop_reason":"stop","text_length":7}\n\n'
    )


def test_every_run_has_an_id_of_its_own(site: Site) -> None:
    words(site)
    assert len({site.events()[0][1]["id"] for _ in range(20)}) == 20


@pytest.mark.parametrize("way", ["done", "failed", "failed by a callback"])
def test_start_is_first_and_one_terminal_event_last(site: Site, way: str) -> None:
    def view() -> Iterator[str]:
        yield "one"
        if way == "failed":
            raise StreamFailed("No")

    def save(result: Any) -> None:
        if way == "failed by a callback":
            raise ValueError

    site.view(on_finish=save)(view)
    names = [name for name, _ in site.events()]
    assert names == ["start", "text", way.split()[0]]


@pytest.mark.parametrize(
    ("items", "length"),
    [
        (["abc"], 3),
        (["ü"], 1),
        (["🔦"], 2),
        (["👩‍🚀"], 5),
        (["\ud83d", "\udd26", "!"], 3),
        (["a\ud83d", "b"], 3),
        ([Reasoning("Hm"), Refusal("No"), Text("a"), Data("text-like", {"text": "b"})], 1),
        ([Reasoning("Hm")], 0),
    ],
)
def test_text_length_counts_as_javascript_does(site: Site, items: Any, length: int) -> None:
    words(site, *items)
    assert site.events()[-1][1]["text_length"] == length


# -- JSON -------------------------------------------------------------------------------------


def test_the_json_answer_of_a_run(site: Site) -> None:
    words(
        site,
        Meta("mine", "m", "r"),
        Reasoning("Hm."),
        "one ",
        ToolCall("c1", "look", {"at": 1}),
        ToolCall("c2", "look", None, raw='{"at": '),
        ToolCall("s1", "search", {}, server=True),
        ToolResult("s1", ["found"], name="search"),
        Source(url="https://example.org/"),
        Source(url="https://example.org/"),
        Usage(input_tokens=1, output_tokens=2),
        Data("progress", 1),
        "two",
        Refusal("No."),
    )
    response = asking(site, JSON)
    body = response.json
    assert re.fullmatch("[0-9a-f]{32}", body.pop("id"))
    assert body == {
        "outcome": "complete",
        "provider": "mine",
        "model": "m",
        "text": "one two",
        "reasoning": "Hm.",
        "refusal": "No.",
        "tool_calls": [
            {"id": "c1", "name": "look", "arguments": {"at": 1}},
            {"id": "c2", "name": "look", "arguments": None, "raw": '{"at": '},
        ],
        "server_tool_calls": [{"id": "s1", "name": "search", "arguments": {}, "server": True}],
        "tool_results": [{"id": "s1", "result": ["found"], "name": "search"}],
        "sources": [{"url": "https://example.org/"}],
        "stop_reason": "stop",
        "provider_stop_reason": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
        "error": None,
    }


@pytest.mark.parametrize("wire", WIRES)
def test_the_json_answer_of_a_providers_stream(site: Site, provider: Provider, wire: str) -> None:
    provider.play(told(wire))
    site.view(lambda: provider.create(wire))
    body = asking(site, JSON).json
    assert (body["text"], body["outcome"], body["error"]) == (TEXT, "complete", None)
    assert body["usage"]["output_tokens"] == 17


def test_the_json_answer_of_nothing_has_every_key(site: Site) -> None:
    site.view(list)
    body = asking(site, JSON).json
    assert (body["text"], body["tool_calls"], body["usage"]) == ("", [], None)
    assert len(body) == 15


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (ProviderError("timeout"), "timeout", 504),
        (ProviderError("overloaded"), "overloaded", 503),
        (ProviderError("rate_limited"), "rate_limited", 503),
        (ProviderError("shutdown"), "shutdown", 503),
        (ProviderError("internal"), "internal", 500),
        (ProviderError("provider_error"), "provider_error", 502),
        (ProviderError("auth"), "auth", 502),
        (ProviderError("bad_request"), "bad_request", 502),
        (ProviderError("truncated"), "truncated", 502),
        (StreamFailed("No"), "failed", 400),
        (StreamFailed("No", error_code="quota", status=402), "quota", 402),
        (StreamFailed("No", error_code="rate_limited"), "rate_limited", 429),
        (StreamFailed("No", error_code="auth", status=401), "auth", 401),
        (Forbidden("No"), "auth", 403),  # abort(403, "No")
        (NotFound("No"), "bad_request", 404),
        (ServiceUnavailable("No"), "overloaded", 503),
        (HTTPException("No"), "internal", 500),
        (KeyError("No"), "internal", 500),
    ],
    ids=repr,
)
@pytest.mark.parametrize("mimetype", [JSON, HTML])
def test_a_failed_run_has_the_status_of_what_it_failed_by(
    site: Site, error: Exception, code: str, status: int, mimetype: str
) -> None:
    def view() -> Iterator[str]:
        yield "So <far"
        raise error

    site.view(view)
    response = asking(site, mimetype)
    assert response.status_code == status
    if mimetype == JSON:
        assert (response.json["outcome"], response.json["text"]) == ("failed", "So <far")
        assert response.json["error"].keys() == {"code", "message", "retryable"}
        assert response.json["error"]["code"] == code
    else:
        assert "So &lt;far" in response.text


def test_the_words_of_a_failure_are_escaped_on_the_page(site: Site) -> None:
    def view() -> Iterator[str]:
        yield "So far"
        raise StreamFailed("No <more>")

    site.view(view)
    assert "No &lt;more&gt;" in asking(site, HTML).text


# -- text and HTML ----------------------------------------------------------------------------


def test_the_text_answer_is_the_words_as_they_come(site: Site) -> None:
    words(site, Reasoning("Hm."), "one ", Data("progress", 1), "zwö", "", Refusal("No."))
    chunks = [chunk for chunk in asking(site, PLAIN).response if chunk]
    assert chunks == [b"one ", "zwö".encode()]


def test_a_text_answer_that_fails_has_no_end(site: Site) -> None:
    def view() -> Iterator[str]:
        yield "one "
        raise StreamFailed(PROVIDERS_WORDS)

    ended = []
    site.view(on_finish=ended.append)(view)
    body = iter(asking(site, PLAIN).response)
    assert next(body) == b"one "
    with pytest.raises(Unterminated):
        next(body)
    assert [result.outcome for result in ended] == ["failed"]


@pytest.mark.parametrize("first", ["", "\ud83d", None], ids=["nothing", "half a pair", "no item"])
def test_a_text_answer_that_fails_before_its_first_word_has_its_headers(
    site: Site, first: str | None
) -> None:
    """A response without a status may be asked for again, by a proxy or a browser."""

    def view() -> Iterator[str]:
        if first is not None:
            yield first
        raise StreamFailed(PROVIDERS_WORDS)

    site.view(view)
    response = asking(site, PLAIN)
    assert response.status_code == (400 if first is None else 200)
    if first is not None:
        body = iter(response.response)
        assert next(body) == b""  # the server sends the headers with it
        with pytest.raises(Unterminated):
            list(body)


def test_a_text_answer_has_the_words_that_came_in_one_read_with_a_failure(
    site: Site, provider: Provider
) -> None:
    whole = told("openai_chat").split(b"\n\n")
    provider.play(b"\n\n".join(whole[:-3]) + b'\n\ndata: {"error": {"message": "no"}}\n\n')
    site.view(lambda: provider.create("openai_chat"))
    chunks: list[bytes] = []
    with pytest.raises(Unterminated):
        chunks.extend(asking(site, PLAIN).response)
    assert b"".join(chunks).decode() == TEXT


def test_a_form_that_is_sent_without_javascript_gets_a_page(site: Site) -> None:
    words(site, "<script>alert(1)</script>\n", "line & line\n\n", "a new {paragraph}")
    response = asking(site, CHROME)
    assert (response.status_code, response.mimetype) == (200, HTML)
    assert "<script" not in response.text
    paragraphs = re.findall(r"<p>(.*?)</p>", response.text, re.DOTALL)
    assert paragraphs == [
        "&lt;script&gt;alert(1)&lt;/script&gt;<br>\nline &amp; line",
        "a new {paragraph}",
    ]


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_gets_none_and_nothing_is_read(site: Site, status: int) -> None:
    read: list[str] = []

    def view() -> Iterator[str]:
        for word in ("one", "two"):
            read.append(word)
            yield word

    @site.app.after_request
    def bodiless(response: Response) -> Response:
        response.status_code = status
        return response

    site.view(view)
    assert site.ask().data == b""
    assert read == ["one"]  # with which the run opened


def test_what_an_apps_response_class_makes_of_a_body_is_sent(site: Site) -> None:
    class Loud(Response):
        def iter_encoded(self) -> Iterator[bytes]:
            return (data.upper() for data in super().iter_encoded())

    site.app.response_class = Loud
    site.view(lambda: ["word"])
    assert b'"TEXT":"WORD"' in site.ask().data


def test_a_middleware_may_take_the_first_piece_itself(site: Site) -> None:
    site.view(lambda: ["one"])
    inner = site.app.wsgi_app

    def taking(environ: Any, start_response: Any) -> Any:
        body = inner(environ, start_response)
        return chain([next(body)], body)  # type: ignore[call-overload]

    site.app.wsgi_app = taking  # type: ignore[method-assign]
    assert said(site.events()) == "one"
