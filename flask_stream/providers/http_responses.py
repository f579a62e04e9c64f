"""A view's own HTTP response, of `requests` or httpx: the Source that reads it, or why not."""

from __future__ import annotations

from typing import Any

from ..errors import ProviderError, SourceError
from .digits import loads_or_none
from .error_fields import error_in
from .errors import from_body, from_status
from .not_streams import discard
from .over_requests import RequestsStream
from .shapes import content_of, response_of, was_entered
from .source import Source
from .wire import Body, HTTPXStream


def adapt_requests(response: Any) -> Source:
    """:raises SourceError, ProviderError: what it holds is no stream that can be read."""
    name = "requests.Response"
    raw = response.raw
    source = RequestsStream(response)
    if response._content_consumed:
        if response.status_code >= 300:
            raise _failure(name, response, response.content)
        raise SourceError(
            f"This {name} has been read already. Ask for it with "
            "requests.post(…, stream=True), and do not read its .text, .content or .json()."
        )
    # A body of no bytes is closed from its beginning.
    if getattr(raw, "closed", False) and getattr(raw, "length_remaining", None) != 0:
        raise SourceError(_CLOSED.format(name))
    refuse_other_kinds(name, response, source)
    return source


def adapt_httpx(response: Any) -> Source:
    """:raises SourceError, ProviderError: what it holds is no stream that can be read."""
    name = client_of(response)
    refuse_httpx_read(name, response)
    source = HTTPXStream(response)
    refuse_other_kinds(name, response, source)
    return source


def client_of(response: Any) -> str:
    """What an httpx response is called, by the module that it is from."""
    return f"{type(response).__module__.partition('.')[0]}.Response"


_CLOSED = (
    "This {} is closed: it was read to its end, or a with block that has ended closed it. Return "
    "the response itself, unread and outside of a with block; Flask-Stream closes it."
)


def refuse_entered(manager: Any) -> None:
    """:raises SourceError: what `.stream()` gave has been in a with block."""
    if was_entered(manager):
        raise SourceError(
            f"This {type(manager).__name__} was used before. Entering it again would ask (and pay) "
            "the provider a second time. Return it as .stream() gave it, without a with block, "
            "or return the stream that the with block gives, before the block ends."
        )


def refuse_read(stream: Any) -> None:
    """:raises SourceError: a stream's body was closed, or read to its end."""
    response = response_of(stream)
    if response is not None and response.is_closed and content_of(response) is None:
        raise SourceError(
            f"This {type(stream).__name__} is closed: it was read to its end, or a with block that "
            "has ended closed it. Return the stream itself, unread and outside of a with block; "
            "Flask-Stream closes it."
        )


def refuse_httpx_read(name: str, response: Any) -> None:
    """:raises SourceError, ProviderError: it was closed, or somebody has read it."""
    if not (response.is_closed or response.is_stream_consumed):
        return
    content = content_of(response)
    if content is None:  # it was closed, or read in pieces
        discard(response)
        raise SourceError(_CLOSED.format(name))
    if response.status_code >= 300:
        raise _failure(name, response, content)
    # Without a connection it is from the mock transport of somebody's tests, and always whole.
    if "network_stream" in response.extensions:
        raise SourceError(
            f"This {name} has been read already. Ask for it with "
            "client.send(client.build_request(…), stream=True), which reads no body, and do not "
            "read its .text, .content or .json()."
        )


def refuse_other_kinds(name: str, response: Any, source: Body) -> None:
    """:raises SourceError, ProviderError: its status or its type is none of a stream."""
    if response.status_code >= 300:
        raise _failure(name, response, source.beginning())
    content_type = response.headers.get("content-type", "")
    if "text/event-stream" in content_type.lower():
        return
    failure = error_in(loads_or_none(source.beginning())) if "json" in content_type else None
    source.close()
    if failure is not None:
        raise from_body(failure)
    raise SourceError(
        f"This {name} is {content_type or 'of no declared type'}, not "
        f"text/event-stream. {_advice_for(content_type)}"
    )


def _failure(name: str, response: Any, body: bytes) -> ProviderError:
    """:param body: what was read of it; the status says enough where that is nothing."""
    status = response.status_code
    discard(response)
    reason = getattr(response, "reason", None) or getattr(response, "reason_phrase", "")
    detail = f"{name} with status {status} {reason}: {body[:10_000].decode(errors='replace')}"
    return from_status(status, loads_or_none(body), response, detail)


def _advice_for(content_type: str) -> str:
    if "ndjson" in content_type:
        return (
            "It is newline-delimited JSON, as Ollama's own /api/chat sends: use the "
            "OpenAI-compatible endpoint of the same server, /v1/chat/completions."
        )
    if "json" in content_type:
        return 'It is a complete answer: put "stream": true into the request\'s JSON body.'
    return "Check that the URL is the streaming endpoint of an Anthropic or OpenAI wire."
