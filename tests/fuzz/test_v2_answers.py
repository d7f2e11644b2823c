"""GigaChat's answers on v2 make no sense: they are read, or refused as unreadable or as GigaChat's own failure.

FUZZ_ANSWERS=3000 FUZZ_SEED=1 take fifty times so many spoilt answers, others with another seed.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import orjson

from gpt2giga import bounded_json
from gpt2giga.chat import Event
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.contract import v2
from gpt2giga.upstream.contract.answers import Unreadable
from gpt2giga.upstream.contract.tool_names import ToolNames
from tests.fuzz.spoiling import all_spoils, Spoil, spoil

NAMES = ToolNames(["weather"])
STATE_ID = "77d3fb14-457a-46ba-937e-8d856156d003"
HEAD = {"model": "GigaChat-3-Ultra", "created_at": 1}
USAGE = {"input_tokens": 3, "input_tokens_details": {"prompt_tokens": 3, "cached_tokens": 1}, "output_tokens": 2}
DONE = {"finish_reason": "stop", "usage": USAGE}
SOURCES = {"images": [], "sources": {"1": {"url": "https://a.ru", "title": "A"}, "2": {"url": "https://b.ru"}}}
EXECUTION = {"id": "", "name": "web_search", "status": "success", "seconds_left": 1, "censored": False}
CALLS = [
    {"function_call": {"id": STATE_ID, "name": "weather", "arguments": {"city": "Омск", "days": [1, {"a": None}]}}},
    {"function_call": {"name": "weather", "arguments": '{"city": "Томск"}'}},
]
PARTS = [
    {"tool_execution": EXECUTION},
    {"files": [{"id": "a", "mime": "image/jpeg", "target": "image"}]},
    {"text": "Раз [sources=[1,2]] assistant <think>так</think>", "inline_data": SOURCES},
    {"reasoning_content": "Думаю"},
]


def message(*parts: Any, role: str = "assistant", **rest: Any) -> dict[str, Any]:
    return {"role": role, "content": [*parts], **rest}


WHOLE = (
    {**HEAD, "messages": [message({"text": "Думаю"}, role="reasoning"), message(*PARTS)], **DONE},
    {**HEAD, "messages": [message(*CALLS, tool_state_id=STATE_ID, finish_reason="function_call")], **DONE},
    {**HEAD, "error_details": {"status": 500, "message": "Нет"}, "finish_reason": "error"},
)
STREAM = (
    {**HEAD, "messages": [message(PARTS[0])], "tool_execution": EXECUTION},
    {**HEAD, "messages": [message({"inline_data": SOURCES})]},
    {**HEAD, "messages": [message({"text": "Раз [sources=[1,"})]},
    {**HEAD, "messages": [message({"text": " 2]] \ud83d"}, reasoning_content="Думаю")]},
    {**HEAD, "messages": [message({"text": "\ude00."}, *CALLS)]},
    {**HEAD, "messages": [message(*CALLS, tool_state_id=STATE_ID)], **DONE},
)


def check_events(events: list[Event]) -> None:
    """They can be written."""
    for event in events:
        orjson.dumps({name: value for name, value in asdict(event).items() if not isinstance(value, bytes)})


def read_whole(found: Spoil, document: Any) -> None:
    try:
        answer = bounded_json.read_json(spoil(document, found).encode("utf-8", "surrogatepass"), 100_000)
    except (ValueError, bounded_json.TooManyValues):
        return
    with suppress(Unreadable, UpstreamError):
        check_events(v2.from_completion(answer, NAMES))


def read_stream(found: Spoil, spoilt: int) -> None:
    answer = v2.StreamedAnswer(NAMES)
    for number, document in enumerate(STREAM):
        text = spoil(document, found) if number == spoilt else json.dumps(document)
        event = b"event: response.tool.completed\n" if number == 0 else b""
        check_events(answer.feed(b"%bdata: %b\n\n" % (event, text.encode("utf-8", "surrogatepass"))))
        if answer.failure:
            assert isinstance(answer.failure, Unreadable | UpstreamError)
            return
    with suppress(UpstreamError):
        check_events(answer.end())


def test_spoilt_answers() -> None:
    """Every place with every value, as far as there is time."""
    count, seed = 50 * int(os.environ.get("FUZZ_ANSWERS", "60")), int(os.environ.get("FUZZ_SEED", "1"))
    whole = [(found, document) for document in WHOLE for found in all_spoils(document)]
    streamed = [(found, number) for number, document in enumerate(STREAM) for found in all_spoils(document)]
    chosen = random.Random(seed)
    for found, document in chosen.sample(whole, min(count, len(whole))):
        read_whole(found, document)
    for found, number in chosen.sample(streamed, min(count, len(streamed))):
        read_stream(found, number)
