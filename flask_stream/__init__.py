"""Put a language model's answer on a web page while it is still being written."""

from typing import Any as _Any

from .bridging import bridge
from .channel import Channel
from .dispatch import after_this_stream
from .errors import (
    ChannelClosed,
    ConfigurationError,
    FlaskStreamError,
    ProviderError,
    RunError,
    SourceError,
    StreamFailed,
)
from .events import (
    Data,
    Event,
    Failed,
    Meta,
    Reasoning,
    Refusal,
    Source,
    Step,
    Text,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
)
from .extension import FlaskStream
from .providers.libraries import End
from .providers.relay import relay
from .result import Result
from .signals import stream_finished, stream_first_text, stream_started

__all__ = [
    "Channel",
    "ChannelClosed",
    "ConfigurationError",
    "Data",
    "End",
    "Event",
    "Failed",
    "FlaskStream",
    "FlaskStreamError",
    "Meta",
    "ProviderError",
    "Reasoning",
    "Refusal",
    "Result",
    "RunError",
    "Source",
    "SourceError",
    "Step",
    "StreamFailed",
    "Text",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStart",
    "ToolResult",
    "Usage",
    "after_this_stream",
    "bridge",
    "relay",
    "stream_finished",
    "stream_first_text",
    "stream_started",
]


def __getattr__(name: str) -> _Any:
    if name == "__version__":  # asked for when it is, since reading metadata takes a while
        from importlib.metadata import version

        return version("flask-stream-sse")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
