"""How the sandbox talks in a demo: as a model would, with the replies of phrases.py, and openly not GigaChat."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gpt2giga_sandbox import phrases
from gpt2giga_sandbox.character import Character
from gpt2giga_sandbox.conversation import fresh_results
from gpt2giga_sandbox.echo import Echo, RECORDING, vector
from gpt2giga_sandbox.storage import StoredFile

# Seconds between two words: about as fast as GigaChat.
PACE = 0.03
STAMPED = re.compile(r"\[\w{3} [\d-]{10} [\d:]{5} [^]\n]{1,40}\] (.*?)(?:\n\n|$)", re.DOTALL)
# Long texts are none of these questions.
LONGEST_QUESTION = 300
LONGEST_QUOTE = 200
RUSSIAN = re.compile("[а-яё]+", re.IGNORECASE)
ENGLISH = re.compile("[a-z]+", re.IGNORECASE)
WORD = re.compile(r"\w{3,}")
STEM = 4  # letters of a word that its forms have in common, more or less
Messages = list[dict[str, Any]]


def demo_settings(character: Character) -> dict[str, Any]:
    """What it is strict about stays; but thoughts are seen."""
    return {"demo": True, "frame_delay": PACE, "character": replace(character, reasoning_content=True)}


class Demo(Echo):
    word_by_word = True

    def __init__(self, files: Mapping[str, StoredFile]) -> None:
        self.files = files

    def heard(self, text: str) -> str:
        return _asked(text)

    def wish(self, text: str, functions: dict[str, dict[str, Any]]) -> str:
        fitting = (
            name
            for wish in phrases.TOOL_WISHES
            for name in functions
            if wish.question.search(text) and wish.tool.search(name)
        )
        return next(fitting, "")

    def arguments(self, function: dict[str, Any], messages: Messages) -> dict[str, Any]:
        asked = _question(messages)
        schemas = {
            name: schema
            for name, schema in function["parameters"].get("properties", {}).items()
            if isinstance(schema, dict) and schema.get("type") == "string" and "enum" not in schema
        }
        city = next((name for pattern, name in phrases.CITIES if pattern.search(asked)), "")
        found = phrases.ANY_CITY.search(asked)
        city = city or (found[1] if found else _in_language(phrases.DEFAULT_CITY, asked))
        told = (
            (phrases.CITY_ARGUMENT, city),
            (phrases.QUESTION_ARGUMENT, phrases.NOTED.sub("", asked).strip(" :,")),
            (phrases.PATH_ARGUMENT, phrases.PATH),
        )
        return {name: value for name in schemas for pattern, value in told if pattern.search(name)}

    def says(self, messages: Messages) -> str:
        asked = _question(messages)
        results = fresh_results(messages)
        if results:
            return " ".join(_result(result, asked) for result in results)
        attached = [self.files[id] for id in messages[-1].get("attachments", []) if id in self.files]
        if attached and (recording := RECORDING.search(messages[-1]["content"])):
            return phrases.TRANSCRIPT[bool(recording["english"])]
        if attached:
            named = ", ".join(_file(file, asked) for file in attached)
            return _in_language(phrases.FILES, asked).format(named)
        return _computed(messages, asked) or _prepared(asked)

    def thinks(self, messages: Messages) -> str:
        asked = _question(messages)
        return _in_language(phrases.THOUGHTS, asked).format(_quoted(asked))

    def embeds(self, text: str, dim: int) -> list[float]:
        """Texts that share words are near each other, so that a search finds something."""
        stems = {word[:STEM] for word in WORD.findall(text.lower())} or {""}
        return [sum(numbers) / len(stems) for numbers in zip(*(vector(stem, dim) for stem in stems), strict=True)]


def _question(messages: Messages) -> str:
    said = [message["content"] for message in messages if message["role"] == "user"]
    results = fresh_results(messages)
    # What an agent adds to results is no question.
    while results and len(said) > 1 and messages[-1]["role"] == "user":
        messages, said = messages[:-1], said[:-1]
    return _asked(said[-1]) if said else ""


def _asked(text: str) -> str:
    """The user's own words: OpenClaw puts a time before them and much after them, others put their words before."""
    stamped = STAMPED.match(text)
    return (stamped[1] if stamped else text.rstrip().rpartition("\n\n")[2])[-LONGEST_QUESTION:].strip()


def _in_language(pair: tuple[str, str], asked: str) -> str:
    """That of most of the words: a name may be in the other one."""
    words = len(RUSSIAN.findall(asked))
    return pair[0] if words and words >= len(ENGLISH.findall(asked)) else pair[1]


def _quoted(asked: str) -> str:
    return asked if len(asked) <= LONGEST_QUOTE else f"{asked[:LONGEST_QUOTE].rstrip()}…"


def _prepared(asked: str) -> str:
    for pattern, replies in phrases.REPLIES:
        if match := pattern.search(asked):
            return _in_language(replies, asked).format(*match.groups())
    return _in_language(phrases.UNKNOWN, asked).format(_quoted(asked))


def _computed(messages: Messages, asked: str) -> str:
    """Replies that no text can be prepared for; empty for all others."""
    if match := phrases.COUNT.search(asked):
        first, last = int(match[1]), int(match[2])
        step = 1 if first <= last else -1
        return ", ".join(map(str, range(first, last + step, step)))
    if phrases.NAME_ASKED.search(asked):
        told = [phrases.NAMED.search(message["content"]) for message in messages if message["role"] == "user"]
        names = [match[1] for match in told if match]
        return _in_language(phrases.NAME_TOLD if names else phrases.NAME_UNKNOWN, asked).format(*names[-1:])
    return ""


def _result(result: dict[str, Any], asked: str) -> str:
    try:
        value = json.loads(result["content"])
    except ValueError:
        value = result["content"]
    entries = value if isinstance(value, dict) else {"": value}
    if entries.keys() == {"result"}:  # gpt2giga makes an object of a text, as GigaChat wants it
        entries = {"": entries["result"]}
    texts = {
        name: item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for name, item in entries.items()
    }
    words = {
        "name": result["name"],
        "values": _quoted(", ".join(texts.values())),
        "facts": _quoted(", ".join(f"{name}: {text}" if name else text for name, text in texts.items())),
    }
    fitting = (wish.told for wish in phrases.TOOL_WISHES if wish.tool.search(result["name"]) and "error" not in entries)
    return _in_language(next(fitting, phrases.TOOL_TOLD), asked).format(**words)


def _file(file: StoredFile, asked: str) -> str:
    kind = _in_language(phrases.KINDS[file.kind], asked)
    return _in_language(phrases.FILE, asked).format(name=file.name, kind=kind, size=file.size)
