"""From a provider's object to wire dicts; for an error's body, its beginning as bytes.

The sources here hide what the object is: an SDK's `Stream`, whose body we read ourselves and
never build the SDK's models (most of a token's cost goes there); an `httpx.Response`, read in
the same way; or an SDK's helper stream or a tracing wrapper, iterated as it is and its items
turned back to dicts. For a `requests` response see `over_requests`.
"""

from __future__ import annotations

import re
import threading
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import JSON
from ..giving_way import give_way
from ..sse import Decoder, ServerSentEvent
from .blocks import Reading, paced, take_over, too_long
from .depth import is_deep, is_deep_json
from .digits import loads, loads_or_none
from .error_fields import error_in
from .lent import Lent, is_http2, shut_down
from .mistral_conversations import KINDS
from .names import with_article
from .shapes import (
    SDKS,
    is_around_data,
    is_item,
    is_made_up,
    is_of_events,
    response_of,
    sdk_of,
)
from .source import Source
from .stray import Strays
from .turn import DONE, check_weight

WIRE_OF = {"anthropic": "anthropic"}  # OpenAI's has two, which the first dict tells apart


class Body(Source):
    """A body of server-sent events that we read ourselves, as its bytes come."""

    def _read(self) -> Generator[list[JSON], None, None]:
        events = self._events()
        for piece in paced(self._bytes()):
            if self._woken:  # on a connection that cannot be shut down
                return
            yield from _parsed(events.feed(piece))
            if events.too_long:
                raise too_long(self.most_event_bytes)
        yield from _parsed(events.end())

    def beginning(self) -> bytes:
        """What comes of the body, where it is no stream, within some seconds and kilobytes.

        An error's, for one: whoever fails may well never end it.
        """
        timer = threading.Timer(_MOST_SECONDS, self.cancel)
        timer.daemon = True
        timer.start()
        body = bytearray()
        try:
            for chunk in self._bytes():
                give_way()
                body += chunk[:_MOST_BYTES]
                if len(body) >= _MOST_BYTES or self.cancelled:
                    break
        except Exception:
            pass  # the connection is lost
        finally:
            timer.cancel()
            self.close()
        return bytes(body[:_MOST_BYTES])

    @abstractmethod
    def _events(self) -> Decoder:
        """What makes events of the bytes."""

    @abstractmethod
    def _bytes(self) -> Iterator[bytes]:
        """Of the body, as HTTP has unpacked them, each time that some come."""


def _parsed(events: list[ServerSentEvent]) -> Generator[list[JSON], None, None]:
    """The dicts of the events that a piece has completed, some at a time.

    :raises ProviderError: at the first event that is none, behind the dicts before it.
    """
    for at in range(0, len(events), _EVENTS_AT_ONCE):
        dicts = []
        try:
            for event in events[at : at + _EVENTS_AT_ONCE]:
                d = parse(event.data, event.type)
                if d is not None:
                    dicts.append(d)
        except ProviderError:
            yield dicts
            raise
        yield dicts


# So many are parsed before others have their turns: a piece may bring thousands that say nothing.
_EVENTS_AT_ONCE = 100

# Of an error's body, or another that is no stream.
_MOST_BYTES = 65_536
_MOST_SECONDS = 5.0


class OverHTTPX(Source):
    """A source whose bytes come by an httpx response, whoever reads it."""

    def __init__(self, response: Any = None) -> None:
        super().__init__()
        self._holds(response)

    def _holds(self, response: Any) -> None:
        self._response = response
        if response is not None:
            take_over(response)
        self._lent = Lent(response, "close", self._lock)

    def _leaves_the_rest(self) -> bool:
        return is_http2(self._response) or not self._lent.known

    def _wake(self) -> None:
        if self._lent.ours:
            shut_down(self._response)


class HTTPXStream(OverHTTPX, Body):
    """An `httpx.Response` whose body has not been read."""

    def _events(self) -> Decoder:
        return Decoder(Strays(), self.most_event_bytes)

    def _bytes(self) -> Iterator[bytes]:
        return iter(self._response.iter_bytes())

    def _close(self) -> None:
        self._response.close()


