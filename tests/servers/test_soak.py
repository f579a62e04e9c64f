"""Hundreds of runs in which everything goes wrong that can, and nothing of them is left."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.provider import Provider
from tests.servers.running import Server, events_of, matrix, running, until
from tests.servers.soaking import (
    HELD,
    IDLE,
    NO_STREAM,
    Faulty,
    at_random,
    carry_out,
    carry_out_all,
    each_once,
)

pytestmark = pytest.mark.slow

RUNS = 250
PLACES = 48  # of streams; gunicorn's gthread has 64 threads here
SETTINGS = {
    "STREAM_HEARTBEAT": 0.15,
    "STREAM_IDLE_SECONDS": IDLE,
    "STREAM_MAX_CONCURRENT": PLACES,
}

# How much more of each thing there may be after RUNS than before. Of what can be counted: as
# much as comes and goes by itself. Of memory: 10 blocks a run, where one run is made of
# hundreds; and, as not all that is freed goes back to the system, 40 KB.
MORE = {
    "threads": 2,
    "tasks": 3,
    "greenlets": 4,
    "files": 3,
    "blocks": 10 * RUNS,
    "resident": 40_000 * RUNS,
}


def ask(server: Server, path: str) -> dict[str, Any]:
    with server.connect() as client:
        told: dict[str, Any] = json.loads(client.ask("GET", path).whole())
        return told


def at_rest(server: Server, faulty: Faulty) -> dict[str, Any]:
    """What the worker holds once it has nothing to do, and has had the time to notice."""

    def rest() -> None:
        until(lambda: not any(ask(server, "/busy").values()), lambda: str(ask(server, "/busy")))

    rest()
    faulty.hang_up()
    for wire in ("anthropic", "openai_chat"):  # the pool of each SDK looks when it is used
        with server.connect() as client:
            assert client.ask("POST", f"/sdk/{wire}/afterwards").whole()
    rest()
    # In this order: to look for greenlets, `/state` touches every object, and some are proxies
    # that import what they stand for.
    state = ask(server, "/state")
    held = ask(server, "/held")
    return {**state, **held, "threads": len(state["threads"])}


def fill(server: Server, faulty: Faulty) -> None:
    """As many streams at once as there are places, and one more."""
    faulty.enough.clear()
    with ExitStack() as stack:
        stack.callback(faulty.enough.set)
        clients = []
        # One by one: gevent's worker closes a connection that asks nothing for two seconds.
        for _ in range(PLACES):
            clients.append(stack.enter_context(server.connect()).ask("POST", f"/chat/{HELD}"))
            assert clients[-1].status == 200
        with server.connect() as one_more:
            assert one_more.ask("POST", f"/chat/{HELD}").status == 503
        faulty.enough.set()
        for client in clients:
            assert events_of(client.whole(), comments=True)[-1][0] == "done"


@pytest.fixture(params=matrix("gunicorn gthread", "gunicorn gevent"))
def soaked(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Iterator[Server]:
    arguments = ["--config=python:tests.servers.site_for_soak"]
    with running(request.param, provider.base, tmp_path, SETTINGS, arguments) as server:
        yield server


def test_nothing_is_left_of_250_runs_with_random_faults(soaked: Server, provider: Provider) -> None:
    warming, soaking = each_once(), at_random(RUNS)
    # The SDKs' helpers build their models when they are first used. All threads wait for that,
    # for so long perhaps that the provider looks stalled.
    first = [plan for plan in warming if (plan.route, plan.fault) == ("helper", "none")]
    warming = [plan for plan in warming if plan not in first]
    faulty = Faulty([*first, *warming, *soaking])
    provider.run(faulty)
    for plan in first:
        with suppress(AssertionError):
            carry_out(plan, soaked)
    carry_out_all(warming, soaked)
    fill(soaked, faulty)
    before = at_rest(soaked, faulty)
    carry_out_all(soaking, soaked)
    after = at_rest(soaked, faulty)
    # Every place is there again.
    fill(soaked, faulty)
    assert after["pid"] == before["pid"]
    assert (before["parts"], after["parts"]) == ({}, {})
    more = {what: after[what] - before[what] for what in MORE}
    assert [what for what in MORE if more[what] > MORE[what]] == [], more
    # Each request was torn down once, and each run told how it ended once: a run that was
    # asked for has begun where the provider did not refuse it.
    assert after["torn_down_twice"] == after["contexts_twice"] == []
    assert after["requests"] == after["torn_down"] + 1 == after["contexts"]
    told = Counter(arguments["prompt"] for arguments, *_ in soaked.results())
    begun = {plan.prompt: 1 for plan in faulty.plans.values() if plan.fault not in NO_STREAM}
    assert {prompt: told[prompt] for prompt in faulty.plans if told[prompt]} == {
        prompt: 1 for prompt in begun if prompt in faulty.asked
    }
    assert set(faulty.asked.values()) == {1}
    assert "watch" not in soaked.log
