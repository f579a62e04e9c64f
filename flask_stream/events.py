"""The vocabulary: the Event types.

Every event is one SSE event on the native wire: `kind` names it, `payload()` is its JSON.
Optional fields that are unknown are left out there, never null. `from_wire()` is the way back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

from .event_checks import check_json, check_name

JSON = dict[str, Any]
E = TypeVar("E")
_fields: Any = fields  # for type checkers: Event itself is no dataclass, all its classes are


class Event:
    """Base of all events. Not for making instances of."""

    __slots__ = ()
    kind: ClassVar[str]  # the SSE event's name

    def payload(self) -> Any:
        """The event's `data` on the wire, before it is made JSON: the fields that are known."""
        named = ((f.name, getattr(self, f.name)) for f in _fields(self))
        return {name: value for name, value in named if value is not None}

    # Written once, here: dataclass() would compile them anew for each of the 17 classes, and
    # take a twentieth of the time that `import flask` takes.

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in _fields(self) if f.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        compared = (f.name for f in _fields(self) if f.compare)
        return all(getattr(self, name) == getattr(other, name) for name in compared)

    def __hash__(self) -> int:
        return hash(repr(self))


@dataclass_transform(frozen_default=True)
def _event(cls: type[E]) -> type[E]:
    return dataclass(frozen=True, slots=True, eq=False, repr=False)(cls)


@_event
class Start(Event):
    """The first event of every run. Made by Flask-Stream only."""

    kind = "start"
    id: str
    heartbeat: float | None = None  # seconds; None where this server cannot send any
    url: str | None = None  # where the run can be followed and stopped, if it is kept in a log
    submission: str | None = None  # the question that it answers, where its request said which


@_event
class Step(Event):
    """A relayed stream begins: for formats that have steps. The native wire does not carry it."""

    kind = "step"


@_event
class Meta(Event):
    """Who answers: sent as soon as something is known, and again when more is."""

    kind = "meta"
    provider: str | None = None
    model: str | None = None
    response_id: str | None = None


@_event
class Words(Event):
    """What text, reasoning and refusal share."""

    text: str

    def payload(self) -> JSON:
        return {"text": self.text}


@_event
class Text(Words):
    """Words that the user reads."""

    kind = "text"


@_event
class Reasoning(Words):
    """The model's thinking, or its summary; never signatures or encrypted blobs."""

    kind = "reasoning"


@_event
class Refusal(Words):
    """The words with which the model declined to answer."""

    kind = "refusal"


@_event
class ToolCallStart(Event):
    """A tool call begins. `server` is true when the provider runs the tool itself."""

    kind = "tool_call_start"
    id: str
    name: str
    server: bool = False

    def payload(self) -> JSON:
        payload: JSON = {"id": self.id, "name": self.name}
        return payload | {"server": True} if self.server else payload


@_event
class ToolCallDelta(Event):
    """A piece of a tool call's arguments, as the provider's JSON text.

    `partial` is what is whole of them by now, parsed; None where nobody has asked for it, or it is
    not told with this piece.
    """

    kind = "tool_call_delta"
    id: str
    arguments: str
    partial: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.partial is not None:
            check_json(self.partial, f"What is whole of tool call {self.id!r}")

    def payload(self) -> JSON:
        payload: JSON = {"id": self.id, "arguments": self.arguments}
        return payload if self.partial is None else payload | {"partial": self.partial}


@_event
class ToolCall(Event):
    """A whole tool call. Arguments that are no valid JSON are None, and `raw` has them."""

    kind = "tool_call"
    id: str
    name: str
    arguments: Any
    raw: str | None = None
    server: bool = False

    def __post_init__(self) -> None:
        check_json(self.arguments, f"The arguments of tool call {self.id!r}")

    def payload(self) -> JSON:
        payload: JSON = {"id": self.id, "name": self.name, "arguments": self.arguments}
        if self.raw is not None:
            payload["raw"] = self.raw
        return payload | {"server": True} if self.server else payload


@_event
class ToolResult(Event):
    """What a tool gave back: one that the provider ran, or one of the app's."""

    kind = "tool_result"
    id: str
    result: Any
    name: str | None = None
    is_error: bool = False

    def __post_init__(self) -> None:
        check_json(self.result, f"The result of tool call {self.id!r}")

    def payload(self) -> JSON:
        payload: JSON = {"id": self.id, "result": self.result}
        if self.name is not None:
            payload["name"] = self.name
        return payload | {"is_error": True} if self.is_error else payload


@_event
class Source(Event):
    """A citation or a search result."""

    kind = "source"
    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    document: str | None = None


# JavaScript's Number.MAX_SAFE_INTEGER.
MOST_TOKENS = 2**53 - 1


