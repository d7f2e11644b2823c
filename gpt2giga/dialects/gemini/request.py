"""generateContent request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from gpt2giga.chat import ChatRequest, JsonFormat
from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import Delivery, Effort, from_budget, from_effort, from_extras, from_stops, to_session
from gpt2giga.dialects.fields import Body, INT32, invalid
from gpt2giga.dialects.gemini.contents import from_contents
from gpt2giga.dialects.gemini.names import camel, inner, to_word
from gpt2giga.dialects.gemini.parameters import CONFIG, TABLE
from gpt2giga.dialects.gemini.tools import from_tools
from gpt2giga.dialects.hosted import HostedFound, HostedTools, no_hosted_tools
from gpt2giga.dialects.parameters import list_ignored
from gpt2giga.dialects.tools import settle

MOST_CANDIDATES = 8
JSON = "application/json"
# In the order of their numbers.
MODALITIES = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO")
THINKING = f"{CONFIG}.thinkingConfig"


def from_generate_request(
    sent: Body, model: str, *, stream: bool, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, Delivery]:
    """model: the name that stands in the address."""
    fields.check_nesting(sent)
    body = camel(sent)
    config = inner(body, CONFIG)
    thinking = inner(config, "thinkingConfig", CONFIG)
    given = {**body, **fields.unfolded(config, CONFIG), **fields.unfolded(thinking, THINKING)}
    unused = list_ignored(given, TABLE)
    messages = tuple(from_contents(body))
    hosted = HostedFound(model, hosted_tools, ignore_hosted)
    tools, choice = from_tools(body, hosted)
    _add_modalities(given, hosted)
    used = () if choice.mode == "none" else hosted.tools()
    effort, thoughts, unknown = _thinking(given)
    chat = ChatRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=settle(choice, tools, used),
        hosted=used,
        temperature=fields.number(given, f"{CONFIG}.temperature", 0, 2),
        top_p=fields.number(given, f"{CONFIG}.topP", 0, 1),
        max_tokens=fields.token_limit(given, f"{CONFIG}.maxOutputTokens"),
        reasoning_effort=effort,
        stop=from_stops(given.get(f"{CONFIG}.stopSequences"), f"{CONFIG}.stopSequences"),
        json_format=_format(given),
        session=to_session("", messages),
        extras=from_extras(sent),
    )
    left_out = [f"tools.{name}" for name in (*hosted.left_out, *hosted.options)]
    ignored = (*unused, *unknown, *left_out)
    candidates = fields.integer(given, f"{CONFIG}.candidateCount", 1, MOST_CANDIDATES) or 1
    return chat, Delivery(stream, thoughts, ignored, candidates)


def from_count_request(body: Body, model: str, *, hosted_tools: HostedTools = no_hosted_tools) -> ChatRequest:
    """Contents alone, or all of a generateContent request."""
    body = fields.optional_mapping(camel(body), "generateContentRequest") or body
    chat, _ = from_generate_request(body, model, stream=False, ignore_hosted=True, hosted_tools=hosted_tools)
    return chat


def _add_modalities(given: Body, hosted: HostedFound) -> None:
    param = f"{CONFIG}.responseModalities"
    words = [to_word(written, MODALITIES) for written in fields.array(given, param)[: len(MODALITIES) + 1]]
    wanted = {word.upper() for word in fields.texts({param: words}, param)}
    if len(words) > len(MODALITIES) or not wanted <= {"TEXT", "IMAGE", "MODALITY_UNSPECIFIED"}:
        raise invalid(param, "TEXT or IMAGE")
    if "IMAGE" in wanted:
        hosted.add({}, "image_generation", param)


def _format(given: Body) -> JsonFormat | None:
    kind = fields.string(given, f"{CONFIG}.responseMimeType")
    if kind not in ("", "text/plain", JSON):
        raise invalid(f"{CONFIG}.responseMimeType", f"text/plain or {JSON}")
    for param in (f"{CONFIG}.responseJsonSchema", f"{CONFIG}.responseSchema"):
        if schema := fields.optional_mapping(given, param):
            return JsonFormat(schema, param=param)
    return JsonFormat() if kind == JSON else None


def _thinking(given: Body) -> tuple[Effort | None, bool, list[str]]:
    """The effort, whether thoughts are to be shown, and what nobody knows. A level wins over a budget; -1 leaves it to
    the model."""
    level = f"{THINKING}.thinkingLevel"
    effort, unknown = from_effort(given, level)
    budget = fields.integer(given, f"{THINKING}.thinkingBudget", -1, INT32)
    if effort is None and budget is not None and budget >= 0:
        effort = from_budget(budget)
    is_unknown = bool(unknown) and not given[level].upper().endswith("_UNSPECIFIED")
    return effort, fields.boolean(given, f"{THINKING}.includeThoughts"), unknown if is_unknown else []
