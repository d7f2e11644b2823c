"""How each parameter of a chat request is supported; printed in docs/api.md."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.dialects import fields
from gpt2giga.dialects.parameters import any_integer, Parameter, penalty, refused

TEXT_ONLY = "GigaChat answers in text only: 'modalities' must be [\"text\"]."

TABLE: Mapping[str, Parameter] = {
    "model": Parameter(
        "used", "GigaChat's ids in any letter case, also as `gigachat/ID`, `openai/ID` or `sber/ID`, and aliases"
    ),
    "messages": Parameter("used", "all roles; text, image, audio and file parts"),
    "stream": Parameter("used", ""),
    "stream_options": Parameter("used", "`include_usage`"),
    "tools": Parameter(
        "used",
        "`function` and `custom` (one text), also in Responses and Anthropic form; hosted ones if GigaChat has them",
    ),
    "tool_choice": Parameter("emulated", "`required` and `allowed_tools`; GigaChat has `auto`, `none` and a name"),
    "parallel_tool_calls": Parameter("used", "false: one call per answer, which is all that v1 gives anyway"),
    "functions": Parameter("used", "the older form of `tools`"),
    "function_call": Parameter("used", "the older form of `tool_choice`"),
    "temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    "top_p": Parameter("used", ""),
    "max_tokens": Parameter("used", "-1: no limit"),
    "max_completion_tokens": Parameter("used", "sent as `max_tokens`"),
    "reasoning_effort": Parameter(
        "used",
        "low, medium and high; higher and lower become these; off, auto, unknown: not sent, nor any before GigaChat-3",
    ),
    "response_format": Parameter(
        "emulated", "`json_schema` natively, `json_object` by an instruction; both are checked"
    ),
    "stop": Parameter("emulated", "up to 1000; the proxy cuts the text; a stream that was cut has no usage"),
    "n": Parameter("emulated", "up to 8, each with its own request to GigaChat"),
    "prompt_cache_key": Parameter("used", "becomes GigaChat's session, the key of its prompt cache"),
    "user": Parameter("used", "becomes GigaChat's session if there is no `prompt_cache_key`"),
    "repetition_penalty": Parameter("used", "GigaChat's own parameter, sent as it is, also from `extra_body`"),
    "profanity_check": Parameter("used", "the same; overrides `GIGACHAT_PROFANITY_CHECK`"),
    "update_interval": Parameter("used", "the same"),
    "flags": Parameter("used", "the same; overrides `GIGACHAT_FLAGS`"),
    "few_shot_examples": Parameter("used", "the same, also in a tool"),
    "return_parameters": Parameter("used", "the same, also in a tool"),
    "unnormalized_history": Parameter("used", "the same"),
    "function_ranker": Parameter("used", "the same"),
    "modalities": refused('anything but `["text"]`', TEXT_ONLY, harmless=(["text"],)),
    "audio": Parameter("ignored", "GigaChat does not answer with speech", fields.optional_mapping),
    "frequency_penalty": Parameter("ignored", "", penalty),
    "presence_penalty": Parameter("ignored", "", penalty),
    "logit_bias": Parameter("ignored", "", fields.optional_mapping),
    "logprobs": Parameter("ignored", "", fields.boolean),
    "top_logprobs": Parameter("ignored", "", any_integer),
    "seed": Parameter("ignored", "", any_integer),
    "metadata": Parameter("ignored", "", fields.optional_mapping),
    "store": Parameter("ignored", "", fields.boolean),
    "service_tier": Parameter("ignored", "", fields.string),
    "prediction": Parameter("ignored", "", fields.optional_mapping),
    "safety_identifier": Parameter("ignored", "", fields.string),
    "prompt_cache_retention": Parameter("ignored", "", fields.string),
    "verbosity": Parameter("ignored", "", fields.string),
    "web_search_options": Parameter("used", "GigaChat's own search, if the model has it; its options are ignored"),
}
