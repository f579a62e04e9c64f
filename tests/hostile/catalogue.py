"""All behaviours."""

from __future__ import annotations

from tests.hostile import behaviours, transport
from tests.hostile.registry import BEHAVIOURS

__all__ = ["BEHAVIOURS", "behaviours", "transport"]  # each module adds its own
