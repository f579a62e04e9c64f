"""Why an answer ended: the providers' words, and what each of them means.

A table for all wires, since gateways pass one provider's words on in another one's wire.
"""

from __future__ import annotations

import re

STOP, LENGTH, TOOL_CALLS, REFUSAL, PAUSE = "stop", "length", "tool_calls", "refusal", "pause"

#: The answer was broken off: what came is no whole answer, and asking again may help.
INTERRUPTED = "interrupted"

OTHER = "other"

# The providers' words, with what is no letter or digit taken out, in lower case.
_MEANING: dict[str, str] = {
    # OpenAI, Chat Completions: `finish_reason` in the API reference.
    "stop": STOP,
    "length": LENGTH,
    "toolcalls": TOOL_CALLS,
    "functioncall": TOOL_CALLS,
    "contentfilter": REFUSAL,
    # OpenAI, Responses: `incomplete_details.reason`.
    "maxoutputtokens": LENGTH,
    # Anthropic: «Handling stop reasons».
    "endturn": STOP,
    "stopsequence": STOP,
    "maxtokens": LENGTH,
    "modelcontextwindowexceeded": LENGTH,
    "tooluse": TOOL_CALLS,
    "refusal": REFUSAL,
    "pauseturn": PAUSE,
    # Amazon Bedrock: `StopReason` of Converse.
    "guardrailintervened": REFUSAL,
    "contentfiltered": REFUSAL,
    "malformedmodeloutput": INTERRUPTED,
    "malformedtooluse": INTERRUPTED,
    # Google: `FinishReason` of the Gemini API and of Vertex AI, which some gateways pass on.
    "safety": REFUSAL,
    "recitation": REFUSAL,
    "language": REFUSAL,
    "blocklist": REFUSAL,
    "prohibitedcontent": REFUSAL,
    "spii": REFUSAL,
    "imagesafety": REFUSAL,
    "imageprohibitedcontent": REFUSAL,
    "imagerecitation": REFUSAL,
    "modelarmor": REFUSAL,
    "malformedfunctioncall": INTERRUPTED,
    "malformedresponse": INTERRUPTED,
    # Mistral: `finish_reason` of chat completions ("error" is there, too).
    "modellength": LENGTH,
    # Cohere: `finish_reason` of Chat.
    "complete": STOP,
    "completed": STOP,
    "toolcall": TOOL_CALLS,
    "errortoxic": REFUSAL,
    "errorlimit": LENGTH,
    # Hugging Face's text-generation-inference: `FinishReason`.
    "eostoken": STOP,
    "eos": STOP,
    # Zhipu (GLM): `finish_reason`.
    "sensitive": REFUSAL,
    "networkerror": INTERRUPTED,
    # DeepSeek: `finish_reason`.
    "insufficientsystemresource": INTERRUPTED,
    # vLLM and SGLang: a request that was aborted on their side; OpenRouter: "error".
    "abort": INTERRUPTED,
    "aborted": INTERRUPTED,
    "error": INTERRUPTED,
    # What else was seen for an answer that somebody between has broken off.
    "cancel": INTERRUPTED,
    "cancelled": INTERRUPTED,
    "canceled": INTERRUPTED,
    "timeout": INTERRUPTED,
    "interrupted": INTERRUPTED,
    "servererror": INTERRUPTED,
    "internalerror": INTERRUPTED,
}

# Said by those who send the field with every piece.
_NOT_YET = {"", "null", "none"}


def meaning(reason: object) -> str | None:
    """Ours for a provider's stop reason; `OTHER` for an unknown one; None where it is none.

    What follows a colon is a detail: «content_filter: RECITATION».
    """
    if not isinstance(reason, str):
        return None
    word = re.sub("[^a-z0-9]", "", reason[:100].partition(":")[0].lower())
    return None if word in _NOT_YET else _MEANING.get(word, OTHER)
