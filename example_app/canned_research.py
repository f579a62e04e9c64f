"""What the canned provider does with a tool: it looks things up before it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .canned_answers import Answer, Trick, trick_of
from .canned_translations import language_of
from .canned_wire import Block, blocks_of, prompt_of, text_block, thinking_block, tool_use_block

Messages = Sequence[Mapping[str, Any]]

# What it searches for, by what is asked for; the first pattern that is found decides.
_SEARCHES = (
    (
        r"\b(break|broken|lost|connection|verbindung)|الاتصال",
        ("connection dead", "closes the connection"),
    ),
    (r"\b(proxy|proxies|nginx|buffer)|الوسيط", ("proxy buffers", "silence")),
    (
        r"\b(leave|leaves|gone|verlässt)|يغادر",
        ("reader leaves early", "closes the connection"),
    ),
)
_OTHERWISE = ("stream",)
_IN_VAIN = r"\b(finds nothing|nichts findet)\b|لا يجد شيئًا"

_FIRST_THOUGHT = """\
They ask: “{prompt}” I could answer from memory, but there are notes to look it up in, and \
an answer is worth more if one can check it. Let me search for {queries}."""
_NEXT_THOUGHT = "Nothing about that in the notes. Other words may do better: {queries}."
_LAST_THOUGHT = "That should be enough. I will say what the notes say, and name each of them."
_INTRODUCTION = {
    "en": "I looked it up. This is what the notes say:",
    "de": "Ich habe nachgesehen. Das steht in den Notizen, auf Englisch:",
    "ar": "بحثتُ عن ذلك. هذا ما تقوله الملاحظات، بالإنجليزية:",
}
_NO_ANSWER = {
    "en": "I looked it up, and the notes say nothing about it.",
    "de": "Ich habe nachgesehen, und in den Notizen steht nichts darüber.",
    "ar": "بحثتُ عن ذلك، ولا شيء عنه في الملاحظات.",
}


def is_for_research(messages: Messages) -> bool:
    """Whether the notes may have something about what was asked."""
    patterns = (_IN_VAIN, *(pattern for pattern, _ in _SEARCHES))
    return any(re.search(each, prompt_of(messages), re.IGNORECASE) for each in patterns)


def research(messages: Messages, tool: str) -> Answer:
    """Give the next turn of a conversation in which `tool` may be called."""
    prompt = prompt_of(messages)
    results = [block for message in messages for block in blocks_of(message, "tool_result")]
    if not results:
        queries = (
            ("weather",) if re.search(_IN_VAIN, prompt, re.IGNORECASE) else _queries_for(prompt)
        )
        blocks = _search(_FIRST_THOUGHT, prompt, queries, tool, len(messages))
    elif len(results) == 1 and results[0].get("is_error"):
        blocks = _search(_NEXT_THOUGHT, prompt, _queries_for(prompt), tool, len(messages))
    else:
        blocks = (thinking_block(_LAST_THOUGHT), *_conclusion(results, language_of(prompt)))
    calls = any(block.start["type"] == "tool_use" for block in blocks)
    trick = _trick(prompt, first=not results, last=not calls)
    return Answer(blocks, trick, "tool_use" if calls else "end_turn")


def _trick(prompt: str, first: bool, last: bool) -> Trick:
    """Give the trick that is to be played in this turn: a run as a whole is to show it once."""
    trick = trick_of(prompt)
    fits = {"rate limit": first, "slow start": first, "cut": last, "error": last}
    return trick if fits.get(trick, True) else "none"


def _queries_for(prompt: str) -> tuple[str, ...]:
    for pattern, queries in _SEARCHES:
        if re.search(pattern, prompt, re.IGNORECASE):
            return queries
    return _OTHERWISE


def _search(
    thought: str, prompt: str, queries: Sequence[str], tool: str, turn: int
) -> tuple[Block, ...]:
    quoted = " and ".join(f"“{query}”" for query in queries)
    calls = (
        tool_use_block(f"toolu_canned_{turn}_{number}", tool, {"query": query})
        for number, query in enumerate(queries, 1)
    )
    return (thinking_block(thought.format(prompt=prompt, queries=quoted)), *calls)


def _conclusion(results: Sequence[Mapping[str, Any]], language: str) -> tuple[Block, ...]:
    """Quote what was found, with the citations of Anthropic's `search_result` blocks."""
    found = [block for result in results for block in blocks_of(result, "search_result")]
    cited = {block["source"]: (index, block) for index, block in enumerate(found)}
    if not cited:
        return (text_block(_NO_ANSWER[language]),)
    blocks = [text_block(_INTRODUCTION[language])]
    for index, block in cited.values():
        words = " ".join(part["text"] for part in block["content"])
        citation = {
            "type": "search_result_location",
            "source": block["source"],
            "title": block["title"],
            "cited_text": words,
            "search_result_index": index,
            "start_block_index": 0,
            "end_block_index": len(block["content"]),
        }
        blocks += [text_block(f"\n\n- **{block['title']}**:"), text_block(f" {words}", citation)]
    return tuple(blocks)
