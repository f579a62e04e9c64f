"""What every contender asks, and whom."""

from __future__ import annotations

import os
from typing import Any

PROVIDER = os.environ["PROVIDER"]
KEY = "none"
PROMPT = "Tell me about the lighthouse at Tern Point."
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
