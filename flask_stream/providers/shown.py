"""What a page is shown of a tool's result: no pictures in base64, and nothing encrypted.

They are large, and of use only to the provider: `Turn.message` keeps them.
"""

from __future__ import annotations

import re
from typing import Any

from .digits import Digits

_DATA_URL = (  # compiled once it is needed, which is seldom
    r"(data:[^:,;\s\"'\\]{0,80}(?:;[^,;\s\"'\\]{1,80}){0,4}?;base64,)[A-Za-z0-9+/=_%-]+"
)
# Where a block of base64 stands: Anthropic's sources, MCP's contents and resources, OpenAI's.
_BASE64 = {
    "base64": ("data",),
    "image": ("data",),
    "audio": ("data",),
    "image_generation_call": ("result",),
}
_ALWAYS = ("blob", "b64_json", "partial_image_b64")


def shown(value: Any) -> Any:
    """A JSON value for an event: of a `data:` URL, only what it says of itself."""
    if isinstance(value, str):
        return re.sub(_DATA_URL, r"\1", value) if ";base64," in value else value
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        kind = value.get("type")
        without = _BASE64.get(kind, ()) if isinstance(kind, str) else ()
        return {
            key: shown(item)
            for key, item in value.items()
            if not key.startswith("encrypted_")
            and not (isinstance(item, str) and (key in without or key in _ALWAYS))
        }
    return value.plain if isinstance(value, Digits) else value
