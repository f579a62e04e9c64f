"""The documentation's components, bundled, and served by a real gunicorn to a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.chat.chatting import Chat, chatting
from tests.conftest import ROOT
from tests.resume.serving import Server, serving

DOCS = ROOT / "docs"
TEXT = (DOCS / "front-ends.md").read_text("utf-8")
PAGES = Path(__file__).parent / "pages"
BUNDLE = ROOT / "js" / "test" / "front-ends" / "bundle.mjs"
NODE = os.environ.get("PLAYWRIGHT_NODEJS_PATH") or shutil.which("node")
# The documentation's components, in its order: the language, and the file that pages import.
COMPONENTS = [
    ("tsx", "Chat.tsx"),
    ("tsx", "Others.tsx"),
    ("vue", "Chat.vue"),
    ("vue", "Others.vue"),
]


def snippets() -> list[tuple[str, str]]:
    """The language and the text of each."""
    return re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not NODE or not (ROOT / "js" / "node_modules" / "react-dom-18").is_dir():
        pytest.skip("needs Node, and «npm ci» in js/; make test does both")
    folder = shutil.copytree(PAGES, tmp_path_factory.mktemp("front_ends") / "pages")
    shown = [text for language, text in snippets() if language in ("tsx", "vue")]
    for (_, name), text in zip(COMPONENTS, shown, strict=True):
        (folder / name).write_text(text, "utf-8")
    made = subprocess.run(
        [NODE, BUNDLE, folder], capture_output=True, text=True, timeout=120, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / "bundle"


@pytest.fixture(scope="module")
def server(bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("front")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNDLE", str(bundled))
        with serving(folder, "memory:", workers=1, app="tests.front_ends.site:app") as server:
            yield server


@pytest.fixture(params=["react-18", "react-19", "vue"])
def front(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def chat(browser: Browser, server: Server) -> Iterator[Chat]:
    """The chat of a new reader. In its page nothing may fail, and no front end may warn."""
    with chatting(browser, server) as chat:
        yield chat
