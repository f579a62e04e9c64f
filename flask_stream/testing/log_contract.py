"""`LogContract`: what each log has to do, as tests that a log's own test class inherits.

class TestMyLog(LogContract):
    def open(self, folder):
        return MyLog(folder / "runs")
"""

from __future__ import annotations

from .log_rows import RowsContract
from .log_runs import RunsContract


class LogContract(RunsContract, RowsContract):
    """Inherited by the test class of a log, which says how that is opened (`open`)."""
