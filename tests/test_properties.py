"""Whatever clients send becomes what GigaChat's strict stand-in accepts, or a BadRequest; and nothing is lost."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any, get_args

import orjson
from anthropic.types import Message as AnthropicMessage
from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st

from gpt2giga.chat import (
    ChatRequest,
    Citation,
    Done,
    Event,
    HostedCall,
    HostedTool,
    Image,
    Picture,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
)
from gpt2giga.dialects.anthropic.response import to_message
from gpt2giga.dialects.anthropic.stream import MessageHead, MessageStream
from gpt2giga.dialects.gemini.stream import GenerateHead, GenerateStream
from gpt2giga.dialects.gemini.stream import to_response as to_generated
from gpt2giga.dialects.ollama.stream import LineHead, LineStream, to_answer
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.dialects.openai.response import ChatHead, to_chat_completion
from gpt2giga.dialects.openai.stream import ChunkStream
from gpt2giga.dialects.responses.response import ResponseHead, to_echo, to_response
from gpt2giga.dialects.responses.stream import ResponseStream
from gpt2giga.dialects.responses.tools import from_tools
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.contract import v1, v2
from gpt2giga.upstream.contract.facts import default_facts
from gpt2giga.upstream.contract.functions import to_functions
from gpt2giga_sandbox.character import STRICT
from gpt2giga_sandbox.rules import check_chat
from gpt2giga_sandbox.v2.request import check_chat as check_v2_chat
from tests import gemini_chunks, lines, message_events
from tests.chunks import accumulate
from tests.dialects.responses.test_stream import accumulated, EVENT

MOST_IMAGES = 10  # GigaChat's limit, which is not what is tried here
RESULTS = ("tool", "function")
# v1, and v2 by the role of a function's result there.
INTERFACES = {"GigaChat-3-Ultra": ("v1", "function"), "GigaChat-2-Max": ("v1",), "GigaChat-2": ("v1", "tool")}
PNG = "data:image/png;base64,AA=="

fast = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
NAMES = st.sampled_from(
    ["get_weather", "web_search", "mcp.files/read-file", "Погода", "2fa", "x" * 70, "f_0123abcd"]
) | TEXTS.filter(bool)
IDS = st.sampled_from(["a", "b", "call_1", "toolu_01:x", "call" + "0f" * 16, "", None])
VOCABULARY = """
type properties items required enum const anyOf oneOf allOf not $ref $defs definitions additionalProperties
patternProperties prefixItems format pattern default minimum maximum minLength maxItems description nullable
"""
KEYWORDS = st.sampled_from(VOCABULARY.split())
WORDS = st.sampled_from(["object", "array", "string", "integer", "null", "#", "#/$defs/a", "a", "date-time", "email"])
SCHEMAS = st.recursive(
    JSON | WORDS,
    lambda inner: (
        st.dictionaries(KEYWORDS, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)


class Conversation:
    """Draws messages; each text in them ends in a word of its own, so that it can be found again."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.words: list[str] = []
        self._numbers = count()
        self._images = 0

    def word(self) -> str:
        self.words.append(f"w{next(self._numbers)}w")
        return self.words[-1]

    def text(self) -> str:
        return self.draw(TEXTS) + self.word()

    def document(self) -> str:
        """What tools and models write: JSON, or what was meant to be."""
        form = self.draw(st.sampled_from(["object", "list", "string", "broken", "two", "text"]))
        if form == "object":
            return json.dumps({"value": self.draw(JSON), "word": self.word()}, ensure_ascii=self.draw(st.booleans()))
        if form == "list":
            return json.dumps([self.draw(JSON), self.word()])
        if form == "broken":
            return '{"value": "' + self.text()
        if form == "two":
            return json.dumps({"a": self.word()}) + "\n" + json.dumps({"b": self.word()})
        return json.dumps(self.text()) if form == "string" else self.text()

    def content(self, role: str) -> Any:
        form = self.draw(st.sampled_from(["text", "parts", "null", "empty", "no parts"]))
        if form == "text":
            return self.document() if role in RESULTS else self.text()
        if form == "parts":
            return [self.part(images=role in ("user", *RESULTS)) for _ in range(self.draw(st.integers(1, 3)))]
        return {"null": None, "empty": "", "no parts": []}[form]

    def part(self, *, images: bool) -> dict[str, Any]:
        if images and self._images < MOST_IMAGES and self.draw(st.integers(0, 3)) == 0:
            self._images += 1
            return {"type": "image_url", "image_url": {"url": PNG}}
        return {"type": "text", "text": self.text()}

    def function(self) -> dict[str, Any]:
        return {"name": self.draw(NAMES), "arguments": self.draw(st.sampled_from(["", "{}", None])) or self.document()}

    def call(self) -> dict[str, Any]:
        call_id = self.draw(IDS)
        call = {"type": "function", "function": self.function()}
        return call if call_id is None else {"id": call_id, **call}

    def message(self) -> dict[str, Any]:
        role = self.draw(
            st.sampled_from(["system", "developer", "user", "assistant", "assistant", "tool", "tool", "function"])
        )
        message = {"role": role, "content": self.content(role)}
        if role == "tool":
            message["tool_call_id"] = self.draw(IDS)
        if role == "assistant" and self.draw(st.integers(0, 4)) == 0:
            message["refusal"] = self.text()
        if role == "assistant" and self.draw(st.booleans()):
            message["tool_calls"] = [self.call() for _ in range(self.draw(st.integers(1, 3)))]
        elif role == "assistant" and self.draw(st.integers(0, 4)) == 0:
            message["function_call"] = self.function()
        if role == "function" or self.draw(st.integers(0, 4)) == 0:
            message["name"] = self.draw(NAMES)
        return message