class SDKStream(HTTPXStream):
    """An SDK's `Stream` that nobody has begun to read: its body, read by us."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream.response)
        self.stream = stream
        self.provider = sdk_of(stream)
        self.wire = WIRE_OF.get(self.provider or "")

    def _close(self) -> None:
        self.stream.close()


class SDKItems(OverHTTPX):
    """A stream that must be iterated as it is: an SDK's helper stream, or a wrapped one.

    :param items: the stream; an iterator that has begun, where the first item was looked at.
    :param stream: the object that owns the connection.
    """

    def __init__(self, items: Iterable[Any], stream: Any = None) -> None:
        self.items = items
        self.stream = items if stream is None else stream
        super().__init__(response_of(self.stream))
        self._reading = Reading()
        self.provider = sdk_of(self.stream)
        self.wire = WIRE_OF.get(self.provider or "")

    def _read(self) -> Generator[list[JSON], None, None]:
        if self._response is not None:
            most = self.most_event_bytes if is_of_events(self.stream, self._response) else None
            self._reading = take_over(self._response, most, by_sdk=True)
        yield from dicts_of(self.items, self.stream)

    def _wake(self) -> None:
        self._reading.is_over = True
        super()._wake()

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
        self._holds(response_of(self.stream))

    def _close(self) -> None:
        self.manager.__exit__(None, None, None)


def parse(data: str, kind: str = "message") -> JSON | None:
    """One event's data as a dict; DONE for `[DONE]`; None for what is no JSON object.

    :param kind: the event's type; an `error` is one in whatever shape its data has.
    :raises ProviderError: it begins as a JSON object, but is none.
    """
    data = data.lstrip()
    if kind.lower() == "error":
        return _error(data)
    if data.startswith("{"):
        try:
            d = loads(data)
        except RecursionError:
            return None
        except ValueError as error:
            detail = f"The provider sent an event that is no JSON: {error}: {data[:200]!r}"
            raise ProviderError(detail=detail) from error
        if not isinstance(d, dict) or is_deep_json(data, d):
            return None
        if len(data) > _LARGE:
            check_weight(d)
        return d
    if data.startswith("[DONE]"):
        return DONE
    value = loads_or_none(data)
    if isinstance(value, list):
        failure = error_in(value)
        return None if failure is None else {"type": "error", "error": failure}
    # Words in the place of a chunk; no wire has any. «ping» is nothing, «Bad Gateway: error» is.
    is_failure = kind == "message" and _FAILING.search(data[:1000])
    return _error(data) if is_failure else None


_LARGE = 100_000  # characters; with fewer, an event is no weight

_FAILING = re.compile(r"\b(?:error|exception|failed|failure|crashed)\b", re.IGNORECASE)


def _error(data: str) -> JSON:
    d = loads_or_none(data)
    if isinstance(d, dict) and d.get("type") == "error":
        return d  # as the wires have it
    return {"type": "error", "error": error_in(d) or d or {"message": data}}


_WHOLES = {"content_block_stop": ("content_block",), "message_stop": ("message",)}

# The events that the SDKs' helpers derive from the raw ones, beside which they come.
_RAW = ("response.", *KINDS)
_DERIVED = {"text", "thinking", "signature", "citation", "input_json", "compaction"}


def dicts_of(items: Iterable[Any], stream: Any = None) -> Generator[list[JSON], None, None]:
    """Each of an SDK's items as the dict that was on the wire; its own exception is one, too.

    No dict for an item that says nothing: there its reader can end.

    :param stream: whose items they are, where they are an iterator's over it.
    """
    stream = items if stream is None else stream
    begun = False
    try:
        for item in items:
            d = dict_of(item)
            if d is None:
                yield []
                continue
            if not begun and is_made_up(stream, item):
                return
            begun = True
            yield [d]
    except Exception as error:
        body = getattr(error, "body", None)
        is_api_error = any(c.__name__ == "APIError" for c in type(error).__mro__)
        if not is_api_error or not isinstance(body, dict):
            raise
        # What the provider sent: Anthropic's SDK keeps it whole, OpenAI's the inside.
        yield [body if body.get("type") == "error" else {"type": "error", "error": body}]


def dict_of(item: Any) -> JSON | None:
    """An SDK's item as the dict that was on the wire; None for a derived event."""
    if not is_item(item):
        raise SourceError(
            f"A provider's stream gave {with_article(type(item).__name__)} among its items. Where "
            "it is a generator of yours: pass the stream on with «yield from relay(stream)», and "
            "yield what is your own before and after that."
        )
    if is_around_data(item):
        item = item.data
    kind = getattr(item, "type", None)
    if kind == "chunk":  # ChatCompletionStream's raw event
        item = item.chunk
    elif isinstance(kind, str):
        if kind in _DERIVED or ("." in kind and not kind.startswith(_RAW)):
            return None
    # What an SDK has put together, beside what came: on every delta of ResponseStream, and at the
    # ends of MessageStream.
    exclude = {"snapshot", *_WHOLES.get(kind, ())} if isinstance(kind, str) else {"snapshot"}
    # LiteLLM sets to None what its provider has not said; its classes derive from OpenAI's.
    is_the_sdks = type(item).__module__.partition(".")[0] in SDKS
    try:
        d: JSON = item.model_dump(
            mode="json",
            by_alias=True,
            exclude_unset=True,
            exclude_none=not is_the_sdks,
            warnings=False,
            exclude=exclude,
        )
    except ValueError:  # pydantic's own: it is nested too deep
        return None
    if is_deep(d):
        return None
    check_weight(d)
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
