"""What the server says to readers is among the words that the client has in each language.

The client looks each text up by its English words, also one that comes from the server: on a page
in German it is said in German, though the app has set no STREAM_GETTEXT.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flask_stream import texts, web
from tests.catalogues import LABELS
from tests.conftest import ROOT

WORDS = ROOT / "js" / "src" / "words"
# For whoever writes a page or a program that asks.
FOR_DEVELOPERS = {
    texts.OTHER_SITE,
    texts.OTHER_SITE_OR_PROXY,
    texts.SITE_WITHOUT_ORIGIN,
    texts.SITE_OF_NOBODY,
    texts.NO_FORMAT,
    texts.NO_POSITION,
    texts.NO_WANT,
    texts.NO_KEY,
    texts.USED_KEY,
    texts.TOO_LARGE,
    texts.NO_SUBMISSION,
    texts.NO_ATTEMPT,
}
# The client hides the browser's own control for files behind a button.
UNSEEN = {"Files"}


@pytest.mark.parametrize("path", sorted(WORDS.iterdir()), ids=lambda path: path.stem)
def test_each_text_for_readers_is_in_each_language(path: Path) -> None:
    words = json.loads(path.read_text(encoding="utf-8"))
    for_readers = {*texts.MESSAGES, *LABELS} - FOR_DEVELOPERS - UNSEEN
    assert for_readers - words.keys() == set()


def test_each_language_has_its_file() -> None:
    assert sorted(web._LANGUAGES) == sorted(path.stem for path in WORDS.iterdir())
