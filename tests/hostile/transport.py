"""What a provider that means harm may do with HTTP: its status, its headers, the body's framing."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.registry import (
    FORGED,
    HEAD,
    LINES,
    SECRET,
    URL,
    Behaviour,
    Wait,
    add,
)
from tests.hostile.speech import Speech
from tests.provider import PATHS

# Another host, which answers as it should; the provider puts its own port in.
ELSEWHERE = "http://localhost:{port}/elsewhere"

Sent = Callable[[Speech], "Iterator[bytes | Wait] | bytes"]


def sent(*right: str, **more: Any) -> Callable[[Sent], Sent]:
    """A behaviour that sends these bytes, HTTP's head among them."""

    def register(send: Sent) -> Sent:
        def make(speech: Speech, n: int) -> Iterator[bytes | Wait]:
            told = send(speech)
            yield from [told] if isinstance(told, bytes) else told

        add(Behaviour(name=send.__name__.replace("_", " "), make=make, right=right, **more))
        return send

    return register


def whole(s: Speech) -> bytes:
    """An answer as it should be."""
    return s.head + s.text("whole") + s.tail


def error(status: int, body: bytes = b"", *headers: str, reason: str = "No") -> bytes:
    """An error that has all of its body."""
    told = [f"HTTP/1.1 {status} {reason}", "Content-Type: application/json", "Connection: close"]
    head = "\r\n".join([*told, f"Content-Length: {len(body)}", *headers, "", ""])
    return head.encode("utf-8", "surrogateescape") + body


def message(text: str) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": "server_error", "message": text}}
    ).encode()


# -- what is packed ---------------------------------------------------------------------------


def _packed(s: Speech, body: bytes, encoding: str = "gzip") -> bytes:
    return HEAD + f"Content-Encoding: {encoding}\r\n\r\n".encode() + body


def _zeros(megabytes: int) -> bytes:
    """As gzip: a kilobyte for each megabyte."""
    return gzip.compress(b"x" * (megabytes * 1_000_000), 9)


@sent("provider_error")
def a_gzip_bomb(s: Speech) -> bytes:
    body = s.head + s.text("x") + b"data: " + b"x" * 4_000_000 + b"\n\n" + s.tail
    return _packed(s, gzip.compress(body, 9))


@sent()
def a_gzip_bomb_of_short_lines(s: Speech) -> bytes:
    return _packed(s, gzip.compress(s.head + b":\n" * 100_000 + b"\n" + s.text("x") + s.tail, 9))


@sent("provider_error")
def a_bomb_of_deflate(s: Speech) -> bytes:
    body = s.head + b"data: " + b"x" * 4_000_000 + b"\n\n" + s.tail
    return _packed(s, zlib.compress(body, 9), "deflate")


@sent()
def a_gzip_bomb_in_a_gzip(s: Speech) -> bytes:
    return _packed(s, gzip.compress(_zeros(4), 9), "gzip, gzip")


@sent()
def a_gzip_in_fifty_others(s: Speech) -> bytes:
    body = whole(s)
    for _ in range(50):
        body = gzip.compress(body)
    return _packed(s, body, ", ".join(["gzip"] * 50))


@sent()
def a_gzip_that_is_none(s: Speech) -> bytes:
    return _packed(s, b"\x1f\x8b\x08\x00" + SECRET.encode() * 20)


