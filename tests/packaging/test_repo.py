"""The promises that the repo makes about itself."""

import json
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPO = Path(__file__).parents[2]
MOST_LINES = 350
# A file may be longer for a reason: {"flask_stream/name.py": "the reason"}.
LONGER = {}
# Where npm installs something.
NPM = ["js", "bench/server/ai_sdk"]


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


@pytest.mark.parametrize("folder", NPM)
def test_the_lock_file_leaves_the_choice_of_registry_to_the_user(folder):
    lock = json.loads((REPO / folder / "package-lock.json").read_text(encoding="utf-8"))

    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []


def test_each_promise_of_the_security_page_names_tests_that_are_there():
    page = (REPO / "SECURITY.md").read_text(encoding="utf-8")
    promises = page.partition("## What is promised")[2].partition("\n## ")[0]
    file = r"`(?:js/test|tests)/[^`]+`"
    rows = re.findall(rf"^\| [^|]+ \| ({file}(?:, {file})*) \|$", promises, flags=re.MULTILINE)

    assert len(rows) == promises.count("\n| ") - 1  # but for the head
    names = re.findall(r"`([^`]+)`", "".join(rows))
    assert [name for name in names if not (REPO / name).exists()] == []


def test_the_security_page_leads_only_to_places_that_are_there():
    page = (REPO / "SECURITY.md").read_text(encoding="utf-8")
    for path, _, anchor in re.findall(r"\]\(([^)#]+)(#([^)]+))?\)", page):
        text = (REPO / path).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert not anchor or anchor in slugs, (path, anchor)


@pytest.mark.parametrize("folder", NPM)
def test_npm_runs_nothing_that_a_package_brings(folder):
    settings = (REPO / folder / ".npmrc").read_text(encoding="utf-8").splitlines()

    assert "ignore-scripts=true" in settings


# -- what is installed ------------------------------------------------------------------------

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
PINS = sorted((REPO / ".ci/pins").glob("*.txt"))
PYTHONS = ["3.11", "3.12", "3.13"]

# The first releases without a known advisory, as they name themselves; those of the bounds of ours
# that are there for one.
WITHOUT_ADVISORY = {
    "Flask": "3.1.3",  # GHSA-68rp-wp8r-4726
    "Jinja2": "3.1.6",  # GHSA-cpwx-vrp4-4pq7
    "Werkzeug": "3.1.6",  # GHSA-29vq-49wr-vm6x
    "requests": "2.33.0",  # CVE-2026-25645
    "urllib3": "2.8.0",  # CVE-2026-97689, CVE-2026-97687; GHSA-mf9v-mfxr-j63j, GHSA-qccp-gfcp-xxvc
    "gunicorn": "27.0.0",  # CVE-2026-134820
    "gevent": "23.9.0",  # CVE-2023-41419
    "anthropic": "0.87.0",  # CVE-2026-34450, CVE-2026-34452
    "flask-cors": "6.0.0",  # CVE-2024-6839, CVE-2024-6844, CVE-2024-6866
    "setuptools": "78.1.1",  # CVE-2025-47273
}


def asked_for(*extras):
    """The requirements of the project with these extras; its own extras are followed."""
    project = PROJECT["project"]
    found = [*project["dependencies"]]
    for extra in extras:
        for text in project["optional-dependencies"][extra]:
            requirement = Requirement(text)
            own = requirement.name == project["name"]
            found += asked_for(*requirement.extras) if own else [text]
    return found


def pinned(path):
    """Each line of a file of pins: the requirement, and its hashes."""
    text = re.sub(r"^#.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", "").strip().splitlines():
        requirement, *hashes = line.split("--hash=")
        yield Requirement(requirement), [text.strip() for text in hashes]


@pytest.mark.parametrize("name", WITHOUT_ADVISORY)
def test_no_lower_bound_lets_a_release_with_a_known_advisory_in(name):
    everything = asked_for(*PROJECT["project"]["optional-dependencies"])
    everything += PROJECT["build-system"]["requires"]
    bounds = [r for r in map(Requirement, everything) if r.name.lower() == name.lower()]

    assert bounds
    *release, last = (int(part) for part in WITHOUT_ADVISORY[name].split("."))
    before = ".".join(map(str, [*release, last - 1])) if last else f"{WITHOUT_ADVISORY[name]}.dev0"
    assert not [
        str(bound) for bound in bounds if bound.specifier.contains(before, prereleases=True)
    ]


def test_the_core_needs_flask_and_what_flask_needs_alone():
    names = {Requirement(text).name for text in PROJECT["project"]["dependencies"]}

    assert names == {"Flask", "Jinja2", "Werkzeug"}


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.stem)
def test_what_ci_installs_is_pinned_with_hashes_and_names_no_index(path):
    assert "//" not in path.read_text("utf-8")
    for requirement, hashes in pinned(path):
        assert [spec.operator for spec in requirement.specifier] == ["=="]
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", text) for text in hashes)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", ["test", "test-core"])
def test_the_pins_are_of_what_the_project_asks_for(extra, python):
    """Or «make pins» has been forgotten."""
    on = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    there = {
        requirement.name.lower(): next(iter(requirement.specifier)).version
        for requirement, _ in pinned(REPO / f".ci/pins/{extra}.txt")
        if requirement.marker is None or requirement.marker.evaluate(on)
    }
    for asked in map(Requirement, asked_for(extra)):
        found = there.get(asked.name.lower())
        assert found is not None, asked.name
        assert asked.specifier.contains(found), (str(asked), found)


@pytest.mark.parametrize("script", ["get-venv", "get-node", "get-nginx", "get-valkey"])
def test_what_the_tests_install_is_checked_by_its_hashes(script):
    text = (REPO / ".ci" / script).read_text("utf-8")

    assert "--require-hashes --requirement" in text


@pytest.mark.skipif(not shutil.which("npm"), reason="needs Node and npm; make test gets them")
@pytest.mark.skipif(
    not (REPO / "js/node_modules").is_dir(), reason="needs js/node_modules; make test gets them"
)
def test_the_client_is_the_one_that_its_source_builds():
    check = subprocess.run(
        ["npm", "run", "check-fresh"], cwd=REPO / "js", capture_output=True, text=True, timeout=60
    )

    assert check.returncode == 0, check.stdout + check.stderr
