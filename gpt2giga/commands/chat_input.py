"""What `gpt2giga chat` is given to ask: text, what comes through a pipe, and files."""

from __future__ import annotations

import base64
import mimetypes
import os
import stat
import sys
from pathlib import Path

from gpt2giga.chat import File, Image, Text
from gpt2giga.commands.command_line import Failure
from gpt2giga.language import _, reason
from gpt2giga.upstream.files.media import LARGEST_BYTES

# GigaChat takes none that is larger, and a device never ends.
MOST_BYTES = max(LARGEST_BYTES.values()) + 1


def read_attachment(path: Path) -> Image | File:
    """Raises Failure."""
    try:
        with path.expanduser().open("rb") as file:
            return attachment(file.read(MOST_BYTES), path.name)
    except OSError as error:
        raise Failure(_("{path} cannot be read: {why}", path=path, why=reason(error))) from None


def read_image(path: Path) -> Image:
    """Raises Failure; whether it is an image is for GigaChat's rules to say."""
    part = read_attachment(path)
    return part if isinstance(part, Image) else Image(part.url)


def attachment(content: bytes, name: str = "") -> Image | File:
    """Its kind is told by its name, and where that says nothing by how it begins, which the upload looks at."""
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    url = f"data:{media_type};base64,{base64.b64encode(content).decode()}"
    return Image(url) if media_type.startswith("image/") else File(url, name)


def read_piped(*, is_asked_for: bool) -> Text | Image | File | None:
    """What is piped in; None when nothing is. What is no text is sent as a file.

    is_asked_for: without it only a pipe or a file is read, since anything else may stay open without a word.
    """
    if not sys.stdin or not (is_asked_for or _is_redirected()):
        return None
    content = sys.stdin.buffer.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return attachment(content)
    return Text(text) if text.strip() else None


def _is_redirected() -> bool:
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def clean(text: str) -> str:
    """A command line may hold bytes that are no letters, which no request can carry."""
    return text.encode("utf-8", "replace").decode()
