"""The words that the documentation lists are those that there are: no more, and no fewer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from flask_stream import Data, Result, Text
from flask_stream.config import SETTINGS
from flask_stream.errors import SAFE_MESSAGES
from flask_stream.event_checks import OF_EVENTSOURCE
from flask_stream.events import RESERVED
from flask_stream.providers import stop_reasons
from flask_stream.providers.under_way import Relays
from flask_stream.run import Run, Stopped
from tests.conftest import ROOT, Site

README = (ROOT / "README.md").read_text("utf-8")
DOCS = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}


def words_behind(text: str, beginning: str, end: str = r"\.|$") -> set[str]:
    """The words of a list: what stands between `beginning` and `end`, which are patterns."""
    found = re.search(f"{beginning}(.*?)(?:{end})", text, re.DOTALL | re.MULTILINE)
    assert found, beginning
    return set(re.findall(r"[a-z_]+", found[1])) - {"or", "and"}


def test_the_outcomes_that_are_documented_are_those_that_runs_have(site: Site) -> None:
    def view() -> Iterator[str]:
        yield "one"
        if len(results) == 1:
            raise RuntimeError
        if len(results) == 2:
            yield "two"

    results: list[Result] = []
    site.view(on_finish=results.append)(view)
    site.ask().get_data()
    site.ask().get_data()
    with site.ask(buffered=False) as left:
        next(iter(left.response))
    stopped = Run(
        callbacks=[results.append],
        relays=Relays(),
        sender=site.app,
        name="stopped",
        began=0,
        debug=False,
    )
    stopped.open(iter([[Text("one")], [Text("two")]]))
    stopped.end(Stopped())
    assert [batch[-1].kind for batch in stopped.batches()] == ["done"]
    outcomes = {str(result.outcome) for result in results}
    assert words_behind(README, r"`outcome` \(", r"\)") == outcomes
    told = re.search(r":ivar outcome:(.*?):ivar", Result.__doc__ or "", re.DOTALL)
    assert told
    assert set(re.findall("``([a-z]+)``", told[1])) == outcomes


def test_the_stop_reasons_that_are_documented_are_those_that_runs_have() -> None:
    reasons = {*stop_reasons._OURS.values(), "stopped", "other"}
    assert words_behind(README, r"^\| `done` \| `[^`]*`; ", r" \|$") == reasons
    assert words_behind(DOCS["client.md"], r"`data-stop-reason` says why it ended: ") == reasons


def test_the_codes_of_failures_that_are_documented_are_those_that_runs_have() -> None:
    codes = words_behind(README, r"^\| `failed` \| `[^`]*`; ", ", or a code of yours")
    assert codes == set(SAFE_MESSAGES)


def test_the_event_names_that_are_documented_as_refused_are_those_that_data_refuses() -> None:
    rows = README.partition("| event | data |")[2].partition("\n\n")[0]
    told = set(re.findall(r"^\| `([a-z_]+)` \|", rows, re.MULTILINE))
    told |= set(re.findall(r"`([a-z]+)`", rows.partition("are refused, as are")[2].split("|")[0]))
    for name in told:
        with pytest.raises(ValueError, match=name):
            Data(name, 1)
    assert told == RESERVED | OF_EVENTSOURCE


def test_each_setting_is_read_and_each_that_is_named_is_one() -> None:
    package = ROOT / "flask_stream"
    others = [path for path in package.rglob("*.py") if path.name != "config.py"]
    source = "".join(path.read_text("utf-8") for path in others)
    assert {key for key in SETTINGS if f'["{key}"]' not in source} == set()
    for name, text in {"README.md": README, **DOCS}.items():
        assert set(re.findall(r"`(STREAM_[A-Z_]+)`", text)) <= set(SETTINGS), name


def test_each_setting_has_its_default_in_the_table_of_the_deployment_guide() -> None:
    rows = re.findall(r"^\| `(STREAM_[A-Z_]+)` \| (.*?) \|", DOCS["deployment.md"], re.MULTILINE)
    assert {key: told.strip('"') for key, told in rows} == {
        key: str(setting.default) for key, setting in SETTINGS.items()
    }
