"""The Result as one JSON document, once the run is over."""

from __future__ import annotations

import json

from ..result import Result
from .base import Complete, status_of


class Json(Complete):
    """`application/json`."""

    name = "json"
    mimetype = "application/json"

    def render(self, result: Result) -> tuple[bytes, int]:
        # The Result whatever the status.
        return json.dumps(result.to_dict()).encode(), status_of(result)
