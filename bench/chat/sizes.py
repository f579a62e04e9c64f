"""How many bytes a page loads for a chat, gzipped."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from .site import DEEP_CHAT, HERE

STATIC = HERE.parents[1] / "flask_stream" / "static"
SCRIPTS = ("flask-stream.js", "flask-stream-chat.js", "flask-stream-markdown.js")
SHEETS = ("flask-stream.css", "flask-chat.css")
N8N = "package/dist/{}"  # in its archive, which npm cannot install: one of its parts is not there


def sizes() -> Mapping[str, int]:
    """Scripts and style sheets that the smallest page with this chat loads."""
    found = {
        "flask-stream-chat.js": _gzipped((STATIC / "flask-stream-chat.js").read_bytes()),
        "<flask-chat>, core and Markdown": _of(*(STATIC / name for name in SCRIPTS)),
        "... and its style sheets": _of(*(STATIC / name for name in (*SCRIPTS, *SHEETS))),
    }
    if DEEP_CHAT.is_dir():
        found["deep-chat (its bundle)"] = _of(DEEP_CHAT / "deepChat.bundle.js")
    for archive in HERE.glob("n8n-chat-*.tgz"):
        with tarfile.open(archive) as files:
            names = ("chat.bundle.es.js", "style.css")
            members = [files.extractfile(N8N.format(name)) for name in names]
            found["@n8n/chat (its bundle and style sheet)"] = sum(
                _gzipped(member.read()) for member in members if member is not None
            )
    return found


def _of(*files: Path) -> int:
    return sum(_gzipped(file.read_bytes()) for file in files)


def _gzipped(content: bytes) -> int:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(content)
    return len(packed.getvalue())
