"""response_format over the running service, by the real client's `parse` and `stream`."""

from __future__ import annotations

import enum
import json
from typing import Any, Literal

import pytest
from openai import APIError, InternalServerError, OpenAI
from pydantic import BaseModel, Field

from gpt2giga_sandbox.samples import sample
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import ask, by_schema, FILTERED, MESSAGES, MODEL, NUMBER, parse, STREAMED, USAGE
from tests.service import Service


class Author(BaseModel):
    name: str
    born: int


class Colour(enum.Enum):
    red = "red"
    green = "green"


class Book(BaseModel):
    title: str
    author: Author
    colour: Colour
    pages: int | None
    kind: Literal["novel", "story"]


class Shelf(BaseModel):
    books: list[Book]
    notes: list[str]


class Circle(BaseModel):
    shape: Literal["circle"]
    radius: float


class Square(BaseModel):
    shape: Literal["square"]
    side: float


class Drawing(BaseModel):
    figure: Circle | Square
    label: str | int


class Tree(BaseModel):
    value: int
    children: list[Tree]


class Chain(BaseModel):
    word: str
    next: Chain | None


class Limited(BaseModel):
    share: float = Field(ge=0, le=1)
    code: str = Field(min_length=2, max_length=9)


MODELS = pytest.mark.parametrize("kind", [Book, Shelf, Drawing, Tree, Chain, Limited], ids=lambda kind: kind.__name__)


@pytest.fixture
def by_function(contrary: Service) -> Service:
    """A service that makes structured output of forced functions."""
    return contrary


@MODELS
def test_parse(client: OpenAI, sandbox: SandboxServer, kind: type[BaseModel]) -> None:
    completion = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=kind)
    assert isinstance(completion.choices[0].message.parsed, kind)
    [sent] = sandbox.state.chats()
    assert sent["response_format"]["type"] == "json_schema" and sent["messages"] == MESSAGES


@MODELS
def test_parse_a_stream(client: OpenAI, kind: type[BaseModel]) -> None:
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, response_format=kind) as stream:
        kinds = [event.type for event in stream]
        parsed = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(parsed, kind) and kinds.count("content.delta") > 1


@MODELS
def test_parse_by_function(by_function: Service, sandbox: SandboxServer, kind: type[BaseModel]) -> None:
    sandbox.state.script({"call": {"name": "answer", "arguments": sample(kind.model_json_schema())}, "times": 2})
    with by_function.client() as client:
        whole = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=kind)
        with client.chat.completions.stream(model=MODEL, messages=MESSAGES, response_format=kind) as stream:
            streamed = stream.get_final_completion()
    for completion in (whole, streamed):
        assert isinstance(completion.choices[0].message.parsed, kind)
        assert completion.choices[0].finish_reason == "stop" and not completion.choices[0].message.tool_calls
    for sent in sandbox.state.chats():
        assert sent["function_call"] == {"name": "answer"} and "response_format" not in sent


ROOTS = {
    "list": ({"type": "array", "items": {"$ref": "#/$defs/N"}, "$defs": {"N": NUMBER}}, [{"n": 1}]),
    "string": ({"type": "string", "enum": ["да", "нет"]}, "нет"),
    "number": ({"type": "number"}, 1.5),
    "union": ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 7),
    "reference": ({"$ref": "#/$defs/N", "$defs": {"N": NUMBER}}, {"n": 2}),
    "recursive": ({"type": "array", "items": {"$ref": "#"}}, [[], [[]]]),
}


@STREAMED
@pytest.mark.parametrize("schema, value", ROOTS.values(), ids=ROOTS)
def test_roots_that_are_no_object(
    by_function: Service, sandbox: SandboxServer, schema: Any, value: Any, stream: bool
) -> None:
    """Arguments of a function are always an object, so these are wrapped in one."""
    sandbox.state.script({"call": {"name": "answer", "arguments": {"value": value}}})
    completion = ask(by_function, stream, response_format=by_schema(schema, strict=True))
    assert json.loads(completion.choices[0].message.content) == value


@STREAMED
def test_by_function_but_in_words(by_function: Service, sandbox: SandboxServer, stream: bool) -> None:
    """A model that writes the JSON instead of calling has answered too; one that chats is asked again."""
    sandbox.state.script({"text": '```json\n{"n": 1}\n```'})
    assert ask(by_function, stream, response_format=by_schema(NUMBER)).choices[0].message.content == '{"n": 1}'
    sandbox.state.script({"text": "Один."}, {"call": {"name": "answer", "arguments": {"n": 1}}})
    assert ask(by_function, stream, response_format=by_schema(NUMBER)).choices[0].message.content == '{"n":1}'
    assert sandbox.state.chats()[-1]["messages"][1] == {"role": "assistant", "content": "Один."}