@sent()
def a_gzip_that_is_cut(s: Speech) -> bytes:
    packed = gzip.compress(whole(s))
    return _packed(s, packed[: len(packed) // 2])


@sent()
def a_gzip_with_rubbish_behind_it(s: Speech) -> bytes:
    return _packed(s, gzip.compress(whole(s)) + b"\x00\xff" * 5_000)


@sent()
def an_encoding_that_it_has_not(s: Speech) -> bytes:
    return _packed(s, whole(s), "gzip")


@sent()
def an_encoding_that_nobody_has(s: Speech) -> bytes:
    return _packed(s, whole(s), f"x-evil, br, zstd, {'a' * 5_000}")


# -- the body's framing -----------------------------------------------------------------------


@sent()
def a_length_above_the_body(s: Speech) -> bytes:
    return HEAD + b"Content-Length: 999999\r\n\r\n" + whole(s)


@sent()
def a_length_below_the_body(s: Speech) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(s.head) + 20) + whole(s)


@sent()
def a_length_that_is_none(s: Speech) -> bytes:
    return HEAD + b"Content-Length: -5\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n" + whole(s)


@sent()
def a_chunk_that_says_to_be_longer(s: Speech) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n" + whole(s)


@sent()
def a_chunk_that_says_to_be_shorter(s: Speech) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + whole(s) + b"\r\n0\r\n\r\n"


def _sized(size: str, name: str) -> None:
    def send(s: Speech) -> bytes:
        body = whole(s)
        framed = b"%x\r\n%b\r\n%b\r\n%b" % (len(body), body, size.encode(), b"x" * 100)
        return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed

    def send_first(s: Speech) -> bytes:
        return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + size.encode() + b"\r\n" + whole(s)

    send.__name__ = f"a chunk of {name}"
    send_first.__name__ = f"a first chunk of {name}"
    sent()(send)
    sent()(send_first)


for _size, _name in {
    "zz": "no size",
    "-5": "less than nothing",
    "f" * 5_000: "a size of 5,000 digits",
    "7fffffffffffffff": "all the memory there is",
    "5;" + "x" * 100_000: "a size with an extension of 100 kilobytes",
}.items():
    _sized(_size, _name)


@sent()
def the_size_of_a_chunk_without_end(s: Speech) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 1_000_000


@sent()
def chunks_of_one_byte_with_extensions(s: Speech) -> bytes:
    framed = b"".join(b"1;%b\r\n%c\r\n" % (b"x" * 20, byte) for byte in whole(s))
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"


@sent()
def trailers(s: Speech) -> bytes:
    body = whole(s)
    lines = b"".join(b"X-%d: %b\r\n" % (i, SECRET.encode()) for i in range(2_000))
    framed = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, lines)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framed


@sent()
def both_a_length_and_chunks(s: Speech) -> bytes:
    body = whole(s)
    head = HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@sent("done")
def http_1_0_without_a_length(s: Speech) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + whole(s)


@sent("truncated", "provider_error", resets=True)
def a_reset_in_the_middle(s: Speech) -> Iterator[bytes | Wait]:
    yield HEAD + b"\r\n" + s.head + s.text("x")
    yield Wait()


@sent("truncated", "provider_error")
def a_charset_that_is_another(s: Speech) -> bytes:
    head = HEAD.replace(b"event-stream", b"event-stream; charset=utf-16")
    return head + b"\r\n" + whole(s).decode().encode("utf-16")


# -- the head ---------------------------------------------------------------------------------


@sent()
def nothing_at_all(s: Speech) -> bytes:
    return b""


@sent(resets=True)
def a_reset_at_once(s: Speech) -> bytes:
    return b""


@sent()
def a_head_that_is_cut(s: Speech) -> bytes:
    return HEAD[:-20]


@sent()
def a_status_line_that_is_none(s: Speech) -> bytes:
    return f"{SECRET}\r\n".encode() + HEAD + b"\r\n" + whole(s)


@sent()
def a_reason_of_100_kilobytes(s: Speech) -> bytes:
    return HEAD.replace(b"OK", b"x" * 100_000) + b"\r\n" + whole(s)


@sent()
def thousands_of_headers(s: Speech) -> bytes:
    lines = b"".join(b"X-%d: %b\r\n" % (i, SECRET.encode()) for i in range(5_000))
    return HEAD + lines + b"\r\n" + whole(s)


@sent()
def a_header_of_one_megabyte(s: Speech) -> bytes:
    return HEAD + b"X-A: " + b"x" * 1_000_000 + b"\r\n\r\n" + whole(s)


@sent()
def headers_that_are_none(s: Speech) -> bytes:
    return HEAD + b"\0: x\r\nno colon\r\nX: a\0b\rc\r\n folded\r\n\r\n" + whole(s)


@sent()
def thousands_of_interim_answers(s: Speech) -> bytes:
    told = f"X-A: {SECRET}".encode()
    return b"HTTP/1.1 100 Continue\r\n%b\r\n\r\n" % told * 1_000 + HEAD + b"\r\n" + whole(s)


@sent(no_stream=True)  # where the client takes it for the answer
def thousands_of_early_hints(s: Speech) -> bytes:
    return b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000 + HEAD + b"\r\n" + whole(s)


@sent(no_stream=True)  # where the client takes it for the answer
def another_protocol(s: Speech) -> bytes:
    return b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + whole(s)


# -- errors, by their status --------------------------------------------------------------------


def refused(*right: str, **more: Any) -> Callable[[Sent], Sent]:
    return sent(*right, is_error=True, **more)


