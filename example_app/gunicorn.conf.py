"""gunicorn -c example_app/gunicorn.conf.py "example_app:create_app()": a thread for each stream."""

from __future__ import annotations

import os
import secrets
from typing import Any

bind = f"127.0.0.1:{os.environ.get('PORT') or 8000}"
worker_class = "gthread"
# A stream keeps its thread until it ends, and a thread that waits costs next to nothing.
threads = 64
# All workers of this server may ask the canned provider that one of them has started.
os.environ.setdefault("CANNED_PROVIDER_KEY", secrets.token_urlsafe())
# Nobody steers a demo through a socket in the home directory.
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Print the address; with PORT=0 only the socket knows it."""
    print(f"Flask-Stream's example app: open {server.LISTENERS[0]}", flush=True)