@STREAMED
def test_json_object(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": '```json\n{"n": [1, 2]}\n```'})
    completion = ask(service, stream, response_format={"type": "json_object"})
    assert completion.choices[0].message.content == '{"n": [1, 2]}'
    [sent] = sandbox.state.chats()
    assert "response_format" not in sent
    assert sent["messages"][0]["role"] == "system" and "JSON object" in sent["messages"][0]["content"]


@STREAMED
@pytest.mark.parametrize("schema", [None, {}])
def test_a_schema_that_allows_everything(service: Service, sandbox: SandboxServer, schema: Any, stream: bool) -> None:
    """GigaChat refuses an empty one."""
    sandbox.state.script({"text": "[1]"})
    completion = ask(service, stream, response_format=by_schema(schema))
    assert completion.choices[0].message.content == "[1]"
    assert "response_format" not in sandbox.state.chats()[0]


@STREAMED
@pytest.mark.parametrize("wanted", [by_schema(NUMBER, strict=True), {"type": "json_object"}], ids=["schema", "object"])
def test_asked_again_with_what_was_wrong(service: Service, sandbox: SandboxServer, wanted: Any, stream: bool) -> None:
    sandbox.state.script({"text": "Один.", "usage": USAGE}, {"text": '{"n": 1}', "usage": USAGE})
    completion = ask(service, stream, response_format=wanted)
    assert completion.choices[0].message.content == '{"n": 1}'
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (24, 6)
    first, second = sandbox.state.chats()
    said, request = second["messages"][-2:]
    assert second["messages"][:-2] == first["messages"] and said == {"role": "assistant", "content": "Один."}
    assert request["role"] == "user" and "no JSON document" in request["content"]
    assert second.get("response_format") == first.get("response_format")


AROUND = {
    "preface": "Вот JSON:\n{}",
    "afterword": "{}\n\nЧто-нибудь ещё?",
    "both": "Вот [JSON]:\n\n```json\n{}\n```\nГотово! {{}}",
}


@STREAMED
@pytest.mark.parametrize("wanted", [by_schema(NUMBER, strict=True), {"type": "json_object"}], ids=["schema", "object"])
@pytest.mark.parametrize("words", AROUND.values(), ids=AROUND)
def test_words_around_it_are_left_out(
    service: Service, sandbox: SandboxServer, words: str, wanted: Any, stream: bool
) -> None:
    sandbox.state.script({"text": words.format('{"n": 1}')})
    assert ask(service, stream, response_format=wanted).choices[0].message.content == '{"n": 1}'


def test_the_repair_names_the_place(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": '{"n": "один"}'}, {"text": '{"n": 1}'})
    ask(service, False, response_format=by_schema(NUMBER))
    assert "$.n: 'один' is not of type 'integer'" in sandbox.state.chats()[1]["messages"][-1]["content"]


@pytest.mark.parametrize("wanted", [by_schema(NUMBER, strict=True), {"type": "json_object"}], ids=["schema", "object"])
def test_a_strict_promise_is_broken_openly(service: Service, sandbox: SandboxServer, wanted: Any) -> None:
    sandbox.state.script({"text": "Один."}, {"text": "Одна штука."})
    with pytest.raises(InternalServerError) as caught:
        ask(service, False, response_format=wanted)
    assert caught.value.status_code == 502 and caught.value.code == "invalid_json"


@STREAMED
def test_without_strict_the_second_answer_passes(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Один."}, {"text": "Одна штука."})
    completion = ask(service, stream, response_format=by_schema(NUMBER, strict=False))
    assert completion.choices[0].message.content == "Одна штука."


def test_a_stream_of_json_flows(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": ' {"n":\n 1, "a": 2, "b": 3, "c": 4}', "hang_after": 3})
    with client.chat.completions.create(
        model=MODEL, messages=MESSAGES, response_format=by_schema(NUMBER), stream=True
    ) as stream:
        next(stream)
        assert next(stream).choices[0].delta.content.startswith('{"n":')


def test_a_stream_that_does_not_hold_ends_in_an_error(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": '{"n": "один"}'})
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, response_format=by_schema(NUMBER, strict=True), stream=True
    )
    with pytest.raises(APIError) as caught:
        list(stream)
    assert caught.value.code == "invalid_json"


def test_a_stream_that_does_not_hold_passes_without_strict(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": '{"n": "один"}'})
    completion = ask(service, True, response_format=by_schema(NUMBER))
    assert completion.choices[0].message.content == '{"n": "один"}'


@STREAMED
def test_a_filtered_answer_by_function(by_function: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(FILTERED)
    with by_function.client() as client:
        assert parse(client, stream, Author).choices[0].message.refusal == FILTERED["text"]
