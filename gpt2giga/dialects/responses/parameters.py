"""How each parameter of a Responses request is supported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.parameters import list_ignored, natural, Parameter, penalty, refused

# The client keeps the reasoning itself; there is nothing to encrypt, and it is not wanted back.
HARMLESS_INCLUDES = ("reasoning.encrypted_content",)
NO_PROMPTS = "Prompt templates are kept at OpenAI: send 'instructions' and 'input' instead."

TABLE: Mapping[str, Parameter] = {
    "model": Parameter("used", "GigaChat's ids, and aliases for them"),
    "input": Parameter(
        "used", "a text, or items: messages of all roles, calls and outputs of tools, item references, compactions"
    ),
    "instructions": Parameter("used", "becomes the system message"),
    "stream": Parameter("used", ""),
    "stream_options": Parameter("used", "accepted; nothing is obfuscated"),
    "tools": Parameter("emulated", "function, custom (one string), namespace; hosted ones if GigaChat has them"),
    "tool_choice": Parameter("emulated", "`required` and `allowed_tools`; GigaChat has `auto`, `none` and a name"),
    "parallel_tool_calls": Parameter("used", "false: one call an answer, which is all that v1 gives anyway"),
    "temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    "top_p": Parameter("used", ""),
    "max_output_tokens": Parameter("used", "sent as `max_tokens`"),
    "reasoning": Parameter("used", "`effort`: low, medium and high, more and less clamped; not sent before GigaChat-3"),
    "text": Parameter("emulated", "`json_schema` natively, `json_object` by instruction; `verbosity` is ignored"),
    "store": Parameter("emulated", "true by default; kept in GPT2GIGA_STATE_DIR"),
    "previous_response_id": Parameter("emulated", "the conversation so far comes from the store"),
    "conversation": Parameter("emulated", "its items come first, and the turn is added to it"),
    "metadata": Parameter("emulated", "given back with the response"),
    "prompt_cache_key": Parameter("used", "becomes GigaChat's session, which its prompt cache goes by"),
    "safety_identifier": Parameter("used", "becomes GigaChat's session when there is no `prompt_cache_key`"),
    "user": Parameter("used", "the older name of `safety_identifier`"),
    "include": Parameter("emulated", "`reasoning.encrypted_content` is accepted; all else is ignored"),
    "background": Parameter("emulated", "made while nobody waits, also after a restart; needs `store`"),
    "prompt": refused("templates are kept at OpenAI", NO_PROMPTS, "unsupported_parameter"),
    "truncation": Parameter(
        "ignored", "`auto`: a conversation that is too long is an error", fields.string, ("disabled",)
    ),
    "frequency_penalty": Parameter("ignored", "", penalty, (0,)),
    "presence_penalty": Parameter("ignored", "", penalty, (0,)),
    "max_tool_calls": Parameter("ignored", "it limits hosted tools", natural),
    "top_logprobs": Parameter("ignored", "", partial(fields.integer, low=0, high=20), (0,)),
    "service_tier": Parameter("ignored", "", fields.string, ("auto", "default")),
    "context_management": Parameter("ignored", "", fields.array),
    "moderation": Parameter("ignored", "", fields.optional_mapping),
    "prompt_cache_options": Parameter("ignored", "", fields.optional_mapping),
    "prompt_cache_retention": Parameter("ignored", "", fields.string),
}


def list_all_ignored(body: Body) -> Iterator[str]:
    yield from list_ignored(body, TABLE)
    for number, wanted in enumerate(fields.array(body, "include")):
        if not isinstance(wanted, str):
            raise invalid(f"include[{number}]", "a string")
        if wanted not in HARMLESS_INCLUDES:
            yield f"include.{wanted}"
