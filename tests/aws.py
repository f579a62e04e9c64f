"""The encoding that Bedrock answers in (AWS docs: Amazon Event Stream specification)."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

CONTENT_TYPE = "application/vnd.amazon.eventstream"


def message(payload: Any, **headers: str) -> bytes:
    """One message: prelude, headers, payload, and the checksums of both parts."""
    body = json.dumps(payload).encode()
    head = b""
    for name, value in headers.items():
        key = f":{name.replace('_', '-')}".encode()
        head += bytes([len(key)]) + key + b"\x07" + struct.pack("!H", len(value)) + value.encode()
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    whole = prelude + head + body
    return whole + struct.pack("!I", zlib.crc32(whole))


def chunk(event: dict[str, Any]) -> bytes:
    """An event of Anthropic's wire."""
    encoded = base64.b64encode(json.dumps(event).encode()).decode()
    return message(
        {"bytes": encoded},
        message_type="event",
        event_type="chunk",
        content_type="application/json",
    )


def exception(kind: str, words: str) -> bytes:
    """An error in mid-stream, such as throttlingException."""
    return message(
        {"message": words},
        message_type="exception",
        exception_type=kind,
        content_type="application/json",
    )
