"""The Result as one JSON document, once the run is over."""

from __future__ import annotations

import json

from ..errors import http_status
from ..result import Result
from .base import Complete


class Json(Complete):
    """`application/json`."""

    name = "json"
    mimetype = "application/json"

    def render(self, result: Result) -> tuple[bytes, int]:
        # The Result whatever the status.
        return json.dumps(result.to_dict()).encode(), status_of(result)


def status_of(result: Result) -> int:
    """200, or that of the exception that it failed by, or what the failure's code stands for."""
    failed = result.error
    return 200 if failed is None else failed.status or http_status(failed.code)
