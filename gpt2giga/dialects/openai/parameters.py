"""What becomes of each parameter of a chat request: the one table, printed in the README.

used: GigaChat has it. emulated: the proxy does it. ignored: accepted and named in the header X-Gpt2giga-Ignored.
refused: a 400 says why. Parameters that are not in the table are ignored as well and never sent to GigaChat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body

# Raises BadRequest for a wrong type: what is ignored must still make sense.
TypeCheck = Callable[[Body, str], Any]


def _anything(body: Body, name: str) -> None:
    """Whoever uses the parameter checks it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    fate: Literal["used", "emulated", "ignored", "refused"]
    how: str
    check: TypeCheck = _anything


def penalty(body: Body, name: str) -> None:
    fields.number(body, name, -2, 2)


def an_object(body: Body, name: str) -> None:
    if body.get(name) is not None:
        fields.mapping(body[name], name)


def an_integer(body: Body, name: str) -> None:
    fields.integer(body, name, -(2**63), 2**63 - 1)


TABLE: Mapping[str, Parameter] = {
    "model": Parameter("used", "GigaChat's ids, and aliases for them"),
    "messages": Parameter("used", "all roles; text, image, audio and file parts"),
    "stream": Parameter("used", ""),
    "stream_options": Parameter("used", "`include_usage`"),
    "tools": Parameter("used", "names and schemas are made acceptable to GigaChat"),
    "tool_choice": Parameter("emulated", "`required` and `allowed_tools`; GigaChat has `auto`, `none` and a name"),
    "parallel_tool_calls": Parameter("emulated", "GigaChat gives one call per answer; history may hold many"),
    "functions": Parameter("used", "the older form of `tools`"),
    "function_call": Parameter("used", "the older form of `tool_choice`"),
    "temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    "top_p": Parameter("used", ""),
    "max_tokens": Parameter("used", ""),
    "max_completion_tokens": Parameter("used", "sent as `max_tokens`"),
    "reasoning_effort": Parameter("used", "low, medium and high, others clamped; not sent to models before GigaChat-3"),
    "response_format": Parameter("emulated", "`json_schema` natively, `json_object` by instruction; both checked"),
    "stop": Parameter("emulated", "up to four; the proxy cuts the text; a stream that was cut has no usage"),
    "n": Parameter("emulated", "up to 8, one request to GigaChat each"),
    "prompt_cache_key": Parameter("used", "becomes GigaChat's session, which its prompt cache goes by"),
    "user": Parameter("used", "becomes GigaChat's session when there is no `prompt_cache_key`"),
    "modalities": Parameter("refused", 'other than `["text"]`'),
    "audio": Parameter("ignored", "there is no spoken answer", an_object),
    "frequency_penalty": Parameter("ignored", "", penalty),
    "presence_penalty": Parameter("ignored", "", penalty),
    "logit_bias": Parameter("ignored", "", an_object),
    "logprobs": Parameter("ignored", "", fields.boolean),
    "top_logprobs": Parameter("ignored", "", an_integer),
    "seed": Parameter("ignored", "", an_integer),
    "metadata": Parameter("ignored", "", an_object),
    "store": Parameter("ignored", "", fields.boolean),
    "service_tier": Parameter("ignored", "", fields.string),
    "prediction": Parameter("ignored", "", an_object),
    "safety_identifier": Parameter("ignored", "", fields.string),
    "prompt_cache_retention": Parameter("ignored", "", fields.string),
    "verbosity": Parameter("ignored", "", fields.string),
    "web_search_options": Parameter("ignored", "", an_object),
}


IGNORED = {name: parameter.check for name, parameter in TABLE.items() if parameter.fate == "ignored"}


def ignored(body: Body, checks: Mapping[str, TypeCheck] = IGNORED) -> list[str]:
    """The parameters of this request that change nothing; raises BadRequest for one of a wrong type."""
    names = [name for name in checks if body.get(name) is not None]
    for name in names:
        checks[name](body, name)
    return names
