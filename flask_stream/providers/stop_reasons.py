"""Why a model stopped: the providers' words for it, and ours.

One table for all wires, since gateways carry one provider's words in another one's dialect.
"""

from __future__ import annotations

import re

# Our word, and behind it theirs, in lower case.
_WORDS = {
    "stop": (
        "stop",  # OpenAI: API reference, chat streaming. Google's STOP
        *("end_turn", "stop_sequence"),  # Anthropic: docs, handling stop reasons
        *("eos", "eos_token"),  # Together; Hugging Face TGI
        *("complete", "completed", "finished"),  # Cohere's COMPLETE; Responses' status
    ),
    "length": (
        "length",  # OpenAI
        "max_output_tokens",  # Responses: incomplete_details
        *("max_tokens", "model_context_window_exceeded"),  # Anthropic; Google's MAX_TOKENS
        "model_length",  # Mistral: API reference, FinishReason
        *("token_limit", "token_limit_reached"),  # IBM watsonx.ai; Azure AI Inference
        *("error_limit", "max_length", "max_new_tokens", "context_length_exceeded"),
    ),
    "tool_calls": (
        *("tool_calls", "function_call"),  # OpenAI
        "tool_use",  # Anthropic
        "tool_call",  # Cohere's TOOL_CALL
    ),
    "refusal": (
        "content_filter",  # OpenAI; gateways put Google's word behind a colon
        "refusal",  # Anthropic
        "sensitive",  # Zhipu (GLM): API reference, finish_reason
        *("content_filtered", "guardrail_intervened"),  # Bedrock: Converse, stopReason
        "error_toxic",  # Cohere
        # Google: Gemini API reference, FinishReason
        *("safety", "recitation", "language", "blocklist", "prohibited_content", "spii"),
        *("image_safety", "image_prohibited_content", "image_recitation", "model_armor"),
        "blocked",  # its BlockedReason, of a prompt, behind a colon
    ),
    "pause": ("pause_turn", "continuation"),  # Anthropic; Google, where the app is to go on
}
_OURS = {theirs: ours for ours, words in _WORDS.items() for theirs in words}

# The answer was interrupted: the code with which it failed.
_INTERRUPTED = {
    "abort": "provider_error",  # SGLang and vLLM: request aborted
    "network_error": "provider_error",  # Zhipu (GLM): API reference, finish_reason
    "insufficient_system_resource": "overloaded",  # DeepSeek: API reference, finish_reason
    "error": "provider_error",  # OpenRouter: docs, errors; Mistral
    # Google: Gemini API reference, FinishReason: what was generated cannot be used
    "malformed_function_call": "provider_error",
    "malformed_response": "provider_error",
    "unexpected_tool_call": "provider_error",
    "missing_thought_signature": "provider_error",
    "malformed_model_output": "provider_error",  # Bedrock: Converse, stopReason
    "malformed_tool_use": "provider_error",
}
_GIVEN_UP = (
    *("abort", "aborted", "cancel", "cancelled", "canceled"),
    *("interrupt", "interrupted", "incomplete"),
)
# Others of the kind, by a part of their word: `upstream_error`, `request_cancelled`.
_INTERRUPTION = {
    **dict.fromkeys(_GIVEN_UP, "provider_error"),
    **dict.fromkeys(("error", "fail", "failed", "failure", "disconnected"), "provider_error"),
    **dict.fromkeys(("timeout", "timedout", "deadline", "time"), "timeout"),
    **dict.fromkeys(("overload", "overloaded", "unavailable"), "overloaded"),
}


def reason(word: str) -> str:
    """Our stop reason for a provider's; `other` for one that nobody knows."""
    return _OURS.get(_core(word), "other")


def interruption(word: str) -> str | None:
    """The code of a failure, where the provider's word says that the answer is not whole."""
    core = _core(word)
    if core in _OURS:
        return None
    parts = (_INTERRUPTION.get(part) for part in core.split("_"))
    return _INTERRUPTED.get(core) or next(filter(None, parts), None)


def is_word(word: str) -> bool:
    """Whether there is a reason at all; some write null out."""
    return _core(word) not in ("", "null", "none", "unspecified")


def _core(word: str) -> str:
    """The word as the tables have it: `FinishReason.MAX_TOKENS`, `content_filter: SAFETY`."""
    core = word.partition(":")[0].rpartition(".")[2].strip()
    core = re.sub("(?<=[a-z])(?=[A-Z])", "_", core).lower().replace("-", "_").replace(" ", "_")
    return core.removeprefix("finish_reason_")
