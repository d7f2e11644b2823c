"""Messages as clients send them -> a history that GigaChat accepts (contract 3.0.4, 3.0.6, 3.1.17, 3.1.21). Pure.

GigaChat wants one system message, first; text messages of one role joined; and every call followed at once by
its one result, which is one JSON document. Clients send several calls in one message, results in any order,
in any form, twice or not at all. Whatever they send, nothing of it is lost. How all of it looks on the wire, v1.py
and v2.py say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

import orjson

from gpt2giga import bounded_json
from gpt2giga.bounded_json import is_writable, MOST_VALUES_IN_TEXT, TooManyValues
from gpt2giga.chat import File, Image, Message, Part, Text, ToolCall, ToolResult
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.upstream.contract.call_ids import state_id
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.contract.tool_names import ToolNames

PARAGRAPH = "\n\n"
NO_RESULT = '{"error": "no result"}'
# Of one request (contract 3.3.2).
MOST_IMAGES = 10
LONGEST_TITLE = 200

# A place in the conversation: message number and part number. Parts may be equal, places are not.
Place: TypeAlias = tuple[int, int]


def has_files(messages: Sequence[Message]) -> bool:
    """Most chats have none, and need none of what files need."""
    return any(
        isinstance(part, Image | File) or (isinstance(part, ToolResult) and files_of(part))
        for message in messages
        if message.role == "user"
        for part in message.parts
    )


def pair(messages: Sequence[Message]) -> dict[Place, Place]:
    """The place of each call's result: by id, else by name, else by order.

    Ids may come twice or be used again in later turns, so first only what lies between two messages with calls is
    compared. A result that comes later still is its call's when the id is that of one call and of one result.
    An id that no call of the conversation has is as good as none.
    """
    ids = {part.id for message in messages for part in message.parts if isinstance(part, ToolCall)}
    if not ids:
        return {}
    pairs: dict[Place, Place] = {}
    calls: dict[Place, ToolCall] = {}
    results: dict[Place, ToolResult] = {}
    for number, message in enumerate(messages):
        found = {(number, n): part for n, part in enumerate(message.parts) if isinstance(part, ToolCall)}
        if found:
            pairs |= _pair_turn(calls, results, ids)
            calls, results = found, {}
        results |= {(number, n): part for n, part in enumerate(message.parts) if isinstance(part, ToolResult)}
    pairs |= _pair_turn(calls, results, ids)
    return pairs | _pair_late(messages, pairs)


def _pair_turn(calls: dict[Place, ToolCall], results: dict[Place, ToolResult], ids: set[str]) -> dict[Place, Place]:
    named = {place: result.call_id for place, result in results.items() if result.call_id and result.call_id in ids}
    others = {place: result for place, result in results.items() if place not in named}
    pairs = _pair_by_word({place: call.id for place, call in calls.items()}, named)
    calls = {place: call for place, call in calls.items() if place not in pairs}
    in_order = [*zip(calls.values(), others.values(), strict=False)]
    if len(calls) == len(others) and all(result.name in ("", call.name) for call, result in in_order):
        return pairs | dict(zip(calls, others, strict=True))
    said = {place: result.name for place, result in others.items() if result.name}
    pairs |= _pair_by_word({place: call.name for place, call in calls.items()}, said)
    nameless = {place: "" for place in others if place not in said}
    return pairs | _pair_by_word({place: "" for place in calls if place not in pairs}, nameless)


def _pair_by_word(calls: dict[Place, str], results: dict[Place, str]) -> dict[Place, Place]:
    """By what a call is known by, and what each result says of its call."""
    waiting = defaultdict[str, deque[Place]](deque)
    for place, word in results.items():
        waiting[word].append(place)
    return {place: waiting[word].popleft() for place, word in calls.items() if waiting[word]}


def _pair_late(messages: Sequence[Message], pairs: Mapping[Place, Place]) -> dict[Place, Place]:
    """Agents run tools beside each other: a slow one answers after the calls of later turns."""
    calls, results = defaultdict[str, list[Place]](list), defaultdict[str, list[Place]](list)
    for number, message in enumerate(messages):
        for n, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                calls[part.id].append((number, n))
            elif isinstance(part, ToolResult):
                results[part.call_id].append((number, n))
    taken = set(pairs.values())
    alone = [(calls[i][0], found[0]) for i, found in results.items() if i and len(found) == len(calls.get(i, ())) == 1]
    return {call: place for call, place in alone if call not in pairs and place not in taken and call < place}


@dataclass(slots=True)
class Spoken:
    """A message: texts, which are joined at the end, and at most one file, which stands after `file_at` of them."""

    role: str
    texts: list[str] = field(default_factory=list)
    file_id: str = ""
    file_at: int = 0


class History(ABC):
    """GigaChat's messages in the making. Those of calls and results are already in the form of the wire.

    files: the id at GigaChat of each file; one without an id is only mentioned.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        names: ToolNames,
        files: Mapping[Image | File, str],
        facts: Facts,
        *,
        send_state_id: bool = False,
    ) -> None:
        texts = (text_of(message.parts) for message in messages if message.role == "system")
        self._system = PARAGRAPH.join(text for text in texts if text)
        self._messages = _turns(messages)
        self._names = names
        self._files = files
        self._facts = facts
        self._send_state_id = send_state_id
        self._pairs = pair(self._messages)
        self._paired = set(self._pairs.values())
        self._written: list[Spoken | dict[str, Any]] = []
        self._shown_ids: set[str] = set()

    @abstractmethod
    def _to_message(self, spoken: Spoken) -> dict[str, Any]: ...

    @abstractmethod
    def _add_calls(self, answered: list[tuple[ToolCall, str]]) -> None:
        """The calls of one turn, one at least, each with its result: one JSON document."""

    def write(self) -> list[dict[str, Any]]:
        for number, message in in_turns(self._messages):
            if message.role == "assistant":
                self._add_assistant(number, message)
            else:
                self._add_user(number, message)
        if not self._written:  # the service itself would make a lone system message the user's (contract 3.0.6)
            return [self._to_message(Spoken("user", [self._system]))]
        shown = [written for written in self._written if isinstance(written, Spoken) and written.file_id]
        if len(shown) > MOST_IMAGES:
            _leave_out_repetitions(shown)
        system = [Spoken("system", [self._system])] if self._system else []
        return [
            self._to_message(written) if isinstance(written, Spoken) else written
            for written in (*system, *self._written)
        ]

    def _add_assistant(self, number: int, message: Message) -> None:
        """Calls with their results, then the files of the results: only the user can show files."""
        calls = [n for n, part in enumerate(message.parts) if isinstance(part, ToolCall)]
        # What was said after calls that nobody answered, is said after them.
        is_answered = any((number, n) in self._pairs for n in calls)
        last = len(message.parts) if is_answered or not calls else calls[-1]
        self._add("assistant", [text_of(message.parts[:last])])
        answered: list[tuple[ToolCall, str]] = []
        shown: list[tuple[str, Image | File]] = []
        for n, part in in_turns(message.parts):
            if isinstance(part, ToolCall):
                at = self._pairs.get((number, n))
                result = self._messages[at[0]].parts[at[1]] if at else None
                content = to_document(text_of(result.parts)) if isinstance(result, ToolResult) else NO_RESULT
                answered.append((part, content))
                shown += [(part.name, file) for file in files_of(result)]
        if answered:
            self._add_calls(answered)
        if words := text_of(message.parts[last:]):
            self._add("assistant", [words])
        for name, file in shown:
            self._show(name, file)

    def _show(self, name: str, file: Image | File) -> None:
        """Each file once: ten images a request are allowed (contract 3.3.2), and tools give the same one again and
        again."""
        file_id = self._files.get(file, "")
        fresh = file_id and file_id not in self._shown_ids
        remark = "" if fresh else ", shown before" if file_id else ", not shown"
        what = "Image" if isinstance(file, Image) else f"File {_title(file)}"
        self._add("user", [f"[{what} from the result of the tool {name}{remark}]"], file_id if fresh else "")

    def _add_user(self, number: int, message: Message) -> None:
        """Results are written where their calls are; what remains of the message is the user's."""
        remains = [part for n, part in enumerate(message.parts) if (number, n) not in self._paired]
        if message.parts and not remains:
            return
        texts: list[str] = []
        for part in remains:
            if isinstance(part, Text | ToolResult):
                texts.append(part.text if isinstance(part, Text) else _orphan(part))
            for file in files_of(part):
                if file_id := self._files.get(file):
                    self._add("user", texts, file_id)
                    texts = []
                else:
                    texts.append(f"[earlier file: {_title(file)}]")
        self._add("user", texts)

    def _add(self, role: str, texts: list[str], file_id: str = "") -> None:
        """Joins texts of one role; a message holds at most one file, so a second one starts a new message."""
        last = self._written[-1] if self._written else None
        if not isinstance(last, Spoken) or last.role != role or (file_id and last.file_id):
            last = Spoken(role)
            self._written.append(last)
        last.texts += [text for text in texts if text]
        if file_id:
            last.file_id, last.file_at = file_id, len(last.texts)
            self._shown_ids.add(file_id)

    def _text_before_call(self) -> str:
        """The assistant's, taken back; where it may not stand beside a call, the user tells it (contract 3.1.16)."""
        last = self._written[-1] if self._written else None
        if not isinstance(last, Spoken) or last.role != "assistant":
            return ""
        self._written.pop()
        text = PARAGRAPH.join(last.texts)
        if text and not self._facts.text_beside_call:
            self._add("user", [f"[You said: {text}]"])
            return ""
        return text

    def _state_of(self, call: ToolCall) -> str | None:
        return state_id(call.id) if self._send_state_id else None


