"""Each extra brings all that what it is for needs: tried with the wheel, the extra, and no more."""

import shutil
import subprocess
import sys
import tomllib
import venv

import pytest

from tests.own_time import part_of
from tests.packaging.test_wheel import HERE, PATIENCE, REPO, source, wheel

__all__ = ["source", "wheel"]  # fixtures

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
# Those of users; the others are for running these tests, and the bench.
EXTRAS = sorted(PROJECT["optional-dependencies"].keys() - {"test", "test-core", "bench"})


def pip(*arguments, python=sys.executable):
    command = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    return subprocess.run(
        [str(part) for part in (*command, *arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def registry():
    """Something that gives packages to pip: not asked of its cache."""
    asked = ("install", "--dry-run", "--no-deps", "--ignore-installed", "--no-cache-dir")
    answer = pip(*asked, "--retries", "0", "--timeout", "15", "itsdangerous")
    if answer.returncode != 0:
        said = answer.stderr.strip().splitlines()[-1:]
        pytest.skip(f"pip reaches no package index here, so no extra can be installed: {said}")


# The first three are in the fourth, and each takes a download.
@pytest.mark.parametrize("extra", part_of(EXTRAS, kept=["example", "redis"]))
@pytest.mark.usefixtures("registry")
def test_an_extra_brings_all_that_it_is_for(wheel, tmp_path, extra):
    venv.create(tmp_path / "environment", with_pip=False)
    python = tmp_path / "environment" / "bin" / "python"
    # Compiling all modules would take longer than the rest; few of them are used here.
    installed = pip("install", "--quiet", "--no-compile", f"{wheel}[{extra}]", python=python)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    work = tmp_path / "work"
    shutil.copytree(REPO / "tests" / "transcripts", work)
    shutil.copytree(REPO / "example_app", work / "example_app")
    shutil.copy(HERE / "uses_an_extra.py", work)

    done = subprocess.run(
        [str(python), "-P", "uses_an_extra.py", extra, str(work)],
        cwd=work,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stdout + done.stderr
