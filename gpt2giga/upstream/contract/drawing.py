"""Pictures that GigaChat draws by its built-in text2image (contract 3.1.12)."""

from __future__ import annotations

import re
from typing import Any

from gpt2giga.chat import Done, Event, TextDelta
from gpt2giga.errors import BadRequest, Filtered

# Characters. What the model says beside a picture, is short; more is not searched.
LONGEST_REMARK = 10_000


def to_drawing_payload(prompt: str, model: str) -> dict[str, Any]:
    """`auto` without functions switches GigaChat's built-in ones on."""
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": "Нарисуй то, о чём просит пользователь."},
            {"role": "user", "content": f"Нарисуй: {prompt}"},
        ],
        "function_call": "auto",
    }


def from_drawing(events: list[Event]) -> str:
    """The id of the picture's file, which the answer holds in an <img>. Raises BadRequest when there is none."""
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    found = re.search(r'<img[^>]{,1000}\bsrc="([\w-]+)"', text[:LONGEST_REMARK])
    if not found:
        said = f"GigaChat drew nothing and said: {text[:500]}"
        if any(isinstance(event, Done) and event.finish == "content_filter" for event in events):
            raise Filtered(said, param="prompt")
        raise BadRequest(said, param="prompt", code="no_image")
    return found[1]
