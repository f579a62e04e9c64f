"""From a provider's object to wire dicts.

The sources here hide what the object is: an SDK's `Stream`, whose body we read ourselves and
never build the SDK's models (most of a token's cost goes there); an SDK's helper stream or
a tracing wrapper, iterated as it is and its items turned back to dicts; or a `requests`
response, for which see `over_requests`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..errors import ProviderError
from ..sse import Decoder, ServerSentEvent
from .digits import Decimal
from .errors import class_names
from .source import Source
from .turn import DONE, JSON, PAUSE

SDKS = ("anthropic", "openai")
_WIRE = {"anthropic": "anthropic"}  # OpenAI's has two, which the first dict tells apart

# How much of what is no event is kept, in characters: enough for an error in JSON.
_MOST_STRAY = 65_536


class Stray:
    """Lines of a body that belong to no event: an error in JSON, as some gateways send it where a
    stream was expected, or in the middle of one."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._left = _MOST_STRAY

    def add(self, line: str) -> None:
        if self._left > 0:
            self._lines.append(line[: self._left])
            self._left -= len(line)

    def error(self, rest: str) -> JSON | None:
        """What they come to, at the body's end.

        :param rest: what came of a last line that did not end.
        """
        self.add(rest)
        text = "\n".join(self._lines).strip()
        return error_of(text) if text else None


def field_of_error(line: str) -> str | None:
    """What a line says in a field `error:`, which no spec knows and some dialects send."""
    name, colon, value = line.partition(":")
    return value.removeprefix(" ") if colon and name == "error" else None


class _Decoder(Decoder):
    """Heeds what providers write between the events."""

    def __init__(self) -> None:
        super().__init__()
        self.stray = Stray()

    def unknown(self, line: str) -> ServerSentEvent | None:
        error = field_of_error(line)
        if error is not None:
            return ServerSentEvent("error", error, self.last_event_id)
        self.stray.add(line)
        return None


class _OfSDK(Source):
    """A stream of an SDK's, whose body an httpx response has."""

    _response: Any = None  # while it has a connection whose return to the pool is watched
    _is_watched = False

    def _watch_release(self, response: Any) -> None:
        """Know of the connection's return to the pool before it happens.

        The response closes itself in the read that comes to the body's end (httpx2 2.0), which
        hands its connection to the next one who waits for it. Where that cannot be watched, a
        cancel does not touch the socket: the reader ends at the next dict.
        """
        close = getattr(response, "close", None)
        if close is None or is_http2(response):
            return
        if getattr(response, "is_closed", False):  # all of it is here
            self._is_watched = True
            return

        def release() -> None:
            with self._lock:  # a cancel has it while it shuts the socket down
                self._response = None
            close()

        with suppress(AttributeError):
            response.close = release
            self._response = response
            self._is_watched = True

    def _shares_connection(self) -> bool:
        return not self._is_watched

    def _wake(self) -> None:
        if self._response is not None:
            shut_down(self._response)


class SDKStream(_OfSDK):
    """An SDK's `Stream` that nobody has begun to read: its body, read by us."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream = stream
        self.provider = sdk_of(stream)
        self.wire = _WIRE.get(self.provider or "")
        self._watch_release(stream.response)

    def _read(self) -> Iterator[JSON]:
        decoder = _Decoder()
        for chunk in self.stream.response.iter_bytes():
            events = decoder.feed(chunk)
            last = len(events) - 1
            for at, event in enumerate(events):
                self.more = self.joins and at < last
                d = parse(event.data, event.type)
                if d is not None:
                    yield d
            if last > 0 and self.joins:
                yield PAUSE
        if (d := decoder.stray.error(decoder.rest)) is not None:
            yield d

    def _close(self) -> None:
        self.stream.close()


class SDKItems(_OfSDK):
    """A stream that must be iterated as it is: an SDK's helper stream, or a wrapped one.

    :param items: the stream; an iterator that has begun, where the first item was looked at.
    :param stream: the object that owns the connection.
    """

    def __init__(self, items: Iterable[Any], stream: Any = None) -> None:
        super().__init__()
        self.items = items
        self.stream = items if stream is None else stream
        self.provider = sdk_of(self.stream)
        self.wire = _WIRE.get(self.provider or "")
        self._watch_release(response_of(self.stream))

    def _read(self) -> Iterator[JSON]:
        try:
            for item in self.items:
                d = dict_of(item)
                if d is not None:
                    yield d
        except Exception as error:
            body = getattr(error, "body", None)
            if "APIError" not in class_names(error, *SDKS) or not isinstance(body, dict):
                raise
            # What the provider sent: Anthropic's SDK keeps it whole, OpenAI's the inside.
            yield body if body.get("type") == "error" else {"type": "error", "error": body}

    def _close(self) -> None:
        close = getattr(self.stream, "close", None)
        if close is not None:
            close()


class SDKManager(SDKItems):
    """What `.stream()` gives: entered when the run opens, exited when it is closed."""

    def __init__(self, manager: Any) -> None:
        super().__init__((), manager)
        self.manager = manager

    def open(self) -> None:
        self.items = self.stream = self.manager.__enter__()
        self._watch_release(response_of(self.stream))

    def _close(self) -> None:
        self.manager.__exit__(None, None, None)


def discard(obj: object) -> None:
    """Close what is refused: a stream that nobody reads would keep its connection for ever."""
    close = getattr(obj, "close", None)
    if close is not None:
        with suppress(Exception):
            close()


# -- what an object is ------------------------------------------------------------------


def sdk_of(obj: object) -> str | None:
    """ "anthropic" or "openai": whose object it is, by its class's module."""
    for name in SDKS:
        if class_names(obj, name):
            return name
    return None


