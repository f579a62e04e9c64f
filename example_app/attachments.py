"""Files that go with a question: what they are is told by what is in them, not by their names."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, request
from werkzeug.datastructures import FileStorage

from .languages import gettext

ACCEPTED = ".png,.jpg,.jpeg,.gif,.webp,.pdf,.txt,.md,.csv"
MOST_FILES = 4  # with one question
MOST_BYTES = 2_000_000  # of a file
MOST_OF_CONVERSATION = 12_000_000  # all of them are sent with each further question
LONGEST_NAME = 100

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


@dataclass(frozen=True)
class Attachment:
    """A file, as it is kept and sent to a provider."""

    name: str
    type: str
    data: bytes


def attached() -> list[Attachment]:
    """Give the files of the form; refuse, in words for the page, what cannot be read."""
    given = [file for file in request.files.getlist("files") if file.filename]
    if len(given) > MOST_FILES:
        abort(413, gettext("Attach at most %(most)s files to a question.", most=MOST_FILES))
    return [_read(file) for file in given]


def refuse_too_many(size: int) -> None:
    """Refuse files with which a conversation would come to so many bytes."""
    if size > MOST_OF_CONVERSATION:
        abort(413, gettext("This conversation has no room for more files. Begin a new one."))


def too_large() -> str:
    """What is said of files that are too large, where nobody knows which."""
    return gettext("These files are too large: %(most)s MB at most for each.", most=_megabytes())


def _read(file: FileStorage) -> Attachment:
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2][-LONGEST_NAME:]
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        told = gettext("%(name)s is too large: %(most)s MB at most.", name=name, most=_megabytes())
        abort(413, told)
    type = type_of(data)
    if type is None:
        abort(415, gettext("%(name)s is neither a picture nor a PDF nor text.", name=name))
    return Attachment(name, type, data)


def _megabytes() -> str:
    return str(MOST_BYTES // 1_000_000)


def type_of(data: bytes) -> str | None:
    """What is in a file; None where that is nothing a model reads."""
    for beginning, type in _BEGINNINGS:
        if data.startswith(beginning):
            return type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return "text/plain" if text.strip() and "\0" not in text else None
