"""How each parameter of a Messages request is supported."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.dialects import fields
from gpt2giga.dialects.anthropic.errors import NO_THREADS
from gpt2giga.dialects.parameters import ignored, natural, Parameter, refused, Typed

# Whoever ignored it would answer the last message without all that went before it.
NO_THREAD = "There are no threads here: send the whole conversation without 'thread'."
TABLE: Mapping[str, Parameter] = {
    "model": Parameter("used", "GigaChat's ids, and aliases; `claude-...` without an alias means `GIGACHAT_MODEL`"),
    "messages": Parameter(
        "used", "text, image, document, tool_use and tool_result blocks; others' thoughts are left out"
    ),
    "system": Parameter("used", "a text or blocks; role `system` inside `messages` is added to it"),
    "max_tokens": Parameter("used", "required"),
    "stream": Parameter("used", ""),
    "temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    "top_p": Parameter("used", ""),
    "stop_sequences": Parameter("emulated", "the proxy cuts the text"),
    "tools": Parameter(
        "used", "with an `input_schema`; Anthropic's own if GigaChat has them, else left out or refused"
    ),
    "tool_choice": Parameter("emulated", "`any`; GigaChat has `auto`, `none` and a name"),
    "thinking": Parameter("used", "a budget below 6000 is low effort, below 16000 medium, `adaptive` medium"),
    "output_config": Parameter("emulated", "`effort`, and `format` with a JSON Schema; also `output_format`"),
    "metadata": Parameter("used", "`user_id` becomes GigaChat's session, which its prompt cache goes by"),
    "cache_control": Parameter("used", "accepted everywhere; GigaChat's prompt cache needs no marks"),
    "thread": refused("no conversation is kept here; SDKs then send all of it by themselves", NO_THREAD, NO_THREADS),
    **ignored(natural, "top_k"),
    **ignored(fields.string, "service_tier inference_geo speed"),
    "container": Parameter("ignored", "", Typed("a string or an object", (str, dict))),
    "mcp_servers": Parameter("ignored", "", fields.array),
    "context_management": Parameter("ignored", "", fields.optional_mapping),
    "safeguards": Parameter(
        "ignored", "Claude Code's auto mode asks for Anthropic's judgement of tool calls", fields.array
    ),
}
