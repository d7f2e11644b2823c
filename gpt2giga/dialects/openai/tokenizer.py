"""Token numbers -> text, for clients that cut texts into OpenAI's tokens before they embed them (LangChain does).

The file is tiktoken's own, cl100k_base.tiktoken: a line for each token, its bytes in base64 and its number.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from gpt2giga.config.settings import SettingsError
from gpt2giga.dialects.fields import invalid

# Tokens and the parameter they stand in -> their text; raises BadRequest.
Decode: TypeAlias = Callable[[list[Any], str], str]


def refuse(_: list[Any], param: str) -> str:
    raise invalid(
        param,
        "texts; GigaChat takes no token numbers (langchain: check_embedding_ctx_length=False), "
        "and this service has no GPT2GIGA_TOKENIZER_FILE to decode them",
    )


def load(path: str | None) -> Decode:
    """Raises SettingsError. Without a file tokens are refused."""
    if path is None:
        return refuse
    table = _read(Path(path))

    def decode(tokens: list[Any], param: str) -> str:
        for token in tokens:
            if type(token) is not int or token not in table:
                raise invalid(param, f"texts or token numbers of {Path(path).name}; {token!r} is none")
        # A text is cut between tokens, so a letter of several bytes may have lost some.
        return b"".join(table[token] for token in tokens).decode(errors="replace")

    return decode


def _read(path: Path) -> dict[int, bytes]:
    try:
        lines = (line.split() for line in path.read_bytes().splitlines() if line)
        return {int(number): base64.b64decode(token, validate=True) for token, number in lines}
    except (OSError, ValueError) as error:
        raise SettingsError(f"GPT2GIGA_TOKENIZER_FILE: {path} is no file such as cl100k_base.tiktoken") from error
