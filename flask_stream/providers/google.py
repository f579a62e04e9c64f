"""Google's client: what `generate_content_stream` and a chat's `send_message_stream` give
(google-genai 3.6).

Each item is a GenerateContentResponse: some parts of what the model says, and what is known by then
of its sources and its usage. Where the client calls functions itself, several answers follow each
other, and from the second on its items hold what was said and called before.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from ..errors import ProviderError, SourceError
from ..events import Event, Meta, Source, Step, Usage
from .google_content import Content, results_in
from .libraries import End, Read, made_in
from .not_streams import discard
from .turn import added, as_count
from .under_way import numbers


def reader_of(obj: Any) -> Read | None:
    """:param obj: one of the client's generators, or one of their items.

    :raises SourceError: it is the stream of an interaction.
    """
    is_stream = hasattr(obj, "__iter__") or hasattr(
        obj, "__aiter__"
    )  # no coroutine of the client's
    if made_in(obj).startswith("google.genai.") and is_stream:
        return read
    if not type(obj).__module__.startswith("google.genai.") or not is_stream:
        return None
    if not hasattr(obj, "model_dump"):
        discard(obj)
        raise SourceError(
            "A view returned a stream of Google's that tells of an interaction, whose events are "
            "of another kind. Ask with client.models.generate_content_stream(…), or "
            "chat.send_message_stream(…); or read it in the view, and yield its words."
        )
    return read if type(obj).__name__ == "GenerateContentResponse" else None


def read(stream: Iterable[Any]) -> Generator[Event, None, End]:
    """:raises ProviderError: the answer ended before the model has said why."""
    ids = numbers("", 1)
    answer = _Answer(ids)
    usages: list[Usage] = []
    for item in stream:
        if answer.is_over_before(item):
            usages += [answer.usage]
            calls = answer.content.open_calls
            answer = _Answer(ids)
            yield from results_in(item.automatic_function_calling_history, calls)
            yield Step()
        yield from answer.read(item)
        if answer.raw_usage is not None:
            yield Usage.total([*usages, answer.usage]) or Usage()
    if answer.stop_reason is None:
        raise ProviderError("truncated", detail="Google's answer ended without a finish_reason")
    raw = answer.raw_usage
    told = raw.model_dump(mode="json", exclude_none=True) if raw is not None else None
    return End(answer.stop_reason, answer.content.whole(), told)


class _Answer:
    """One of the model's.

    :param ids: for the calls that have none.
    :ivar stop_reason: the provider's word for it; None while the answer goes on.
    """

    def __init__(self, ids: Iterator[int]) -> None:
        self.content = Content(ids)
        self.stop_reason: str | None = None
        self.raw_usage: Any = None
        self._meta: Meta | None = None

    @property
    def usage(self) -> Usage:
        raw = self.raw_usage
        if raw is None:
            return Usage()
        thoughts = as_count(raw.thoughts_token_count)
        return Usage(
            added(as_count(raw.prompt_token_count), as_count(raw.tool_use_prompt_token_count)),
            added(as_count(raw.candidates_token_count), thoughts),
            cache_read_tokens=as_count(raw.cached_content_token_count),
            reasoning_tokens=thoughts,
        )

    def is_over_before(self, item: Any) -> bool:
        """Whether `item` begins another answer.

        The models say why they stop with their last item, or with each one.
        """
        if self.stop_reason is None or self._meta is None:
            return False
        if item.response_id and self._meta.response_id:
            return bool(item.response_id != self._meta.response_id)
        candidate = _first(item)  # without ids, it is one where the client has answered the calls
        has_content = candidate is not None and candidate.content is not None
        return has_content and bool(self.content.open_calls)

    def read(self, item: Any) -> Generator[Event, None, None]:
        meta = Meta("google", item.model_version, item.response_id)
        if meta != self._meta:
            self._meta = meta
            yield meta
        if item.usage_metadata is not None:
            self.raw_usage = item.usage_metadata
        candidate = _first(item)
        if candidate is None:
            blocked = item.prompt_feedback and _word(item.prompt_feedback.block_reason)
            if blocked:
                self.stop_reason = f"blocked: {blocked}"
            return
        if candidate.content is not None:
            yield from self.content.read(candidate.content)
        yield from _sources(candidate)
        self.stop_reason = _word(candidate.finish_reason) or self.stop_reason


def _first(item: Any) -> Any:
    """The first of the answers that were asked for: no other one is read."""
    return next((each for each in item.candidates or () if not each.index), None)


def _word(told: Any) -> str | None:
    """What an enum says; None where that is nothing."""
    word = str(getattr(told, "value", told) or "")
    return word if word and not word.endswith("_UNSPECIFIED") else None


def _sources(candidate: Any) -> Generator[Event, None, None]:
    grounding = candidate.grounding_metadata
    for chunk in (grounding and grounding.grounding_chunks) or ():
        if (found := chunk.web or chunk.maps) is not None:
            yield Source(found.uri, found.title)
        elif (found := chunk.image) is not None:
            yield Source(found.source_uri, found.title)
        elif (found := chunk.retrieved_context) is not None:
            yield Source(found.uri, found.title, found.text, found.document_name)
    citations = candidate.citation_metadata
    for cited in (citations and citations.citations) or ():
        yield Source(cited.uri, cited.title)
    pages = candidate.url_context_metadata
    for page in (pages and pages.url_metadata) or ():
        if str(getattr(page.url_retrieval_status, "value", "")).endswith("SUCCESS"):
            yield Source(page.retrieved_url)
