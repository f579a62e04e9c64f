"""Many streams in one worker, and many for long: on servers of their own, which are new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from .contenders import Contender, Server, serving
from .measure import Load, reading, warm
from .pace import Pace
from .processes import descriptors, memory_kib, threads, tree
from .rounds import Rounds, measured

SETTLED = 60.0  # seconds
MANY, BURST = "many", "burst"


@dataclass(frozen=True)
class Size:
    """What a server holds while the same number of streams is open."""

    kib: float
    threads: float
    descriptors: float


def many(streams: int, seconds: float) -> Load:
    rate = 20
    opening = streams / 100
    pace = Pace(int((opening + seconds + 60) * rate), rate)
    return Load(MANY, pace, streams, streams, opening, window=seconds)


def burst(streams: int) -> Load:
    """All are opened in the same moment, and read to their end."""
    return Load(BURST, Pace(60, 6), streams, streams)


def figures_of(
    contenders: Sequence[Contender], wire: str, load: Load, rounds: int, port: int, folder: Path
) -> Rounds:
    """In turns, each time on a server that is new: pools of threads do not shrink."""
    found: Rounds = {each.name: [] for each in contenders}
    for _ in range(rounds):
        for each in contenders:
            with serving(each, f"http://127.0.0.1:{port}", folder) as server:
                warm(server)
                found[each.name].append(measured(server, wire, load, idle=0.0))
    return found


def soak(
    contender: Contender, wire: str, streams: int, minutes: float, port: int, folder: Path
) -> dict[str, dict[str, float]]:
    """The server's size while streams of 20 s come and go: first and last third of the time.

    It begins when each of the first streams has had two followers: pools and arenas grow till then.
    """
    load = Load("soak", Pace(200, 10), 10**9, streams, opening=20.0, hold=SETTLED + minutes * 60)
    sizes: list[Size] = []
    with serving(contender, f"http://127.0.0.1:{port}", folder) as server:
        warm(server)
        with reading(server, wire, load) as reader:
            settled = time.monotonic() + SETTLED
            end = time.monotonic() + load.hold
            while time.monotonic() < end and reader.poll() is None:
                if time.monotonic() > settled:
                    sizes.append(_size(server))
                time.sleep(1)
            assert reader.poll() is None, f"{contender.name} stopped streaming: {server.log()}"
    third = max(1, len(sizes) // 3)
    return {"first": asdict(_middle(sizes[:third])), "last": asdict(_middle(sizes[-third:]))}


def _size(server: Server) -> Size:
    pids = tree(server.pid)
    return Size(memory_kib(pids), threads(pids), descriptors(pids))


def _middle(sizes: Sequence[Size]) -> Size:
    return Size(
        median(size.kib for size in sizes),
        median(size.threads for size in sizes),
        median(size.descriptors for size in sizes),
    )
