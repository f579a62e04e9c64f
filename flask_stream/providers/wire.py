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
from ..sse import Decoder
from .digits import loads
from .errors import class_names
from .failures import failure_of
from .source import Source
from .turn import DONE, JSON, PAUSE

SDKS = ("anthropic", "openai")
_WIRE = {"anthropic": "anthropic"}  # OpenAI's has two, which the first dict tells apart

# How much of a body without any event is kept, in bytes: enough for an error in JSON.
_MOST_UNREAD = 65_536


class SDKStream(Source):
    """An SDK's `Stream` that nobody has begun to read: its body, read by us."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream = stream
        self.provider = sdk_of(stream)
        self.wire = _WIRE.get(self.provider or "")

    def _read(self) -> Iterator[JSON]:
        decoder = Decoder()
        # A body that has had no event so far: it may be an error in JSON.
        unread: bytes | None = b""
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
            if unread is not None:
                unread = None if events else (unread + chunk)[:_MOST_UNREAD]
        if unread and (d := error_of(unread)) is not None:
            yield d

    def _shares_connection(self) -> bool:
        return is_http2(self.stream.response)

    def _wake(self) -> None:
        shut_down(self.stream.response)

    def _close(self) -> None:
        self.stream.close()


class SDKItems(Source):
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

    def _shares_connection(self) -> bool:
        return is_http2(response_of(self.stream))

    def _wake(self) -> None:
        shut_down(response_of(self.stream))

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
    """Shut down the socket that an httpx response is read from, where it is ours to shut."""
    if response is None or getattr(response, "is_closed", True) or is_http2(response):
        return
    network = getattr(response, "extensions", {}).get("network_stream")
    sock = network.get_extra_info("socket") if network is not None else None
    # Asked again, since its reader may have come to the body's end meanwhile.
    if isinstance(sock, socket.socket) and not response.is_closed:
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
    if data.startswith("{"):
        try:
            d = loads(data)
        except ValueError as error:
            detail = f"The provider sent an event that is no JSON: {error}: {data[:200]!r}"
            raise ProviderError(detail=detail) from error
        return d if isinstance(d, dict) else None
    if data.startswith("[DONE]"):
        return DONE
    # A list where a chunk belongs has never been anything but errors (Google's).
    return _error(data) if data.startswith("[") and _holds_error(data) else None


def _holds_error(data: str) -> bool:
    try:
        items = loads(data)
    except (ValueError, RecursionError):
        return False
    return any(isinstance(item, dict) and failure_of(item) is not None for item in items)


def _error(data: str) -> JSON:
    try:
        d = loads(data)
    except (ValueError, RecursionError):
        d = {"message": data}
    if isinstance(d, dict) and d.get("type") == "error":
        return d  # as the wires have it
    return {"type": "error", "error": d.get("error") or d if isinstance(d, dict) else d}


def error_of(body: bytes) -> JSON | None:
    """The error in a JSON body that came with status 200 where a stream was expected."""
    try:
        d = json.loads(body)
    except ValueError:
        return None
    if isinstance(d, dict) and d.get("error"):
        return {"type": "error", "error": d["error"]}
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
