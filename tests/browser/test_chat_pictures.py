"""Pictures of `<flask-chat>` in each of its states, as its style sheets have it, alone and beside
those of others.

«make test-long» leaves them in tests/output/chat/. With FLASK_STREAM_PICTURES set (to anything)
those that docs/chat-looks.md shows go to docs/pictures/; they are committed.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chat_page import FRAMEWORKS, NO_END, check, open_chat, save, show_all
from tests.browser.chat_states import ARABIC, ENGLISH, States, Words
from tests.browser.client_server import Site
from tests.own_time import in_its_own_time

pytestmark = [pytest.mark.browser, in_its_own_time]

# Alone in all ways; beside each of the others, each thing once.
WAYS = [
    *(
        pytest.param(device, width, "plain", scheme, words, id=f"{device}-plain-{scheme}-{name}")
        for device, width in (("phone", 320), ("desktop", 1000))
        for scheme in ("light", "dark")
        for words, name in ((ENGLISH, "ltr"), (ARABIC, "rtl"))
    ),
    *(
        pytest.param(device, width, beside, scheme, words, id=f"{device}-{beside}-{scheme}-{name}")
        for beside in FRAMEWORKS
        if beside != "plain"
        for device, width, scheme, words, name in (
            ("phone", 320, "light", ARABIC, "rtl"),
            ("desktop", 1000, "dark", ENGLISH, "ltr"),
        )
    ),
]


# Each state


@pytest.mark.parametrize(("device", "width", "beside", "scheme", "words"), WAYS)
def test_each_state_can_be_read_and_fits_the_page(
    browser: Browser,
    site: Site,
    states: States,
    device: str,
    width: int,
    beside: str,
    scheme: Any,
    words: Words,
) -> None:
    phone = device == "phone"
    page = browser.new_page(
        color_scheme=scheme,
        viewport={"width": width, "height": 640},
        has_touch=phone,
        is_mobile=phone,
    )
    html = f"data-bs-theme={scheme}" if beside == "bootstrap" else ""
    open_chat(page, site, states.all(words), beside=beside, words=words, html=html)
    show_all(page)
    check(page)
    shot = page.screenshot(animations="disabled")
    save(browser, shot, f"{beside}-{device}-{scheme}-{words.direction}")
    page.close()


# The pictures of the docs


@pytest.mark.parametrize(
    ("name", "width", "beside", "scheme", "words"),
    [
        ("chat-phone-light", 390, "plain", "light", ENGLISH),
        ("chat-phone-dark-rtl", 390, "plain", "dark", ARABIC),
        ("chat-desktop-light", 900, "plain", "light", ENGLISH),
        ("chat-desktop-bootstrap-dark", 900, "bootstrap", "dark", ENGLISH),
    ],
)
def test_a_conversation_as_the_docs_show_it(
    browser: Browser,
    site: Site,
    states: States,
    name: str,
    width: int,
    beside: str,
    scheme: Any,
    words: Words,
) -> None:
    phone = width < 500
    page = browser.new_page(
        color_scheme=scheme,
        viewport={"width": width, "height": 700},
        has_touch=phone,
        is_mobile=phone,
    )
    html = f"data-bs-theme={scheme}" if beside == "bootstrap" else ""
    body = states.one("conversation", words)
    open_chat(page, site, body, beside=beside, words=words, html=html)
    show_all(page)
    page.evaluate(NO_END)
    save(browser, page.screenshot(animations="disabled"), name, documented=True)
    page.close()
