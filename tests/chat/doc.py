"""The snippets of docs/chat.md."""

from __future__ import annotations

import re

from tests.conftest import ROOT

DOC = (ROOT / "docs" / "chat.md").read_text("utf-8")


def snippets(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    assert found, language
    return found


THREE, PAGE, RATED = snippets("html")
PYTHON = "\n".join(snippets("python"))
TEMPLATES = {
    "chat.html": PAGE,
    "told.html": f'{{% extends "layout.html" %}}{{% block main %}}{RATED}{{% endblock %}}',
}