def _turns(messages: Sequence[Message]) -> list[Message]:
    turns: list[Message] = []
    for role, said in groupby((message for message in messages if message.role != "system"), attrgetter("role")):
        if role == "assistant":  # each of several calls may have a message of its own, and the results come after all
            turns.append(Message("assistant", tuple(part for message in said for part in message.parts)))
        else:
            turns += said
    return turns


def to_document(text: str) -> str:
    """One JSON object, whatever a tool wrote: an object stays as it is, all else becomes its `result`."""
    try:
        value = bounded_json.parse(text.encode(), MOST_VALUES_IN_TEXT)
        is_json = is_writable(value)
    except (orjson.JSONDecodeError, TooManyValues):
        is_json = False
    if not is_json:
        return orjson.dumps({"result": text}).decode()
    # The text itself, not the value: it may hold more digits than a number keeps.
    return text if isinstance(value, dict) else f'{{"result":{text.strip()}}}'


def _leave_out_repetitions(shown: list[Spoken]) -> None:
    """Of files that the user has sent several times, as far as there are too many messages with files."""
    too_many = len(shown) - MOST_IMAGES
    later: set[str] = set()
    for spoken in reversed(shown):
        file_id = spoken.file_id
        if too_many > 0 and file_id in later:
            spoken.file_id = ""
            spoken.texts.append("[earlier file: shown again below]")
            too_many -= 1
        later.add(file_id)


def _orphan(result: ToolResult) -> str:
    """A result whose call was cut away, by compaction for example; as text it cannot be refused."""
    return f"[{f'Result of the tool {result.name or result.call_id}'.rstrip()}]\n{text_of(result.parts)}"


def text_of(parts: Iterable[Part]) -> str:
    return PARAGRAPH.join(part.text for part in parts if isinstance(part, Text) and part.text)


def files_of(part: Part | None) -> list[Image | File]:
    inner = part.parts if isinstance(part, ToolResult) else (part,)
    return [file for file in inner if isinstance(file, Image | File)]


def _title(file: Image | File) -> str:
    """What to call a file that is only mentioned."""
    name = file.name if isinstance(file, File) else ""
    if not name and file.url.startswith("http"):
        name = file.url.partition("?")[0].rpartition("/")[2]
    return name[:LONGEST_TITLE] or ("image" if isinstance(file, Image) else "document")
