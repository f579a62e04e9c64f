"""The snippets of docs/chat.md."""

from __future__ import annotations

import re

from tests.conftest import ROOT

DOC = (ROOT / "docs" / "chat.md").read_text("utf-8")


def snippets(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    assert found, language
    return found


TAG, PAGE, OWN, RATED, BARE = snippets("html")
IMPORTS, APP, TOLD, RATE = snippets("python")
PYTHON = "\n".join(snippets("python"))


def _in_layout(main: str) -> str:
    return f'{{% extends "layout.html" %}}{{% block main %}}{main}{{% endblock %}}'


TEMPLATES = {
    "chat.html": PAGE,
    "tag.html": _in_layout(TAG),
    "own.html": _in_layout(OWN),
    "files.html": _in_layout("{{ stream_chat(url_for('files'), attach=True) }}"),
    "told.html": _in_layout(RATED),
    "bare.html": _in_layout(f'<meta name="csrf-token" content="{{{{ csrf_token() }}}}">{BARE}'),
}
