"""Who takes part is measured in turns, so that a machine that is slow for a while is so for all."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from .contenders import Contender, Server, serving
from .measure import CouldNot, Load, figures, idle, memory, warm

# By contender: one for each round; None where it could not do it.
Rounds = dict[str, list[dict[str, float] | None]]
# By load and by wire.
Loads = dict[str, dict[str, Rounds]]


def measured(server: Server, wire: str, load: Load, idle: float) -> dict[str, float] | None:
    try:
        return asdict(figures(server, wire, load, idle))
    except CouldNot as error:
        reason = str(error).strip().splitlines()[-1]
        name = server.contender.name
        print(f"{name} could not do {wire}, {load.name}: {reason}", file=sys.stderr)
        return None


def of_loads(
    contenders: Sequence[Contender],
    wires: Sequence[str],
    loads: Mapping[Load, int],
    port: int,
    folder: Path,
) -> Loads:
    """:param loads: how many rounds of each.
    :param port: the provider's.
    """
    found: Loads = {}
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        idling: dict[str, float] = {}
        for each in contenders:
            server = stack.enter_context(serving(each, f"http://127.0.0.1:{port}", folder))
            warm(server)
            servers[each.name], idling[each.name] = server, idle(server, seconds=2.0)
        for number in range(max(loads.values())):
            print(f"round {number + 1} of {max(loads.values())}", file=sys.stderr)
            for load in (load for load, rounds in loads.items() if number < rounds):
                for wire in wires:
                    cell = found.setdefault(load.name, {}).setdefault(wire, {})
                    # There and back: nobody is always behind the same other one.
                    for each in contenders[:: 1 if number % 2 == 0 else -1]:
                        if wire in each.wires:
                            spent = measured(servers[each.name], wire, load, idling[each.name])
                            cell.setdefault(each.name, []).append(spent)
    return found


def of_memory(
    contenders: Sequence[Contender], wires: Sequence[str], streams: int, port: int, folder: Path
) -> dict[str, dict[str, float]]:
    """KiB for each open stream, by wire and contender: each time on a server that is new."""
    found: dict[str, dict[str, float]] = {wire: {} for wire in wires}
    for wire in wires:
        for each in contenders:
            if wire in each.wires:
                with serving(each, f"http://127.0.0.1:{port}", folder) as server:
                    found[wire][each.name] = memory(server, wire, streams)
    return found
