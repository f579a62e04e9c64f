"""On what has been measured: the machine, and the releases of what took part."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .contenders import AI_SDK, node

PACKAGES = [
    *("Flask", "Werkzeug", "gunicorn", "gevent", "openai", "anthropic", "httpx2", "requests"),
    *("fastapi", "starlette", "sse-starlette", "uvicorn", "uvloop", "httptools"),
]


def machine() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    name = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores of {name}, Linux {platform.release().split('-')[0]}"


def load() -> float:
    return os.getloadavg()[0]


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            pass
    try:
        said = subprocess.check_output([node(), "--version"], text=True)
        found["Node"] = said.strip().removeprefix("v")
    except OSError:
        pass
    for package in ("ai", "@ai-sdk/openai", "@ai-sdk/anthropic"):
        manifest = AI_SDK / "node_modules" / package / "package.json"
        if manifest.exists():
            found[package] = json.loads(manifest.read_text())["version"]
    return found
