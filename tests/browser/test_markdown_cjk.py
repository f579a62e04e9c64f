"""Markdown in Chinese, Japanese and Korean, which have no spaces where GitHub expects them."""
# ruff: noqa: RUF001 - these are the characters that it is about.

from __future__ import annotations

import sys
import unicodedata
from itertools import product

import pytest
from playwright.sync_api import Page

from tests.browser.markdown_site import run

pytestmark = pytest.mark.browser


@pytest.fixture
def page(drawing_page: Page) -> Page:
    return drawing_page


# Emphasis

EMPHASIS = [
    ("**テスト。**テスト", "<b>テスト。</b>テスト"),
    ("**「注意」**です", "<b>「注意」</b>です"),
    ("太郎は**「こんにちは」**と言った", "太郎は<b>「こんにちは」</b>と言った"),
    ("**(a)**中文", "<b>(a)</b>中文"),
    ("价格**¥10,000**起", "价格<b>¥10,000</b>起"),
    ("**重要：**请看*（一）*！", "<b>重要：</b>请看<i>（一）</i>！"),
    ("和***「二」***！", "和<i><b>「二」</b></i>！"),
    ("**真。**她~~（旧）~~新", "<b>真。</b>她<s>（旧）</s>新"),
    ("**[リンク](/x)**も", "<b><a>リンク</a></b>も"),
    ("`a`**`b`**です", "<c>a</c><b><c>b</c></b>です"),
    ("**안녕(hello)**하세요", "<b>안녕(hello)</b>하세요"),
    ("**`npm publish`**를 실행", "<b><c>npm publish</c></b>를 실행"),
    ("ᅡ**(a)** **(k)**ᄏ", "ᅡ<b>(a)</b> <b>(k)</b>ᄏ"),
    ("**字**「a」*b*。", "<b>字</b>「a」<i>b</i>。"),
    ("_**強調_**字 _**強調**_、", "_<b>強調_</b>字 <i><b>強調</b></i>、"),
    # A character with its variation selector, and one that describes an ideograph.
    ("葛\U000e0100**(a)**", "葛\U000e0100<b>(a)</b>"),
    ("羽\ufe00**(a)**羽", "羽\ufe00<b>(a)</b>羽"),
    ("**“\ufe01a”\ufe01**b", "<b>“\ufe01a”\ufe01</b>b"),
    ("a**⿰木目**b", "a<b>⿰木目</b>b"),
    ("𠮷**(a)**𠮷", "𠮷<b>(a)</b>𠮷"),
    # No character of these languages is beside it.
    ("**“a”**b", "**“a”**b"),
    ("a**(b)**c", "a**(b)**c"),
    ("a~~(b)~~c", "a~~(b)~~c"),
    ("**a。 **b", "**a。 **b"),
    ("字 ** 字 **", "字 ** 字 **"),
    # Underscores are as before.
    ("__注意__：_a_。", "<b>注意</b>：<i>a</i>。"),
    ("字_a_字 __「a」__字", "字_a_字 __「a」__字"),
    ("“\ufe01Git”\ufe01__Hub__", "“\ufe01Git”\ufe01<b>Hub</b>"),
    ("〽\ufe0e_“a”_", "〽\ufe0e<i>“a”</i>"),
]  # fmt: skip

BRIEF = """
const NAMES = { strong: "b", em: "i", del: "s", code: "c", a: "a" };
const brief = (node) => Array.from(node.childNodes, (child) => {
  const name = NAMES[child.localName];
  return name ? `<${name}>${brief(child)}</${name}>` : child.data ?? brief(child);
}).join("");
"""


@pytest.mark.parametrize(("text", "wanted"), EMPHASIS)
def test_emphasis_beside_cjk(page: Page, text: str, wanted: str) -> None:
    script = f"""{BRIEF}
    const [text] = args;
    return [[text], tools.characters(text)].map((pieces) => brief(tools.draw(pieces)));
    """
    assert run(page, script, text) == [wanted, wanted]


NEIGHBOURS = [
    "", " ", "\u3000", "a", "é", "1", ".", "(", ")", '"', "“", "”", "¿", "€",
    "、", "。", "「", "」", "（", "）", "：", "～", "・", "￥", "〰", "㊗", "〽\ufe0e", "“\ufe01",
    "字", "々", "ア", "ﾂ", "｡", "한", "ᅡ", "𠮷", "葛\U000e0100", "⿰", "㈱", "😀", "✅",
]  # fmt: skip


def is_space(text: str) -> bool:
    return not text.strip()