@_event
class Usage(Event):
    """Tokens used. `input_tokens` counts cached ones too, `output_tokens` reasoning."""

    kind = "usage"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None

    def __post_init__(self) -> None:
        for name, value in self.payload().items():
            if type(value) is not int:
                raise TypeError(f"Usage.{name} must be a whole number, not {value!r}.")
            if value > MOST_TOKENS:
                raise ValueError(f"Usage.{name} is above {MOST_TOKENS}, which no page can count.")

    @classmethod
    def total(cls, usages: Iterable[Usage]) -> Usage | None:
        """The sum, field by field; what none of them knows stays unknown."""
        sums: dict[str, int] = {}
        for usage in usages:
            for key, value in usage.payload().items():
                sums[key] = min(sums.get(key, 0) + value, MOST_TOKENS)
        return cls(**sums) if sums else None


@_event
class Done(Event):
    """The run's good end. Made by Flask-Stream only."""

    kind = "done"
    stop_reason: str
    text_length: int
    provider_stop_reason: str | None = None
    usage: Usage | None = None

    def payload(self) -> JSON:
        payload: JSON = Event.payload(self)
        if self.usage is not None:
            payload["usage"] = self.usage.payload()
        return payload


@_event
class Failed(Event):
    """The run's bad end. Made by Flask-Stream only; raise `StreamFailed` to get one."""

    kind = "failed"
    code: str
    message: str
    retryable: bool = False
    # HTTP's, of the exception that it was: for the formats that have one. Never on the wire.
    status: int | None = field(default=None, repr=False, compare=False)

    def payload(self) -> JSON:
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


#: What a run ends with: one of them, once.
TERMINAL = (Done, Failed)

_MODELS = (Text, Reasoning, Refusal, ToolCallStart, ToolCallDelta, ToolCall, ToolResult, Source)
_BY_KIND = {event.kind: event for event in (Start, Step, Meta, *_MODELS, Usage, Done, Failed)}
RESERVED = frozenset(_BY_KIND)


@_event
class Data(Event):
    """An event of the app's own: `Data("progress", {"done": 3})` is SSE event `progress`.

    :param name: not one of Flask-Stream's names, nor EventSource's own (error, open,
        message), not empty, without CR, LF and NUL.
    :param data: anything that JSON can carry.
    :raises TypeError: the name is no str, or the data cannot be encoded.
    :raises ValueError: the name is refused.
    """

    name: str
    data: Any

    def __post_init__(self) -> None:
        check_name(self.name, RESERVED)
        check_json(self.data, f"The data of event {self.name!r}")

    @property
    def kind(self) -> str:  # type: ignore[override]  # its own name, not its class's
        return self.name

    def payload(self) -> Any:
        return self.data


#: All that there is. An app may make subclasses, which are sent as these are.
VOCABULARY: frozenset[type[Event]] = frozenset({*_BY_KIND.values(), Data})

# What json.loads() gives for a field of each type. None is for what is unknown.
_PARSED: JSON = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "dict[str, Any]": dict,
    "Usage": dict,
}


def from_wire(kind: str, data: Any) -> Event:
    """The event that was sent as SSE event `kind` with this parsed JSON: `payload()`'s inverse.

    A kind that is none of ours is a `Data`. Fields that we do not know are a later version's, and
    are left out. A tuple of the app's comes back as what JSON has for it, a list.

    :raises TypeError: the data, or a field of it, is of another type than the event's class says.
    :raises ValueError: a field is missing, or the event's class refuses a value.
    """
    cls = _BY_KIND.get(kind)
    return Data(kind, data) if cls is None else _read(cls, data, kind)


def _read(cls: type[Event], data: Any, place: str) -> Event:
    if not isinstance(data, dict):
        raise TypeError(f"The data of {place!r} must be a dict, not {type(data).__name__}.")
    read: JSON = {}
    for each in _fields(cls):
        if each.name in data and each.compare:  # what is not compared is never on the wire
            read[each.name] = _value(each.type, data[each.name], f"{place}.{each.name}")
        elif each.default is MISSING:
            raise ValueError(f"{place}.{each.name} is missing.")
    return cls(**read)


def _value(annotation: str, value: Any, place: str) -> Any:
    name, _, unknown = annotation.partition(" | ")
    if name == "Any" or (value is None and unknown):
        return value
    is_bool = isinstance(value, bool)  # which is an int, too
    if is_bool != (name == "bool") or not isinstance(value, _PARSED[name]):
        raise TypeError(f"{place} must be {annotation}, not {type(value).__name__}.")
    return _read(Usage, value, place) if name == "Usage" else value