def response_of(stream: object) -> Any:
    """The HTTP response below an SDK's stream; its helpers keep it private."""
    return getattr(stream, "response", None) or getattr(stream, "_response", None)


def is_http2(response: Any) -> bool:
    return getattr(response, "http_version", None) == "HTTP/2"


def shut_down(response: Any) -> None:
    """Shut down the socket that an httpx response is read from, while that is ours to shut."""
    network = getattr(response, "extensions", {}).get("network_stream")
    sock = network.get_extra_info("socket") if network is not None else None
    if isinstance(sock, socket.socket):
        # Never the TLS socket's own shutdown: its reader would raise ValueError.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def parse(data: str, kind: str = "message") -> JSON | None:
    """One event's data as a dict; DONE for `[DONE]`; None for what is no JSON object.

    :param kind: the event's type; an `error` is one in whatever shape its data has.
    :raises ProviderError: it begins as a JSON object, but is none.
    """
    data = data.lstrip()
    if kind == "error":
        return _error(data)
    if data.startswith("["):
        if data.startswith("[DONE]"):
            return DONE
        return error_of(data)
    if data.startswith("{"):
        try:
            d: Any = json.loads(data, parse_float=Decimal)
        except ValueError as error:
            detail = f"The provider sent an event that is no JSON: {error}: {data[:200]!r}"
            raise ProviderError(detail=detail) from error
        return d if isinstance(d, dict) else None
    return None


def _error(data: str) -> JSON:
    try:
        d = json.loads(data)
    except ValueError:
        d = {"message": data}
    if isinstance(d, dict) and d.get("type") == "error":
        return d  # as the wires have it
    return {"type": "error", "error": d.get("error", d) if isinstance(d, dict) else d}


def error_of(body: bytes | str) -> JSON | None:
    """The error in JSON that came where a stream's event was expected; Google's is in a list."""
    try:
        d = json.loads(body)
    except (ValueError, RecursionError):
        return None
    first = d[0] if isinstance(d, list) and d else d
    if isinstance(first, dict) and first.get("error"):
        return {"type": "error", "error": first["error"]}
    return None


# The events that the SDKs' helpers derive from the raw ones, beside which they come.
_DERIVED = {"text", "thinking", "signature", "citation", "input_json", "compaction"}


def dict_of(item: Any) -> JSON | None:
    """An SDK's item as the dict that was on the wire; None for a derived event."""
    kind = getattr(item, "type", None)
    if kind == "chunk":  # ChatCompletionStream's raw event
        item = item.chunk
    elif isinstance(kind, str):
        if kind in _DERIVED or ("." in kind and not kind.startswith("response.")):
            return None
    exclude = {"snapshot"}  # the answer so far, on every delta of ResponseStream
    d: JSON = item.model_dump(
        mode="json", by_alias=True, exclude_unset=True, warnings=False, exclude=exclude
    )
    if kind in ("response.completed", "response.incomplete"):
        _strip_parsed(d)
    return d


def _strip_parsed(value: Any) -> None:
    """Take out what the SDK's helper put into the provider's own turn."""
    if isinstance(value, dict):
        value.pop("parsed", None)
        value.pop("parsed_arguments", None)
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            _strip_parsed(item)
