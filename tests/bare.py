"""A run without a request, for tests of what it gives."""

from __future__ import annotations

import time

from flask_stream.providers.under_way import Relays
from flask_stream.run import Run


def bare_run() -> Run:
    began = time.monotonic()
    return Run(relays=Relays(), callbacks=[], sender=None, name="-", began=began, debug=False)