@refused("auth")
def a_refusal_with_secrets(s: Speech) -> bytes:
    headers = (f"X-Request: {SECRET}", f"WWW-Authenticate: {SECRET}", f"Location: {URL}")
    return error(401, message(f"{SECRET}{LINES}{URL}"), *headers, reason=SECRET)


def _error(status: int) -> None:
    def register(name: str, body: Callable[[], bytes], *right: str) -> None:
        def send(s: Speech) -> bytes:
            return error(status, body())

        send.__name__ = f"status {status} with {name}"
        refused(*right)(send)

    deep = '{"error": ' * 100_000
    register("a megabyte", lambda: message("x" * 1_000_000))
    register("a megabyte of words", lambda: f"{SECRET}{LINES} ".encode() * 15_000)
    register("a body 600 levels deep", lambda: b'{"error": ' * 600 + b"1" + b"}" * 600)
    register("a body 100,000 levels deep", lambda: deep.encode())
    register("a body of 5,000 digits", lambda: b'{"error": {"code": ' + b"1" * 5_000 + b"}}")
    register("a body of NaN", lambda: b'{"error": {"code": NaN, "message": Infinity}}')
    register(
        "a body that is no JSON",
        lambda: f"<html>{SECRET}{LINES}\0\xff".encode("latin-1", "replace"),
    )
    register("no body", lambda: b"")

    def endless(s: Speech) -> Iterator[bytes]:
        yield f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n\r\n".encode()
        yield b'{"error": {"message": "'
        while True:
            yield b"x" * 16_384

    def bomb(s: Speech) -> bytes:
        return error(status, _zeros(4), "Content-Encoding: gzip")

    def cut(s: Speech) -> bytes:
        return error(status, message(SECRET))[:-10]

    for send, name in ((bomb, "a gzip bomb"), (cut, "a body that is cut")):
        send.__name__ = f"status {status} with {name}"
        refused()(send)
    endless.__name__ = f"status {status} with a body without end"
    refused(endless=True)(endless)


for _status in (400, 500):
    _error(_status)


RETRY_AFTERS = {
    "of 400 digits": "1" + "0" * 400,
    "of 5,000 digits": "9" * 5_000,
    "below nothing": "-5",
    "of NaN": "NaN",
    "of infinity": "Infinity",
    "that is no time": f"{SECRET}",
    "in a year that is none": "Fri, 31 Dec 99999 23:59:59 GMT",
}


def _retry_after(value: str, name: str) -> None:
    def send(s: Speech) -> bytes:
        return error(429, message(SECRET), f"Retry-After: {value}")

    send.__name__ = f"a time to retry {name}"
    refused("rate_limited")(send)


for _name, _value in RETRY_AFTERS.items():
    _retry_after(_value, _name)


def _status(status: int) -> None:
    def send(s: Speech) -> bytes:
        return error(status, message(SECRET), f"Location: {URL}")

    send.__name__ = f"status {status}"
    refused(no_stream=status < 400)(send)


for _status_ in (204, 205, 304, 407, 418, 421, 599, 600, 999):
    _status(_status_)


@refused(no_stream=True)
def a_redirect_to_itself(s: Speech) -> bytes:
    return error(307, b"", "Location: /")


@refused(no_stream=True)
def a_redirect_to_another_host(s: Speech) -> bytes:
    return error(307, b"", f"Location: {ELSEWHERE}{PATHS[s.wire]}")


@refused(no_stream=True)
def a_redirect_to_another_scheme(s: Speech) -> bytes:
    return error(307, message(SECRET), "Location: file:///etc/passwd")


@refused(no_stream=True)
def a_redirect_with_lines_in_it(s: Speech) -> bytes:
    return error(302, message(SECRET), f"Location: http://\x01{FORGED}@/\x0b")


@sent(no_stream=True)
def html_in_the_place_of_events(s: Speech) -> bytes:
    head = HEAD.replace(b"text/event-stream", b"text/html")
    return head + b"\r\n" + f"<html><script>{SECRET}".encode()


@sent(no_stream=True)
def json_in_the_place_of_events(s: Speech) -> Iterator[bytes | Wait]:
    yield HEAD.replace(b"text/event-stream", b"application/json") + b"\r\n"
    yield b'{"error": ' * 5_000 + message(SECRET)


@sent(no_stream=True)
def no_type_of_content(s: Speech) -> bytes:
    return b"HTTP/1.1 200 OK\r\n\r\n" + whole(s)