@st.composite
def conversations(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """A request, and the words that must be found in what GigaChat gets."""
    conversation = Conversation(draw)
    body: dict[str, Any] = {"messages": [conversation.message() for _ in range(draw(st.integers(1, 8)))]}
    names = draw(st.lists(NAMES, max_size=3, unique=True))
    if names:
        parameters = st.dictionaries(KEYWORDS, SCHEMAS, max_size=4) | st.none() | st.booleans()
        functions = [{"name": name, "parameters": draw(parameters)} for name in names]
        body["tools"] = [{"type": "function", "function": function} for function in functions]
        named = {"type": "function", "function": {"name": names[-1]}}
        body["tool_choice"] = draw(st.sampled_from(["auto", "none", "required", named]))
    return body, conversation.words


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """A request with anything at all in one place of it."""
    body: Any = copy.deepcopy(draw(conversations())[0]) | {"stream": True, "stop": ["a"], "temperature": 1}
    holder = body
    while True:
        key = draw(st.sampled_from(sorted(holder)) if isinstance(holder, dict) else st.integers(0, len(holder) - 1))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 7)) == 0:
            holder[key] = draw(st.none() | TEXTS | JSON)
            return body
        holder = inner


def accepted(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What GigaChat gets for each model; none for a request that is refused."""
    try:
        chat, _ = from_chat_request(body, ignore_hosted=False)
    except BadRequest:
        return []
    return [sent(chat, model, interface) for model, known in INTERFACES.items() for interface in known]


def sent(chat: ChatRequest, model: str, interface: Any) -> dict[str, Any]:
    # Functions together with response_format are several requests, made elsewhere.
    chat = replace(chat, json_format=None)
    files = {Image(PNG): "png"} if model != "GigaChat-2" else {}
    stored = {"png": SimpleNamespace(kind="image", size=1)}
    names = v1.tool_names(chat)
    functions = to_functions(chat.tools, names, 10_000)
    facts = default_facts(model)
    if interface == "v1":
        payload = v1.to_payload(chat, model, names, files, functions, facts, send_state_id=True)
        check_chat(orjson.loads(json.dumps(payload, allow_nan=False)), stored)
        return payload
    facts = replace(facts, any_call=True, parallel_calls=True, result_role=interface)
    chat = replace(chat, hosted=("web_search",))
    payload = v2.to_payload(chat, model, names, files, functions, facts, send_state_id=True)
    character = replace(STRICT, any_mode=True, result_roles=(interface,), result_objects=interface == "tool")
    check_v2_chat(orjson.loads(json.dumps(payload, allow_nan=False)), stored, character)
    return payload


@given(conversations())
@fast
def test_any_conversation_is_accepted_whole_or_refused(conversation: tuple[dict[str, Any], list[str]]) -> None:
    body, words = conversation
    for payload in accepted(body):
        said = json.dumps(payload["messages"], ensure_ascii=False)
        assert [word for word in words if word not in said] == []


@given(conversations())
@fast
def test_no_result_is_refused(conversation: tuple[dict[str, Any], list[str]]) -> None:
    """Also one without an id."""
    body, _ = conversation
    chat, _ = from_chat_request(body, ignore_hosted=False)
    results = [part for message in chat.messages for part in message.parts if isinstance(part, ToolResult)]
    assert len(results) == sum(message["role"] in RESULTS for message in body["messages"])


@given(spoiled())
@fast
def test_a_spoiled_request_is_accepted_or_refused(body: Any) -> None:
    accepted(body)


@given(st.dictionaries(st.sampled_from(["messages", "tools", "tool_choice", "functions", "function_call", "n"]), JSON))
@fast
def test_any_json_is_accepted_or_refused(body: dict[str, Any]) -> None:
    accepted(body)


# Models also write integers that most JSON libraries cannot.
ARGUMENTS = st.dictionaries(TEXTS, JSON | st.just(10**30), max_size=3)
SAID = st.text(min_size=1, max_size=8).map(lambda text: text.encode("utf-8", "replace").decode())
DELTAS = st.one_of(st.builds(TextDelta, SAID), st.builds(ReasoningDelta, SAID), st.builds(RefusalDelta, SAID))
CALLS = st.builds(ToolCall, st.sampled_from(["call1", "call2"]), NAMES, ARGUMENTS)
USAGES = st.none() | st.builds(Usage, *[st.integers(0, 1000)] * 4)
ENDS = st.builds(Done, st.sampled_from(["stop", "length", "tool_calls", "content_filter"]), USAGES)


# What GigaChat does by itself, in any order.
HOSTED = st.builds(
    HostedCall,
    st.sampled_from(["t1", "t2"]),
    st.sampled_from(get_args(HostedTool)),
    st.sampled_from(["running", "completed", "failed"]),
)
PLACES = st.integers(0, 30)
CITATIONS = st.builds(Citation, st.sampled_from(["https://a", "https://b"]), SAID, PLACES, PLACES)
PICTURES = st.builds(Picture, st.just("1"), st.sampled_from(["image/jpeg", "image/png"]), st.sampled_from([b"", b"a"]))
ANSWERS = st.tuples(st.lists(st.one_of(DELTAS, CALLS, HOSTED, CITATIONS, PICTURES), max_size=8), ENDS).map(
    lambda answer: [*answer[0], answer[1]]
)


@given(ANSWERS, st.booleans())
@fast
def test_the_accumulated_stream_is_the_whole_answer(events: list[Event], legacy: bool) -> None:
    head = ChatHead("GigaChat", legacy_functions=legacy)
    made = ChunkStream(head, include_usage=True)
    chunks = [*made.feed(events[:1], 0), *made.feed(events[1:], 0), *made.finish()][:-1]
    stream = [orjson.loads(chunk if isinstance(chunk, bytes) else orjson.dumps(chunk)) for chunk in chunks]
    assert accumulate(stream) == orjson.loads(orjson.dumps(to_chat_completion([events], head)))


@given(ANSWERS)
@fast
def test_the_accumulated_response_is_the_whole_one(events: list[Event]) -> None:
    head = ResponseHead("GigaChat", to_echo({}), from_tools({}, ignore_hosted=True))
    made = ResponseStream(head, lambda _: None)
    sent = orjson.loads(orjson.dumps([item for event in events for item in made.feed([event], 0)]))
    whole = orjson.loads(orjson.dumps(to_response([events], head)))
    for event in sent:
        EVENT.validate_python(event)
    assert accumulated(sent[2:-1]) == sent[-1]["response"]["output"] == whole["output"]


@given(ANSWERS, st.sampled_from(["none", "omitted", "shown"]))
@fast
def test_the_accumulated_message_is_the_whole_one(events: list[Event], thoughts: Any) -> None:
    head = MessageHead("GigaChat", thoughts=thoughts, prompt=1)
    made = MessageStream(head, "request")
    sent = [*(item for event in events for item in made.feed([event], 0)), *made.finish()]
    whole = to_message([events], head)
    AnthropicMessage.model_validate(whole)
    assert message_events.accumulate(orjson.loads(orjson.dumps(sent))) == orjson.loads(orjson.dumps(whole))


@given(st.lists(ANSWERS, min_size=1, max_size=3), st.booleans(), st.booleans())
@fast
def test_the_accumulated_candidates_are_the_whole_ones(answers: list[list[Event]], thoughts: bool, cites: bool) -> None:
    head = GenerateHead("GigaChat", thoughts=thoughts, cites=cites, candidates=len(answers))
    made = GenerateStream(head)
    sent = [item for choice, events in enumerate(answers) for event in events for item in made.feed([event], choice)]
    stream = [orjson.loads(item if isinstance(item, bytes) else orjson.dumps(item)) for item in sent]
    whole = to_generated(answers, head)
    assert gemini_chunks.accumulate(stream) == orjson.loads(orjson.dumps(whole))
    usages = [event.usage for events in answers for event in events if isinstance(event, Done)]
    assert ("usageMetadata" in whole) == all(usages), "that of some of them would look like that of all"
    assert not any("usageMetadata" in chunk for chunk in stream[:-1])


@given(ANSWERS, st.booleans(), st.booleans())
@fast
def test_the_accumulated_lines_are_the_whole_answer(events: list[Event], is_chat: bool, shows_thoughts: bool) -> None:
    head = LineHead("GigaChat", is_chat, shows_thoughts)
    made = LineStream(head)
    sent = [*(item for event in events for item in made.feed([event], 0)), *made.finish()]
    stream = [orjson.loads(item if isinstance(item, bytes) else orjson.dumps(item)) for item in sent]
    whole = orjson.loads(orjson.dumps(to_answer([events], head)))
    assert lines.accumulate(stream) == lines.without_times(whole)
