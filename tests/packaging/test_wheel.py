"""What `pip install` gives works from another folder, with nothing of this repo on the path."""

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Seconds. pip downloads, and builds: what takes it half a minute on a quiet machine took it five
# on one that was busy.
PATIENCE = 900

HERE = Path(__file__).parent
REPO = HERE.parents[1]
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "instance", "node_modules", "output"
)


def run(*command, cwd):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(kind, source, target):
    # Without isolation: the "test" extra has the build backend, so this needs no network.
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", target, source]
    run(*command, cwd=target)
    [built] = target.iterdir()
    return built


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    # A copy, because setuptools leaves build/ behind, whose old files go into later wheels.
    return shutil.copytree(REPO, tmp_path_factory.mktemp("source") / "repo", ignore=NOT_SOURCE)


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return build("--wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    return build("--sdist", source, tmp_path_factory.mktemp("sdist"))


def test_the_wheel_holds_the_package_with_its_client_and_nothing_else(wheel):
    names = names_in(wheel)

    assert {
        "flask_stream/static/flask-stream.js",
        "flask_stream/static/flask-chat.css",
        "flask_stream/static/flask-stream.css",
        "flask_stream/static/flask-stream-markdown.LICENSE.txt",  # of what it has of marked
        "flask_stream/py.typed",
    } <= names
    files = [*REPO.glob("flask_stream/**/*.py"), *REPO.glob("flask_stream/static/*")]
    assert {path.relative_to(REPO).as_posix() for path in files} <= names
    assert {name.split("/")[0] for name in names} == {
        "flask_stream",
        f"flask_stream_sse-{version('flask-stream-sse')}.dist-info",
    }


def test_the_sdist_builds_the_same_wheel(sdist, wheel, tmp_path):
    run(sys.executable, "-m", "tarfile", "--extract", sdist, "unpacked", cwd=tmp_path)
    [unpacked] = (tmp_path / "unpacked").iterdir()
    target = tmp_path / "wheel"
    target.mkdir()

    assert names_in(build("--wheel", unpacked, target)) == names_in(wheel)


def test_the_sdist_holds_the_tests_and_the_source_of_the_client(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"Makefile", "js/package-lock.json", "tests/packaging/test_wheel.py"} <= names
    assert {"docs/client.md", "bench/README.md"} <= names  # which tests read
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_installed_wheel_streams_from_another_folder(wheel, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    shutil.copy(HERE / "streams_when_installed.py", tmp_path)

    where = run(python, "streams_when_installed.py", cwd=tmp_path)

    assert Path(where.strip()).is_relative_to(environment)
