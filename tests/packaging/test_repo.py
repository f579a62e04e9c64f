"""The promises that the repo makes about itself."""

import json
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
MOST_LINES = 350
# A file may be longer for a reason: {"flask_stream/name.py": "the reason"}.
LONGER = {}


def source_files():
    return [*REPO.glob("flask_stream/**/*.py"), *REPO.glob("js/src/**/*.js")]


def test_the_version_is_the_newest_in_the_changelog():
    changelog = (REPO / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, *_ = re.findall(r"^## \[(\d[^]]*)\]", changelog, flags=re.MULTILINE)

    assert version("flask-stream-sse") == newest


def test_every_source_file_can_be_read_in_one_go():
    lines = {
        path.relative_to(REPO).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in source_files()
    }
    assert lines

    longer = {name: count for name, count in lines.items() if count > MOST_LINES}

    assert longer.keys() == LONGER.keys(), longer


def test_the_lock_file_leaves_the_choice_of_registry_to_the_user():
    lock = json.loads((REPO / "js/package-lock.json").read_text(encoding="utf-8"))

    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


@pytest.mark.skipif(not shutil.which("npm"), reason="needs Node and npm; make test gets them")
@pytest.mark.skipif(
    not (REPO / "js/node_modules").is_dir(), reason="needs js/node_modules; make test gets them"
)
def test_the_client_is_the_one_that_its_source_builds():
    check = subprocess.run(
        ["npm", "run", "check-fresh"], cwd=REPO / "js", capture_output=True, text=True, timeout=60
    )

    assert check.returncode == 0, check.stdout + check.stderr
