"""GigaChat's chats on v2: ChatRequest -> payload; its answers -> events are in v2_answer.py. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gpt2giga.chat import ChatRequest, File, Image, ToolCall
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.contract.history import History, PARAGRAPH, Spoken
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.contract.v1 import CONTINUE, response_format, to_temperature
from gpt2giga.upstream.contract.v2_answer import from_completion, StreamedAnswer

__all__ = ["from_completion", "StreamedAnswer", "to_payload", "to_v2_parameters"]

# Parameters of v1 that stand among the model's options (contract 5.4).
OPTIONS = ("repetition_penalty", "update_interval", "unnormalized_history", "top_logprobs")


def to_payload(
    chat: ChatRequest,
    model: str,
    names: ToolNames,
    files: Mapping[Image | File, str],
    functions: list[dict[str, Any]],
    facts: Facts,
    *,
    send_state_id: bool,
) -> dict[str, Any]:
    """What goes over the wire, with the same arguments as on v1 (contract 5.1, 5.2, 5.3, 5.4)."""
    messages = V2History(chat.messages, names, files, facts, send_state_id=send_state_id).write()
    if functions and messages[-1]["role"] == "assistant":
        messages.append({"role": "user", "content": [{"text": CONTINUE}]})  # as on v1 (contract 3.1.25)
    tools: list[dict[str, Any]] = [{"functions": {"specifications": functions}}] if functions else []
    tools += [{name: {}} for name in chat.hosted]
    extras = to_v2_parameters(chat.extras)
    effort = chat.reasoning_effort if facts.effort else None
    options = {
        "temperature": to_temperature(chat.temperature, facts),
        "top_p": chat.top_p,
        "max_tokens": chat.max_tokens,
        "reasoning": effort and {"effort": effort},
        "response_format": chat.json_format and response_format(chat.json_format),
        "parallel_tool_calls": _parallel_calls(chat, facts) if functions else None,
        **extras.pop("model_options", {}),
    }
    payload = {
        "model": model,
        "messages": messages,
        "model_options": _known(options) or None,
        "tools": tools or None,
        "tool_config": _tool_config(chat, names, functions, facts) if tools else None,
    }
    return {**_known(payload), **extras}


def to_v2_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of v1, a client's or the account's own, where v2 has them (contract 3.0.11, 3.0.14, 5.4, 5.5)."""
    moved = dict(parameters)
    options = {name: moved.pop(name) for name in OPTIONS if name in moved}
    if options:
        moved["model_options"] = options
    if "profanity_check" in moved:
        moved["disable_filter"] = not moved.pop("profanity_check")
    if "function_ranker" in moved:
        moved["ranker_options"] = moved.pop("function_ranker")
    return moved


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _parallel_calls(chat: ChatRequest, facts: Facts) -> bool | None:
    """Nothing where the client leaves it open and the model is not known to do it (contract 5.3, 5.8)."""
    return (facts.parallel_calls or None) if chat.several_calls else False


def _tool_config(
    chat: ChatRequest, names: ToolNames, functions: list[dict[str, Any]], facts: Facts
) -> dict[str, Any] | None:
    """None where the model chooses by itself. Where it cannot be made to call some function, the caller sees to it."""
    choice = chat.tool_choice
    if choice.mode == "none":
        return {"mode": "none"}
    if choice.mode == "named" and functions:
        return {"mode": "forced", "function_name": names.to_gigachat(choice.name)}
    if choice.mode == "hosted" and choice.name in chat.hosted:
        return {"mode": "forced", "tool_name": choice.name}
    if choice.mode == "required" and functions and facts.any_call:
        return {"mode": "any", "functions_names_any": [function["name"] for function in functions]}
    return None


class V2History(History):
    """Messages are lists of parts, and the calls of one turn stay together (contract 5.1, 5.8)."""

    def _to_message(self, spoken: Spoken) -> dict[str, Any]:
        """A file stands where the client had it."""
        at = spoken.file_at if spoken.file_id else len(spoken.texts)
        before, after = PARAGRAPH.join(spoken.texts[:at]), PARAGRAPH.join(spoken.texts[at:])
        parts: list[dict[str, Any]] = [{"text": before}] if before or not spoken.file_id else []
        parts += [{"files": [{"id": spoken.file_id}]}] if spoken.file_id else []
        parts += [{"text": after}] if after else []
        return {"role": spoken.role, "content": parts}

    def _add_calls(self, answered: list[tuple[ToolCall, str]]) -> None:
        text = self._text_before_call()
        parts: list[dict[str, Any]] = [{"text": text}] if text else []
        results: list[dict[str, Any]] = []
        for (call, document), id in zip(answered, _ids([call for call, _ in answered]), strict=True):
            name = {**id, "name": self._names.to_gigachat(call.name)}
            parts.append({"function_call": {**name, "arguments": call.arguments}})
            # An object where the role is `tool`, JSON text where it is `function` (contract 5.6).
            result = orjson.loads(document) if self._facts.result_role == "tool" else document
            results.append({"function_result": {**name, "result": result}})
        written: dict[str, Any] = {"role": "assistant", "content": parts}
        state = self._state_of(answered[0][0])
        self._written.append({**written, "functions_state_id": state} if state else written)
        self._written += [{"role": self._facts.result_role, "content": [result]} for result in results]


def _ids(calls: list[ToolCall]) -> list[dict[str, str]]:
    """Each call's, by which results find calls; one that is alone needs none (contract 5.10). Clients' own ids may be
    missing or come twice."""
    if len(calls) == 1:
        return [{}]
    ids = [call.id for call in calls]
    if "" in ids or len(set(ids)) < len(ids):
        ids = [f"call{number}" for number in range(len(calls))]
    return [{"id": id} for id in ids]
