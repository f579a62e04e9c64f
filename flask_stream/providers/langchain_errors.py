"""What LangChain and LangGraph raise in the middle of a stream: whose mistake it is."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Any

from ..errors import ProviderError
from .errors import from_body
from .library_errors import AppsOwn

# Where the code of a model's own runs, and where that of the app's tools is called.
_MODELS = "langchain_core.language_models"
_TOOLS = ("langchain_core.tools", "langgraph.prebuilt.tool_node")


def of_the_model(stream: Iterable[Any]) -> Generator[Any, None, None]:
    """The items of a stream.

    :raises AppsOwn: a tool of the app's has raised something, be it its HTTP client's error.
    :raises ProviderError: the provider has said that it failed, or it gave nothing at all.
    """
    begun = False
    try:
        for item in stream:
            begun = True
            yield item
    except Exception as error:
        through, innermost = _where(error.__traceback__)
        if through in _TOOLS:
            raise AppsOwn from error
        if through == _MODELS and type(error) is ValueError:
            if innermost == f"{_MODELS}.chat_models":  # its stream ended before its first event
                raise ProviderError("truncated", detail=str(error)) from error
            if begun and innermost.startswith("langchain_"):
                # An integration tells so of an error among a provider's events: «code: message».
                code = str(error).partition(":")[0]
                raise from_body({"code": code, "message": str(error)}) from error
        raise


def _where(traceback: TracebackType | None) -> tuple[str, str]:
    """Whether an error went through a model or a tool last; and the module that raised it."""
    through = innermost = ""
    while traceback is not None:
        innermost = str(traceback.tb_frame.f_globals.get("__name__", ""))
        for name in (_MODELS, *_TOOLS):
            if innermost == name or innermost.startswith(f"{name}."):
                through = name
        traceback = traceback.tb_next
    return through, innermost
