"""The history as v1 writes it: several calls of one turn become call, result, call, result (contract 3.1.21). Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.chat import ToolCall
from gpt2giga.upstream.contract.history import History, PARAGRAPH, Spoken


class V1History(History):
    def _to_message(self, spoken: Spoken) -> dict[str, Any]:
        message = {"role": spoken.role, "content": PARAGRAPH.join(spoken.texts)}
        return {**message, "attachments": [spoken.file_id]} if spoken.file_id else message

    def _add_calls(self, answered: list[tuple[ToolCall, str]]) -> None:
        """The assistant's text before the first call goes into the call's message, where contract 3.1.16 would have
        none."""
        text = self._text_before_call()
        for call, result in answered:
            name = self._names.to_gigachat(call.name)
            written = {
                "role": "assistant",
                "content": text,
                "function_call": {"name": name, "arguments": call.arguments},
            }
            state = self._state_of(call)
            self._written.append({**written, "functions_state_id": state} if state else written)
            self._written.append({"role": "function", "name": name, "content": result})
            text = ""
