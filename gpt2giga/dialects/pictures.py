"""Pictures in answers of APIs that have a place for text only: Markdown, with the picture inside. Pure."""

from __future__ import annotations

import base64
import re

from gpt2giga.chat import Picture

OPENING = "![](data:image/"
MARKDOWN = re.compile(r"!\[\]\(data:image/[\w.+-]{1,40};base64,[\w+/=]*\)", re.ASCII)
NOTE = "[A picture that you drew was shown here.]"


def to_base64(picture: Picture) -> str:
    return base64.b64encode(picture.content).decode()


def to_markdown(picture: Picture) -> str:
    """Empty for a picture that could not be fetched."""
    return f"![](data:{picture.media_type};base64,{to_base64(picture)})" if picture.content else ""


def without_pictures(text: str) -> str:
    """What the assistant said, when a client sends it back: a picture in it would fill the model's window."""
    return MARKDOWN.sub(NOTE, text) if OPENING in text else text
