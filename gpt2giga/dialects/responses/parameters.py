"""What becomes of each parameter of a Responses request: the one table of this dialect.

used: GigaChat has it. emulated: the proxy does it. ignored: accepted and named in the header X-Gpt2giga-Ignored.
refused: a 400 says why. Parameters that are not in the table are ignored as well and never sent to GigaChat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.responses import read
from gpt2giga.errors import BadRequest

# The client keeps the reasoning itself; there is nothing to encrypt, and it is not wanted back.
HARMLESS_INCLUDES = ("reasoning.encrypted_content",)

# Raises BadRequest for a wrong type: what is ignored must still make sense.
TypeCheck = Callable[[Body, str], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    fate: Literal["used", "emulated", "ignored", "refused"]
    how: str
    check: TypeCheck | None = None


def _object(body: Body, name: str) -> None:
    if body.get(name) is not None:
        fields.mapping(body[name], name)


def _list(body: Body, name: str) -> None:
    read.items(body.get(name), name)


def _logprobs(body: Body, name: str) -> None:
    fields.integer(body, name, 0, 20)


def _integer(body: Body, name: str) -> None:
    fields.integer(body, name, 0, 2**31 - 1)


TABLE: Mapping[str, Parameter] = {
    "model": Parameter("used", "GigaChat's ids, and aliases for them"),
    "input": Parameter("used", "a text, or items: messages of all roles, calls and outputs of tools, item references"),
    "instructions": Parameter("used", "becomes the system message"),
    "stream": Parameter("used", ""),
    "stream_options": Parameter("used", "accepted; nothing is obfuscated"),
    "tools": Parameter("emulated", "function, custom (one string) and namespace; hosted ones are ignored or refused"),
    "tool_choice": Parameter("emulated", "`required` and `allowed_tools`; GigaChat has `auto`, `none` and a name"),
    "parallel_tool_calls": Parameter("emulated", "GigaChat gives one call per answer; history may hold many"),
    "temperature": Parameter("used", "0 is sent as 0.0001, since GigaChat refuses 0"),
    "top_p": Parameter("used", ""),
    "max_output_tokens": Parameter("used", "sent as `max_tokens`"),
    "reasoning": Parameter("used", "`effort`: low, medium and high, others clamped; not sent before GigaChat-3"),
    "text": Parameter("emulated", "`json_schema` natively, `json_object` by instruction; `verbosity` is ignored"),
    "store": Parameter("emulated", "true by default; kept in GPT2GIGA_STATE_DIR"),
    "previous_response_id": Parameter("emulated", "the conversation so far comes from the store"),
    "metadata": Parameter("emulated", "given back with the response"),
    "prompt_cache_key": Parameter("used", "becomes GigaChat's session, which its prompt cache goes by"),
    "safety_identifier": Parameter("used", "becomes GigaChat's session when there is no `prompt_cache_key`"),
    "user": Parameter("used", "the older name of `safety_identifier`"),
    "include": Parameter("emulated", "`reasoning.encrypted_content` is accepted; all else is ignored"),
    "background": Parameter("refused", "true"),
    "conversation": Parameter("refused", "`previous_response_id` does it"),
    "prompt": Parameter("refused", "templates are kept at OpenAI"),
    "truncation": Parameter("ignored", "`auto`: a conversation that is too long is an error", fields.string),
    "max_tool_calls": Parameter("ignored", "it limits hosted tools", _integer),
    "top_logprobs": Parameter("ignored", "", _logprobs),
    "service_tier": Parameter("ignored", "", fields.string),
    "context_management": Parameter("ignored", "", _list),
    "moderation": Parameter("ignored", "", _object),
    "prompt_cache_options": Parameter("ignored", "", _object),
    "prompt_cache_retention": Parameter("ignored", "", fields.string),
}
# What these say is what happens anyway, so there is nothing to report.
DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "truncation": ("disabled",),
    "service_tier": ("auto", "default"),
    "top_logprobs": (0,),
}


def ignored(body: Body) -> Iterator[str]:
    """The parameters of this request that change nothing; raises BadRequest for one of a wrong type."""
    for name, parameter in TABLE.items():
        if parameter.fate == "ignored" and body.get(name) is not None:
            if parameter.check:
                parameter.check(body, name)
            if body[name] not in DEFAULTS.get(name, ()):
                yield name
    for number, wanted in enumerate(read.items(body.get("include"), "include")):
        if not isinstance(wanted, str):
            raise invalid(f"include[{number}]", "a string")
        if wanted not in HARMLESS_INCLUDES:
            yield f"include.{wanted}"


def check_refused(body: Body) -> None:
    if fields.boolean(body, "background"):
        raise _refused("background", "A response is made while its client waits: 'background' must be false.")
    if body.get("conversation") is not None:
        raise _refused("conversation", "There are no conversations here: use 'previous_response_id'.")
    if body.get("prompt") is not None:
        raise _refused("prompt", "Prompt templates are kept at OpenAI: send 'instructions' and 'input' instead.")


def _refused(param: str, words: str) -> BadRequest:
    return BadRequest(words, param=param, code="unsupported_parameter")
