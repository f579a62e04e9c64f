"""What apps, and logs that an app brings, can be tested with. It needs pytest."""

from .log_contract import LogContract

__all__ = ["LogContract"]
