"""What `import flask_stream` costs beside `import flask`, which it needs anyway."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 11
MOST = 1.15  # times Flask's


def seconds(module: str, bytecode: str) -> float:
    """Processor time in a fresh process, which a busy machine disturbs less than the clock's."""
    clock = "time.process_time()"
    code = f"import time; begun = {clock}; import {module}; print({clock} - begun)"
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": bytecode}
    command = [sys.executable, "-c", code]
    return float(subprocess.check_output(command, env=environment, text=True))


def main() -> None:
    costs: dict[str, list[float]] = {"flask": [], "flask_stream": []}
    with tempfile.TemporaryDirectory() as bytecode:
        for module in costs:  # the first time, it is compiled
            seconds(module, bytecode)
        for _ in range(ROUNDS):
            for module, measured in costs.items():
                measured.append(seconds(module, bytecode))
    flask, ours = (statistics.median(measured) for measured in costs.values())
    print(f"import flask: {flask * 1000:.0f} ms; import flask_stream: {ours * 1000:.0f} ms")
    verdict = "met" if ours <= MOST * flask else "MISSED"
    print(f"{verdict}: at most {MOST} x Flask's: {ours / flask:.2f} x")


if __name__ == "__main__":
    main()
