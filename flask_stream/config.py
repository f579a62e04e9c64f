"""The `STREAM_…` keys of an app's configuration: what each may be, and its default.

What they mean is told where users look: in the docstring of `FlaskStream`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, MutableMapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from .errors import ConfigurationError
from .logs import EXPECTED_URL, is_log_url
from .origins import are_origins
from .providers.source import MOST_EVENT_BYTES
from .result import MOST_CHARACTERS
from .told import logger


class _Setting(NamedTuple):
    default: Any
    expected: str
    fits: Callable[[object], bool]


def is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_prefix(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(/[^/<>\s?#]+)+", value) is not None


def is_linger(value: object) -> bool:
    return value is None or (value == 0 and not isinstance(value, bool)) or is_seconds(value)


def _is_gettext(value: object) -> bool:
    return value is None or (callable(value) and not inspect.iscoroutinefunction(value))


def _is_lease(value: object) -> bool:
    return is_seconds(value) and value >= _LEAST_LEASE  # type: ignore[operator]


EXPECTED_SECONDS = "a number of seconds above 0"
EXPECTED_LINGER = "a number of seconds, 0 included, or None (a run goes on to its end)"
_LEAST_LEASE = 2  # seconds: it is renewed twice a second, and a machine may be busy
_EXPECTED_COUNT = "a whole number above 0"

SETTINGS: Mapping[str, _Setting] = {
    "STREAM_URL_PREFIX": _Setting("/_stream", 'a path like "/_stream"', _is_prefix),
    "STREAM_HEARTBEAT": _Setting(15, EXPECTED_SECONDS, is_seconds),
    "STREAM_IDLE_SECONDS": _Setting(120, EXPECTED_SECONDS, is_seconds),
    "STREAM_MAX_SECONDS": _Setting(
        None, f"{EXPECTED_SECONDS}, or None", lambda v: v is None or is_seconds(v)
    ),
    "STREAM_SHUTDOWN_SECONDS": _Setting(
        "auto", f'{EXPECTED_SECONDS}, or "auto"', lambda v: v == "auto" or is_seconds(v)
    ),
    "STREAM_MAX_CONCURRENT": _Setting(
        "auto",
        f'{_EXPECTED_COUNT}, None, or "auto"',
        lambda v: v in ("auto", None) or _is_count(v),
    ),
    "STREAM_LOG_URL": _Setting(None, EXPECTED_URL, is_log_url),
    "STREAM_TTL": _Setting(3600, EXPECTED_SECONDS, is_seconds),
    "STREAM_LINGER": _Setting(30, EXPECTED_LINGER, is_linger),
    "STREAM_LEASE_SECONDS": _Setting(10, "a number of seconds, 2 or more", _is_lease),
    "STREAM_MAX_RUNS": _Setting(500, _EXPECTED_COUNT, _is_count),
    "STREAM_MAX_EVENT_BYTES": _Setting(MOST_EVENT_BYTES, _EXPECTED_COUNT, _is_count),
    "STREAM_MAX_CHARACTERS": _Setting(MOST_CHARACTERS, _EXPECTED_COUNT, _is_count),
    "STREAM_TRUSTED_ORIGINS": _Setting(
        (),
        "a tuple or list of origins, each with a scheme, a host, a port where it is not the "
        'scheme\'s own, and no path: ("https://app.example",). As browsers send them: what is no '
        "ASCII in its xn-- form (Punycode). There are no wildcards: name each. Nor is null one: "
        "who may ask without an origin may by @stream.response(cross_site=True) on the route",
        are_origins,
    ),
    "STREAM_GETTEXT": _Setting(
        None,
        "None, or a function (no async def) that takes an English text and returns it in the "
        "reader's language, such as flask_babel.gettext",
        _is_gettext,
    ),
}


def check(config: MutableMapping[str, Any]) -> None:
    """Give each key that is missing its default.

    :raises ConfigurationError: a value cannot be used.
    """
    for key, setting in SETTINGS.items():
        value = config.setdefault(key, setting.default)
        if not setting.fits(value):
            raise ConfigurationError(key, value, setting.expected)


def check_kept(config: Mapping[str, Any], key: str, value: object) -> None:
    """:raises ConfigurationError: another value was set than the one that is in use by now."""
    if config[key] != value:
        expected = f"{value!r}, which is in use since init_app. Set it before that"
        raise ConfigurationError(key, config[key], expected)


# How alike, from 0 to 1: one letter that is wrong, missing or too much is. Apps have keys of their
# own, such as STREAM_MIN_SECONDS.
_MISSPELT = 0.92


def warn_of_misspelt(config: Mapping[str, Any], told: set[str]) -> None:
    """Tell of keys that are nearly one of ours, and that nobody reads.

    :param told: those of which that was told; it grows.
    """
    for key in list(config):  # which another thread may change meanwhile
        if not isinstance(key, str) or not key.startswith("STREAM_") or key in SETTINGS:
            continue
        meant = get_close_matches(key, SETTINGS, n=1, cutoff=_MISSPELT)
        meant += [known for known in SETTINGS if f"{known}_".startswith(f"{key}_")]
        meant += [known for known in SETTINGS if key.startswith(f"{known}_")]
        if meant and key not in told:
            told.add(key)
            logger.warning(
                "Flask-Stream has no setting %s. If %s was meant, it is misspelt, and has no "
                "effect.",
                key,
                meant[0],
            )
