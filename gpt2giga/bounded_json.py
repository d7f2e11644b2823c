"""JSON within limits: `[],` is three bytes on the wire and sixty in memory, and not all that is read can be written.

parse is strict unless told otherwise. read_json also understands what GigaChat may write, and what comes out of it can
be written again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import orjson

# Levels of nesting for what is written around a client's value.
ROOM = 54
# Of the arguments of a call, or of another document that comes as text.
MOST_VALUES_IN_TEXT = 100_000
# Texts may hold marks too, for people paste tables; more than so many for each value allowed are no table.
MARKS_IN_TEXTS = 5
# Without escapes.
_TEXT = re.compile(rb'"[^"]*"')
_BOM = b"\xef\xbb\xbf"
# Half of a surrogate pair without the other, where no backslash is escaped. What a search begins with decides how fast
# it is, so all that is common stands first.
_HIGH, _LOW, _U = rb"[89abAB][0-9a-fA-F]{2}", rb"[c-fC-F][0-9a-fA-F]{2}", rb"\\u[dD]"
_HALF = re.compile(rb"%b(?:%b(?!%b%b)|%b(?<!%b%b%b%b))" % (_U, _HIGH, _U, _LOW, _LOW, _U, _HIGH, _U, _LOW))
# So many of them no tool leaves behind, and millions would hold up everybody.
MOST_HALVES = 100_000
# Bytes that are searched for them at a time, and the most that tells whether one is alone.
STEP, PAIR = 1024 * 1024, 12
AT_ONCE = 1000
# The same as UTF-8 would write it, if it were allowed to; some write both halves so.
_RAW_HALF = re.compile(rb"\xed[\xa0-\xbf]")
_RAW_HALVES = re.compile(rb"(?:\xed[\xa0-\xbf][\x80-\xbf]){1,2}")


class TooManyValues(Exception):
    pass


def parse(content: bytes, most_values: int, *, mend: bool = False, give_way: Callable[[], None] | None = None) -> Any:
    """Raises TooManyValues before anything is made of it, orjson.JSONDecodeError.

    mend: a byte order mark, and letters that a client's tool has cut in half, are no error. Clients send their whole
    history again, so one such letter would end a conversation for good. give_way: called now and then
    meanwhile.
    """
    if len(content) > most_values and has_more_values(content, most_values):
        raise TooManyValues
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if not mend:
            raise
        return orjson.loads(_mend(content, give_way or (lambda: None)))


def _mend(content: bytes, give_way: Callable[[], None]) -> bytes:
    """With U+FFFD for what is left of a letter."""
    content = content.removeprefix(_BOM)
    if _RAW_HALF.search(content):  # most letters that begin with the same byte are Korean
        content = _replace(_RAW_HALVES, _mend_raw, content, give_way)
    if b"\0" in content:  # which no JSON holds
        return content
    mended = _replace(_HALF, lambda _: rb"\ufffd", content.replace(rb"\\", b"\0"), give_way)
    return mended.replace(b"\0", rb"\\")


def _replace(
    halves: re.Pattern[bytes],
    replacement: Callable[[re.Match[bytes]], bytes],
    content: bytes,
    give_way: Callable[[], None],
) -> bytes:
    """Step by step, for a search of it all would hold up everybody."""
    pieces, done, count = [], 0, 0
    for start in range(0, len(content), STEP):
        end = start + STEP
        for found in halves.finditer(content, max(start, done), end + PAIR):
            if found.start() >= end or count == MOST_HALVES:
                break
            pieces += [content[done : found.start()], replacement(found)]
            done, count = found.end(), count + 1
            if count % AT_ONCE == 0:
                give_way()
        give_way()
    return b"".join([*pieces, content[done:]])


def _mend_raw(halves: re.Match[bytes]) -> bytes:
    return whole_characters(halves[0].decode("utf-8", "surrogatepass")).encode()


def has_more_values(content: bytes, most: int) -> bool:
    """Counted by the marks around them, and so about."""
    marks = _marks(content)
    if not most < marks <= MARKS_IN_TEXTS * most:
        return marks > most
    return count_values(content, most) > most


def count_values(content: bytes, most: int) -> int:
    """Those whose marks stand outside of texts; about. With more than `most` texts it is just their number."""
    bare = content.replace(rb"\\", b"").replace(rb"\"", b"")
    texts = bare.count(b'"') // 2
    return texts if texts > most else _marks(_TEXT.sub(b"", bare))


def read_json(data: bytes, most_values: int) -> Any:
    """Raises TooManyValues, json.JSONDecodeError.

    Nothing shows that GigaChat escapes control characters (contract 9.14), and a text that was cut may end in half of
    a surrogate pair. Strict JSON has neither in its strings.
    """
    try:
        return parse(data, most_values)
    except orjson.JSONDecodeError:
        return make_strict(read_loosely(data))


def read_loosely(data: bytes) -> Any:
    """With what strict JSON does not have. Raises json.JSONDecodeError."""
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:  # a number may be too long for Python
        raise json.JSONDecodeError(str(error), "", 0) from None


def make_strict(document: Any) -> Any:
    """What `read_loosely` has read, as orjson reads it. Raises json.JSONDecodeError."""
    try:
        return orjson.loads(whole_characters(json.dumps(document, ensure_ascii=False)))
    except RecursionError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def whole_characters(text: str) -> str:
    """Halves of surrogate pairs find each other; one that is alone cannot be written."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_writable(value: Any) -> bool:
    """False for what orjson reads and cannot write: integers above 64 bits, and nesting deeper than 254 levels."""
    for _ in range(ROOM):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _marks(content: bytes) -> int:
    return sum(map(content.count, (b",", b"[", b"{")))
