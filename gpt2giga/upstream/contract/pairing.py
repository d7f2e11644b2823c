"""Which result answers which call, in a history as clients send it. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gpt2giga.chat import Message, ToolCall, ToolResult

# A place in the conversation: message number and part number. Parts may be equal, places are not.
Place: TypeAlias = tuple[int, int]


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
    named = {place: result for place, result in results.items() if result.call_id and result.call_id in ids}
    others = {place: result for place, result in results.items() if place not in named}
    rules = (
        # What a call is known by, and what each result says of its call.
        (lambda call: call.id, {place: result.call_id for place, result in named.items()}),
        (lambda call: call.name, {place: result.name for place, result in others.items() if result.name}),
        (lambda call: "", {place: "" for place, result in others.items() if not result.name}),
    )
    pairs: dict[Place, Place] = {}
    for key, said in rules:
        waiting = defaultdict[str, deque[Place]](deque)
        for place, word in said.items():
            waiting[word].append(place)
        for place, call in calls.items():
            if place not in pairs and waiting[key(call)]:
                pairs[place] = waiting[key(call)].popleft()
    return pairs


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
