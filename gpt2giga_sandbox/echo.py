"""How the sandbox talks in tests: it quotes, so that an answer shows what arrived, and says that it is no model."""

from __future__ import annotations

import hashlib
import re
import struct
from typing import Any

from gpt2giga_sandbox.conversation import fresh_results

# Of a request to write down what is said.
RECORDING = re.compile("(?P<english>на английский[^.]*)?в приложенной записи")
# Of what the filter is known to have stopped (contract 2.20).
OFFENCE = re.compile(r"автомат\w* калашникова", re.IGNORECASE)
PREFIX = "Песочница GigaChat"


class Echo:
    word_by_word = False

    def heard(self, text: str) -> str:
        """The part of a message in which functions may be named."""
        return text

    def wish(self, text: str, functions: dict[str, dict[str, Any]]) -> str:
        """The function that is to be called although the text does not name it."""
        return ""

    def arguments(self, function: dict[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Those that the conversation tells."""
        return {}

    def says(self, messages: list[dict[str, Any]]) -> str:
        results = fresh_results(messages)
        if results:
            quoted = "; ".join(f"{result['name']} вернула {result['content']}" for result in results)
            return f"{PREFIX}: функция {quoted}"
        users = [message for message in messages if message["role"] in ("user", "system")]
        attached = len(users[-1].get("attachments", [])) if users else 0
        if attached and (asked := RECORDING.search(users[-1]["content"])):
            return self.transcribes(to_english=bool(asked["english"]))
        files = f" (файлов: {attached})" if attached else ""
        return f"{PREFIX}, ответ не настоящий. Вы написали{files}: {users[-1]['content'] if users else ''}"

    def transcribes(self, *, to_english: bool) -> str:
        """What is said in a recording."""
        return f"{PREFIX}: translated recording." if to_english else f"{PREFIX}: расшифровка записи."

    def thinks(self, messages: list[dict[str, Any]]) -> str:
        return f"Песочница делает вид, что думает. {self.says(messages)}"

    def filters(self, text: str) -> bool:
        """Whether the filter takes offence at it."""
        return bool(OFFENCE.search(text))

    def embeds(self, text: str, dim: int) -> list[float]:
        return vector(text, dim)


def vector(text: str, dim: int) -> list[float]:
    """Numbers of a hash of the text between -5 and 5, not normalised, as the service's are not (contract 6.17)."""
    digest = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * dim)
    return [round(value / 6553.6, 6) for value in struct.unpack(f">{dim}h", digest)]
