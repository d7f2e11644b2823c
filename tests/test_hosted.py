"""What GigaChat does by itself, in the words of each API: requests, and answers whole and streamed.

A row in cases/hosted/ is a request of one API, without what every request has, and what becomes of it where GigaChat
has the tools of `known` (without it all). A file in cases/hosted_answers/ is one answer of GigaChat, and what clients
of each API get; a picture holds the word "кот".
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from anthropic.types import Message as AnthropicMessage
from anthropic.types import RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import TypeAdapter

from gpt2giga.chat import (
    ChatRequest,
    Citation,
    Done,
    Event,
    HostedCall,
    HostedTool,
    Picture,
    Text,
    TextDelta,
    ToolCall,
    Usage,
)
from gpt2giga.dialects.anthropic.request import from_messages_request
from gpt2giga.dialects.anthropic.response import to_message
from gpt2giga.dialects.anthropic.stream import MessageHead, MessageStream
from gpt2giga.dialects.gemini.request import from_generate_request
from gpt2giga.dialects.gemini.stream import GenerateHead, GenerateStream
from gpt2giga.dialects.gemini.stream import to_response as to_generated
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.dialects.openai.response import ChatHead, to_chat_completion
from gpt2giga.dialects.openai.stream import ChunkStream
from gpt2giga.dialects.pictures import NOTE
from gpt2giga.dialects.responses.request import from_responses_request, Past
from gpt2giga.dialects.responses.response import ResponseHead, to_echo, to_response
from gpt2giga.dialects.responses.stream import ResponseStream
from gpt2giga.dialects.responses.tools import from_tools
from gpt2giga.errors import BadRequest
from tests import chunks, gemini_chunks, message_events
from tests.dialects.responses.test_stream import accumulated, EVENT, keep
from tests.fuzz.spoiling import find, places
from tests.golden import check_same
from tests.response_events import shape

FOLDER = Path(__file__).parent / "cases"
ROWS = [
    pytest.param(path.stem, row, id=f"{path.stem}: {row['why']}")
    for path in sorted((FOLDER / "hosted").glob("*.json"))
    for row in json.loads(path.read_text())
]
ANSWERS = sorted((FOLDER / "hosted_answers").glob("*.json"))
ALL: Collection[HostedTool] = get_args(HostedTool)
HELLO = [{"role": "user", "content": "Привет!"}]
HELLO_GEMINI = [{"role": "user", "parts": [{"text": "Привет!"}]}]
MESSAGE_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
USAGE = Usage(prompt=10, completion=4)


def read(
    api: str, body: dict[str, Any], known: Collection[HostedTool], *, ignore: bool, history: list[Any] | None = None
) -> tuple[ChatRequest, Any]:
    def hosted_tools(model: str) -> Collection[HostedTool]:
        assert model == "GigaChat-3-Ultra", "the name that the client asked for"
        return known

    if api == "generate":
        body = {**body, "contents": history or HELLO_GEMINI}
        options: Any = {"stream": False, "ignore_hosted": ignore, "hosted_tools": hosted_tools}
        return from_generate_request(body, "GigaChat-3-Ultra", **options)
    body, history = {"model": "GigaChat-3-Ultra", **body}, history or HELLO
    if api == "responses":
        body["input"] = history
        return from_responses_request(body, Past(), ignore_hosted=ignore, hosted_tools=hosted_tools)
    body["messages"] = history
    if api == "chat":
        return from_chat_request(body, ignore_hosted=ignore, hosted_tools=hosted_tools)
    return from_messages_request({**body, "max_tokens": 9}, ignore_hosted=ignore, hosted_tools=hosted_tools)


@pytest.mark.parametrize("api, row", ROWS)
def test_requests(api: str, row: dict[str, Any]) -> None:
    chat, delivery = read(api, row["request"], row.get("known", ALL), ignore=True)
    found = {
        "hosted": [*chat.hosted],
        "tools": [tool.name for tool in chat.tools],
        "choice": [chat.tool_choice.mode, chat.tool_choice.name],
        "several_calls": chat.several_calls,
        "ignored": [*delivery.ignored],
    }
    nothing = {"hosted": [], "tools": [], "choice": ["auto", ""], "several_calls": True, "ignored": []}
    expected = {**nothing, **{name: value for name, value in row.items() if name in nothing}}
    check_same(row["why"], "what is asked", found, expected)


REFUSED = [
    ("chat", {"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ("responses", {"tools": [{"type": "image_generation"}]}, "tools[0].type"),
    ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0]"),
    ("generate", {"tools": [{"google_search": {}}]}, "tools[0].googleSearch"),
]


@pytest.mark.parametrize("api, body, param", REFUSED, ids=[api for api, _, _ in REFUSED])
def test_what_the_model_lacks_can_be_refused(api: str, body: dict[str, Any], param: str) -> None:
    """And what it has is not."""
    with pytest.raises(BadRequest) as caught:
        read(api, body, ["url_content_extraction"], ignore=False)
    assert caught.value.param == param
    assert read(api, body, ALL, ignore=False)[0].hosted


# What stands in place of something in a request.
NONSENSE: list[Any] = [None, "", "a", 5, True, [], [5], {}, {"type": 5}, {"type": "web_search"}]


@pytest.mark.parametrize("api, row", ROWS)
@pytest.mark.parametrize("ignore", [True, False])
def test_nonsense_in_any_place_is_read_or_refused(api: str, row: dict[str, Any], ignore: bool) -> None:
    for place in places(row["request"]):
        for value in NONSENSE if place else []:
            body = deepcopy(row["request"])
            find(body, place[:-1])[place[-1]] = value
            with suppress(BadRequest):
                read(api, body, row.get("known", ALL), ignore=ignore)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_choice_of_what_is_not_in_the_list(api: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(api, {"tools": [{"type": "web_search"}], "tool_choice": {"type": "image_generation"}}, ALL, ignore=True)
    assert caught.value.param == "tool_choice.type"


@pytest.fixture(params=ANSWERS, ids=lambda path: path.stem)
def answer(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text())
    assert set(loaded) <= {"why", "events", "chat", "responses", "messages", "generate", "used"} and loaded["why"]
    return loaded


def events(answer: dict[str, Any]) -> list[Event]:
    made = [_event(told) for told in answer["events"]]
    called = any(isinstance(event, ToolCall) for event in made)
    return [*made, Done("tool_calls" if called else "stop", USAGE)]


def _event(told: dict[str, Any]) -> Event:
    match told:
        case {"text": text}:
            return TextDelta(text)
        case {"hosted": [call_id, tool, status]}:
            return HostedCall(call_id, tool, status)
        case {"source": source}:
            return Citation(*source)
        case {"picture": media_type}:
            return Picture("file", media_type, "кот".encode())
    return ToolCall(*told["call"])


def test_chat_completions(answer: dict[str, Any]) -> None:
    head, said = ChatHead("GigaChat"), events(answer)
    whole = orjson.loads(orjson.dumps(to_chat_completion([said], head)))
    ChatCompletion.model_validate(whole)
    message = {name: value for name, value in whole["choices"][0]["message"].items() if value is not None}
    check_same(answer["why"], "the message", message, answer["chat"])
    stream = ChunkStream(head, include_usage=True)
    *made, _ = [*(chunk for event in said for chunk in stream.feed([event], 0)), *stream.finish()]
    found = [orjson.loads(chunk if isinstance(chunk, bytes) else orjson.dumps(chunk)) for chunk in made]
    for chunk in found:
        ChatCompletionChunk.model_validate(chunk)
    assert chunks.accumulate(found) == whole


def test_responses(answer: dict[str, Any]) -> None:
    head = ResponseHead("GigaChat", to_echo({}), from_tools({}, ignore_hosted=True))
    whole = to_response([events(answer)], head)
    Response.model_validate(whole)
    check_same(answer["why"], "the output", shape(whole["output"]), answer["responses"])
    stream = ResponseStream(head, keep)
    made = [item for event in events(answer) for item in stream.feed([event], 0)]
    for event in made:
        EVENT.validate_python(event)
    assert accumulated(made[2:-1]) == made[-1]["response"]["output"] == whole["output"]


def test_messages(answer: dict[str, Any]) -> None:
    head = MessageHead("GigaChat", thoughts="none", prompt=1)
    whole = to_message([events(answer)], head)
    AnthropicMessage.model_validate(whole)
    told = json.dumps(whole["content"], ensure_ascii=False).replace(f"srvtoolu_{head.id.removeprefix('msg_')}", "#")
    for number in range(2):
        told = told.replace(f'"#{number}"', f'"<{number}>"')
    check_same(answer["why"], "the content", json.loads(told), answer["messages"])
    assert whole["usage"].get("server_tool_use") == answer.get("used")
    stream = MessageStream(head, "request")
    made = [*(item for event in events(answer) for item in stream.feed([event], 0)), *stream.finish()]
    for event in made:
        MESSAGE_EVENT.validate_python(event)
    assert message_events.accumulate(made) == whole


def test_candidates(answer: dict[str, Any]) -> None:
    head = GenerateHead("GigaChat", thoughts=False, cites=True)
    whole = to_generated([events(answer)], head)
    [candidate] = whole["candidates"]
    told = {"parts": candidate["content"]["parts"], "sources": candidate.get("groundingMetadata")}
    check_same(
        answer["why"], "the candidate", {name: value for name, value in told.items() if value}, answer["generate"]
    )
    stream = GenerateStream(head)
    made = [chunk for event in events(answer) for chunk in stream.feed([event], 0)]
    found = [orjson.loads(chunk if isinstance(chunk, bytes) else orjson.dumps(chunk)) for chunk in made]
    assert gemini_chunks.accumulate(found) == whole


def to_turn(api: str, answer: dict[str, Any]) -> list[Any]:
    """The answer as a client keeps it."""
    said = events(answer)
    if api == "chat":
        return [to_chat_completion([said], ChatHead("GigaChat"))["choices"][0]["message"]]
    if api == "responses":
        head = ResponseHead("GigaChat", to_echo({}), from_tools({}, ignore_hosted=True))
        return [*to_response([said], head)["output"]]
    if api == "generate":
        head_of_candidates = GenerateHead("GigaChat", thoughts=False, cites=True)
        return [to_generated([said], head_of_candidates)["candidates"][0]["content"]]
    head_of_message = MessageHead("GigaChat", thoughts="none", prompt=1)
    return [{"role": "assistant", "content": to_message([said], head_of_message)["content"]}]


@pytest.mark.parametrize("api", ["chat", "responses", "messages", "generate"])
@pytest.mark.parametrize("goes_on", [False, True], ids=["in the turn", "in the next turn"])
def test_clients_send_it_back(api: str, goes_on: bool, answer: dict[str, Any]) -> None:
    """The text is what the assistant said; a picture, which would fill the model's window, is a note."""
    hello = HELLO_GEMINI if api == "generate" else HELLO
    history = [*hello, *to_turn(api, answer), *(hello if goes_on else [])]
    chat, delivery = read(api, {}, [], ignore=False, history=history)
    parts = [part for message in chat.messages if message.role == "assistant" for part in message.parts]
    said = "".join(part.text for part in parts if isinstance(part, Text))
    assert said.replace(NOTE, "") == "".join(event.text for event in events(answer) if isinstance(event, TextDelta))
    drawn = [event for event in events(answer) if isinstance(event, Picture)]
    assert said.count(NOTE) == len(drawn)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert calls == [event for event in events(answer) if isinstance(event, ToolCall)]
    assert delivery.ignored == ()
