"""The history as v2 writes it: lists of parts, and the calls of one turn together (contract 5.1, 5.8). Pure."""

from __future__ import annotations

from typing import Any

import orjson

from gpt2giga.chat import ToolCall
from gpt2giga.upstream.contract.history import History, PARAGRAPH, Spoken


class V2History(History):
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