def is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def is_cjk(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in ("W", "F", "H")
    return (wide and character not in "😀✅") or "HANGUL" in unicodedata.name(character)


def is_other_punctuation(text: str) -> bool:
    return text != "“\ufe01" and not is_cjk(text[0]) and is_punctuation(text[0])


def is_cjk_before(text: str) -> bool:
    return is_cjk(text[0]) or text == "“\ufe01" or text.endswith("\U000e0100")


def is_left_flanking(before: str, after: str) -> bool:
    """As the amendment words it."""
    if is_space(after):
        return False
    if is_cjk(after[0]) or not is_punctuation(after[0]):
        return True
    return is_space(before) or is_other_punctuation(before) or is_cjk_before(before)


def is_right_flanking(before: str, after: str) -> bool:
    if is_space(before):
        return False
    if not is_other_punctuation(before):
        return True
    return is_space(after) or is_cjk(after[0]) or is_punctuation(after[0])


@pytest.mark.parametrize("mark", ["*", "**", "~~"])
def test_marks_open_and_close_between_all_kinds_of_neighbours(page: Page, mark: str) -> None:
    name = {"*": "em", "**": "strong", "~~": "del"}[mark]
    cases: list[tuple[str, bool]] = []
    for before, after in product(NEIGHBOURS, NEIGHBOURS):
        # A letter at the other end, so that only this one matters.
        cases.append(
            (f"x{before}{mark}{after}x{mark}", is_left_flanking(before or "x", after or "x"))
        )
        cases.append(
            (f"{mark}x{before}{mark}{after}x", is_right_flanking(before or "x", after or "x"))
        )
    script = """
    const [cases, name] = args;
    const wrong = [];
    for (const [text, wanted] of cases) {
      for (const pieces of [[text], tools.characters(text)]) {
        const got = tools.draw(pieces).querySelector(name) !== null;
        if (got !== wanted) wrong.push({ text, pieces: pieces.length, wanted });
      }
    }
    return wrong;
    """
    assert run(page, script, cases, name) == []


def test_stars_open_and_close_beside_every_wide_punctuation_mark_there_is(page: Page) -> None:
    """All that this Python knows of; what is an emoji, the browser knows."""
    wide = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.east_asian_width(character) in ("W", "F", "H") and is_punctuation(character)
    ]
    script = """
    const [characters] = args;
    const isEmoji = (character) => /\\p{Emoji_Presentation}/u.test(character);
    const made = (text) => tools.draw([text]).querySelector("strong") !== null;
    const wrong = characters.filter((character) => {
      const both = [made(`**a${character}**b`), made(`a**${character}b**`)];
      return both.some((one) => one === isEmoji(character));
    });
    return [characters.length, wrong];
    """
    count, wrong = run(page, script, wide)
    assert count > 500
    assert wrong == []


# Addresses

ADDRESSES = [
    ("https://example.com/path。次", "https://example.com/path"),
    ("https://example.com，", "https://example.com"),
    ("（https://example.com）", "https://example.com"),
    ("見る：https://example.com/a?b=c&d#e。", "https://example.com/a?b=c&d#e"),
    ("「https://example.com/a」と【https://example.org】", "https://example.com/a https://example.org"),
    ("https://example.com/a、https://example.com/b！", "https://example.com/a https://example.com/b"),
    ("“https://example.com/a”，‘https://example.com/b’", "https://example.com/a https://example.com/b"),
    ("https://example.com——这里 https://example.com/a……", "https://example.com https://example.com/a"),
    ("https://example.com/a.。 (https://example.com/b)を", "https://example.com/a https://example.com/b"),
    ("[a](/b)。<https://example.org/a>。", "/b https://example.org/a"),
    ("请看https://example.com/a吧", "https://example.com/a"),
    ("https://example.com/docs를 보세요 https://example.com에서", "https://example.com/docs https://example.com"),
    ("http://localhost:8000打开", "http://localhost:8000"),
    # In a path, what is no prose.
    ("https://zh.wikipedia.org/wiki/苹果。", "https://zh.wikipedia.org/wiki/%E8%8B%B9%E6%9E%9C"),
    ("https://ja.wikipedia.org/wiki/ア・イ、", "https://ja.wikipedia.org/wiki/%E3%82%A2%E3%83%BB%E3%82%A4"),
    ("https://example.com/?q=한국", "https://example.com/?q=%ED%95%9C%EA%B5%AD"),
    ("www.example.com/a。（www.example.org）", "http://www.example.com/a http://www.example.org"),
    ("请看www.example.com吧", "http://www.example.com"),
    ("请联系me@example.com。（you@example.org）", "mailto:me@example.com mailto:you@example.org"),
    ("mailto:me@example.com、次", "mailto:me@example.com"),
    ("**https://example.com/a。**次", "https://example.com/a"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "addresses"), ADDRESSES)
def test_a_bare_address_ends_where_prose_goes_on_and_is_no_link_before_that(
    page: Page, text: str, addresses: str
) -> None:
    script = """
    const [text] = args;
    const links = (part) => Array.from(part.querySelectorAll("a"), (a) => a.getAttribute("href"));
    const seen = new Set();
    const each = (part) => links(part).forEach((href) => seen.add(href));
    const last = tools.draw(tools.characters(text), { each });
    each(last);
    return [links(tools.draw([text])), links(last), [...seen]];
    """
    assert run(page, script, text) == [addresses.split()] * 3


# While it arrives

ANSWER = """## **「はじめに」**について

価格は~5から~6、1~3章を**ご覧ください。**詳しくは（https://example.com/docs）。
太郎は**「こんにちは」**と言い、*（小声で）*~~「さようなら」~~と続けた。

- **重要：**请看https://example.com/a吧，谢谢。
- **안녕(hello)**하세요, `npm`**(설치)**를 실행

| 名前 | 値<br>単位 |
|------|------|
| **「a」**の<br>例 | ~10<br/>20<BR />`<br>` |
"""


def test_what_is_shown_of_a_cjk_answer_is_not_taken_back_and_has_no_marks(page: Page) -> None:
    script = """
    let before = "";
    const wrong = [];
    const part = tools.draw(tools.characters(args[0]), {
      each(part) {
        const shown = tools.shown(part).replace(/\\s/g, "");
        if (!shown.startsWith(before)) wrong.push([before.slice(-30), shown.slice(-30)]);
        if (/\\*|~~|<(?!br>$)/.test(shown)) wrong.push(shown.slice(-30));
        before = shown;
      },
    });
    return [wrong, part.querySelectorAll("strong, em, del, a, br").length];
    """
    assert run(page, script, ANSWER) == [[], 15]
