"""Every behaviour of a provider that means harm, by every source, in every format."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.hostile.catalogue import BEHAVIOURS
from tests.hostile.provider import SOURCES, Cut, HostileProvider
from tests.hostile.runs import Hostile, attack, cells, cut_cells
from tests.own_time import in_turn, part_of
from tests.provider import WIRES

pytestmark = [
    # The SDKs' helpers say so of what they have added up from fields of another type.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
    # urllib3 leaves a connection to the garbage collector whose Content-Length is no number.
    pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# What goes on for ever without a word is ended by the idle limit, cut or not.
each_that_can_be_cut = pytest.mark.parametrize(
    "behaviour", [name for name, behaviour in BEHAVIOURS.items() if not behaviour.silent]
)


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with HostileProvider() as provider:
        hostile = Hostile(provider)
        with hostile.log():
            for wire in WIRES:  # the SDKs build their models when they are first used
                for source in SOURCES:
                    list(attack(hostile, BEHAVIOURS["one byte at a time"], wire, source, "json"))
            yield hostile


def test_there_are_as_many_behaviours_as_there_were_in_the_attack() -> None:
    assert len(BEHAVIOURS) >= 57


@pytest.mark.parametrize(
    ("behaviour", "source"),
    part_of(product(BEHAVIOURS, SOURCES), kept=in_turn(BEHAVIOURS, SOURCES)),
)
def test_a_provider_that_means_harm_costs_one_run_and_nothing_else(
    hostile: Hostile, behaviour: str, source: str
) -> None:
    hostile.provider.cut = None
    found = [
        f"{wire}, {format}: {problem}"
        for wire, format in cells(behaviour, source)
        for problem in attack(hostile, BEHAVIOURS[behaviour], wire, source, format)
    ]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("how", ["FIN", "RST"])
@each_that_can_be_cut
def test_a_provider_that_means_harm_and_hangs_up_in_the_middle_of_it(
    hostile: Hostile, behaviour: str, how: str
) -> None:
    hostile.provider.cut = Cut(how)
    found = [
        f"{wire}, {source}, {format}: {problem}"
        for wire, source, format in cut_cells(behaviour)
        for problem in attack(hostile, BEHAVIOURS[behaviour], wire, source, format)
    ]
    assert not found, "\n".join(["", *found])
