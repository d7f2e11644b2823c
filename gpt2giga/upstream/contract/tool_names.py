"""Tool names to names that GigaChat accepts, and back."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from itertools import count

# What GigaChat runs itself; a client's function of that name would be taken for its own.
# The first three: Sber's page guides/functions/calling-builtin-functions. The rest: SDK 0.2.3,
# models/chat_completions.py, and contract 3.1.9 on web_search.
BUILT_IN = frozenset(
    {
        "text2image",
        "text2model3d",
        "get_file_content",
        "web_search",
        "code_interpreter",
        "image_generate",
        "url_content_extraction",
        "model_3d_generate",
    }
)

# What every source allows, for v1 and v2 (contract 3.1.3): digits not first, 64 characters.
_LEGAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HASH_LENGTH = 8
_LONGEST_WORD = 64 - 1 - _HASH_LENGTH
_HASHED = re.compile(rf".*_[0-9a-f]{{{_HASH_LENGTH}}}")
_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_SOUNDS = "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh sch - y - e yu ya".replace("-", "").split(" ")
_LATIN = str.maketrans(dict(zip(_CYRILLIC, _SOUNDS, strict=True)))


class ToolNames:
    """The names of one request: of its tools and of the calls in its history.

    A changed name ends in a hash of the original, so it depends on nothing but that name: the same in every
    turn (GigaChat's prompt cache keys on the text) and for tools that only the history remembers.
    A legal name that already ends like that is changed too, so no client can hit another tool's name.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._to: dict[str, str] = {}
        self._from: dict[str, str] = {}
        for name in names:
            if name not in self._to:
                self._add(name)

    def to_gigachat(self, name: str) -> str:
        return self._to.get(name) or _legal_name(name)

    def from_gigachat(self, name: str) -> str:
        """A name nobody offered comes back as it is: the client is the one to say that it has no such tool."""
        return self._from.get(name, name)

    def _add(self, name: str) -> None:
        # A second round is for names made to collide: 32 bits of hash are found by trying.
        mapped = next(m for m in (_legal_name(name, salt) for salt in count()) if m not in self._from)
        self._to[name] = mapped
        self._from[mapped] = name


def _legal_name(name: str, salt: int = 0) -> str:
    if _LEGAL.fullmatch(name) and name not in BUILT_IN and not _HASHED.fullmatch(name):
        return name
    # A lone surrogate is a legal character of a JSON string.
    seed = name.encode("utf-8", "surrogatepass") + b"\0" * salt
    return f"{_latin_word(name)}_{hashlib.sha256(seed).hexdigest()[:_HASH_LENGTH]}"


def _latin_word(name: str) -> str:
    latin = "".join(_transliterate(char) for char in unicodedata.normalize("NFC", name[:256]))
    word = re.sub(r"[^A-Za-z0-9_]+", "_", latin).strip("_") or "tool"
    return (f"tool_{word}" if word[0].isdigit() else word)[:_LONGEST_WORD]


def _transliterate(char: str) -> str:
    letter = char.lower().translate(_LATIN)
    if letter == char.lower():
        letter = unicodedata.normalize("NFKD", char)[:1]
    return letter.capitalize() if char.isupper() and letter.isascii() else letter
