"""Catalogues of our texts, made from the list in docs/languages.md as its readers are told to."""

from __future__ import annotations

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from tests.conftest import ROOT

DOC = (ROOT / "docs" / "languages.md").read_text("utf-8")
[LIST] = re.findall(r"^```po\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)

# What stands on the controls that a template tag makes. What the package says elsewhere has a name
# in `flask_stream.texts`.
LABELS = ("Your question", "Ask something", "Files", "Send", "Stop", "Retry")


def listed() -> Catalog:
    return read_po(BytesIO(LIST.encode()))


def in_language(language: str, text: str) -> str:
    """What these catalogues make of a text: good enough to be told from the others."""
    return f"«{language}» {text}"


def make_catalogues(folder: Path, *languages: str) -> Path:
    """Write and compile them; gives the folder of translations."""
    translations = folder / "translations"
    for language in languages:
        catalog = listed()
        for message in catalog:
            if message.id:
                message.string = in_language(language, str(message.id))
        place = translations / language / "LC_MESSAGES"
        place.mkdir(parents=True)
        with (place / "flask_stream.po").open("wb") as file:
            write_po(file, catalog)
    command = ["compile", "-d", "translations", "-D", "flask_stream"]
    subprocess.run(
        [sys.executable, "-m", "babel.messages.frontend", *command],
        cwd=folder,
        check=True,
        timeout=60,
        capture_output=True,
    )
    return translations
