"""What the server says to readers is among the words that the client has in each language.

The client looks each text up by its English words, also one that comes from the server: on a page
in German it is said in German, though the server knows no languages.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_stream import errors, failed, web
from tests.conftest import ROOT

WORDS = ROOT / "js" / "src" / "words"
# For whoever writes a page or a program that asks; what has values in it is, too.
FOR_DEVELOPERS = {
    "This Idempotency-Key was used for another request. Send each request with a key of its own.",
    "after= must be the number of an event: what stands behind the dot of its id.",
}


def messages() -> set[str]:
    """Those of all failures that are made in the package, as far as they are written there."""
    found: set[str] = set()
    for path in (ROOT / "flask_stream").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in calls(tree):
            for argument in call.args[:2]:
                found.update(texts(argument, tree))
    return {text for text in found if " " in text}  # the others are codes


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            made = node.func.id if isinstance(node.func, ast.Name) else ""
            if made == "Failed" or any(each.arg == "error_code" for each in node.keywords):
                yield node


def texts(argument: ast.expr, tree: ast.AST) -> Iterator[str]:
    """The text itself, or what a name is given in that file."""
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.Name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                if any(isinstance(to, ast.Name) and to.id == argument.id for to in node.targets):
                    yield str(node.value.value)


def test_the_messages_are_found() -> None:
    found = messages()
    assert found >= FOR_DEVELOPERS
    for beginning in ("Too many answers", "This answer is not there", "Nobody was reading"):
        assert any(text.startswith(beginning) for text in found), beginning


@pytest.mark.parametrize("path", sorted(WORDS.iterdir()), ids=lambda path: path.stem)
def test_each_message_for_readers_is_in_each_language(path: Path) -> None:
    words = json.loads(path.read_text(encoding="utf-8"))
    for_readers = {*messages(), *errors.SAFE_MESSAGES.values(), failed._SIGN_IN} - FOR_DEVELOPERS
    assert for_readers - words.keys() == set()


def test_each_language_has_its_file() -> None:
    assert sorted(web._LANGUAGES) == sorted(path.stem for path in WORDS.iterdir())
