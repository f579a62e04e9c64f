"""Where in its stream a provider says that it has failed: in any place, and in many fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .names import snake

# Seen beside `error`, `errors` and `error_…`; Baidu's and others' short ones.
_SHORT = {"err", "errno", "errmsg", "errcode", "err_msg", "err_code"}
_USUAL = {
    *("id", "object", "created", "model", "system_fingerprint", "service_tier", "choices", "usage"),
    *("index", "delta", "finish_reason", "native_finish_reason", "logprobs", "provider", "text"),
    *("role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details"),
    *("tool_calls", "annotations", "obfuscation"),
}
_FINE = {
    *("", "0", "0.0", "200", "ok", "success", "completed", "none", "null", "false"),
    *("no error", "no_error", "noerror", "n/a"),
}


def error_in(value: object) -> object:
    """The failure that a JSON value tells in the place of a stream, or of one of its events.

    A list there has never been anything but errors (Google's).

    :returns: None where it tells none.
    """
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Mapping) and (failure := failure_of(item)) is not None:
            return failure
    return None


def failure_of(d: Mapping[str, Any]) -> object:
    """The failure that one dict of a stream tells; None where it tells none."""
    told = failure_in(d)
    if told is None and "type" not in d and "delta" not in d and not d.get("choices"):
        return _bare(d)
    return told


def failure_in(part: Mapping[str, Any]) -> object:
    """The failure that a part of a dict tells, by the names of its fields."""
    if "error" in (part.get("object"), part.get("type")):  # flat: vLLM's; nested: Anthropic's
        return part.get("error") or part
    if part.keys() <= _USUAL:  # nearly every chunk, at the cost of one comparison
        return None
    named = False
    for key, value in part.items():
        if not value:
            continue
        name = snake(key) if "rr" in key.lower() else key
        if name == "error":
            if _says(value):
                return part if value is True else value
        elif name == "errors":  # beside which the kind may stand
            if _says(value):
                return part
        elif name.startswith("error_") or name in _SHORT:
            named = named or _says(value)
        elif name.startswith("x_") and isinstance(value, Mapping):  # Groq's `x_groq`
            if (inner := failure_in(value)) is not None:
                return inner
        elif name.endswith("Exception") and isinstance(value, Mapping):  # Bedrock's
            return {name: value}
        elif name == "base_resp" and isinstance(value, Mapping):  # MiniMax's
            if _says(value.get("status_code")):
                return value
    return part if named and not _is_fine(part) else None


def _bare(d: Mapping[str, Any]) -> object:
    """An error in the place of a chunk: {"code": …, "message": …}, or FastAPI's {"detail": …}."""
    is_chunk = "choices" in d
    if d.get("detail") and not is_chunk:
        return d
    status = re.compile("[45][0-9]{2}|error|failed")
    has_status = any(status.fullmatch(str(d.get(key))) for key in ("status", "code"))
    said = d.get("message") or d.get("msg")
    told = isinstance(said, str) and _says(said)
    return d if told and (has_status or (not is_chunk and _says(d.get("code")))) else None


def _is_fine(part: Mapping[str, Any]) -> bool:
    """Whether a code says that nothing is wrong, whatever the words beside it."""
    codes = [
        value for key, value in part.items() if snake(key) in ("error_code", "errno", "errcode")
    ]
    return any(code is not None and not _says(code) for code in codes)


def _says(value: object) -> bool:
    """Whether an error's field holds one: some send it empty with every chunk."""
    if isinstance(value, Mapping):
        return any(_says(item) for item in value.values())
    if isinstance(value, list):
        return any(_says(item) for item in value)
    return value is not None and str(value).strip().lower() not in _FINE
