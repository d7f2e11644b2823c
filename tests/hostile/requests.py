"""Requests and answers that once kept a worker from everybody, or filled its memory."""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from typing import Any

from tests.pictures import data_url, GIF

MIB = 1024 * 1024
CHAT, MESSAGES, RESPONSES, OLLAMA = "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat"
GEMINI = "/v1beta/models/GigaChat:generateContent"
ADDRESS = "https://192.0.2.1/a.png"  # of nobody, by RFC 5737
ASK = [{"role": "user", "content": "?"}]
# Statuses.
ANSWERED, REFUSED, NOT_UNDERSTOOD = (200,), (400, 413), (502,)
# Anthropic has no 502.
NOT_UNDERSTOOD_BY = {MESSAGES: (500,)}


@dataclass(frozen=True)
class Hostile:
    """answers: scripted for GigaChat."""

    body: Any
    statuses: tuple[int, ...] = REFUSED
    path: str = CHAT
    answers: tuple[dict[str, Any], ...] = ()

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def by_schema(schema: Any, *, strict: bool = False) -> dict[str, Any]:
    named = {"name": "a", "schema": schema, "strict": strict}
    return {"messages": ASK, "response_format": {"type": "json_schema", "json_schema": named}}


def with_tool(parameters: Any) -> dict[str, Any]:
    return {"messages": ASK, "tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}]}


def field_of(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}}


def called(arguments: str, result: str) -> list[dict[str, Any]]:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": result}]


def gif(side: int) -> str:
    """So many pixels of one colour, in a few kilobytes."""
    import PIL.Image

    out = io.BytesIO()
    PIL.Image.new("P", (side, side)).save(out, "GIF")
    return data_url(out.getvalue(), "image/gif")


def lying_gif(side: int) -> str:
    return data_url(GIF[:6] + struct.pack("<HH", side, side) + GIF[10:], "image/gif")


def pictures(url: str, number: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}] * number


A_LOT_OF_AS = {"text": json.dumps({"a": "a" * 5000 + "!"})}
PATTERNS = ["^(a+)+$", "^(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(((a{1,900}){1,900}){1,900}){1,900}b"]
PATTERNS += ["a{4000000000}", "^(?:(?:[0-9]{4}){1000}){1000}$"]


def patterns() -> dict[str, Hostile]:
    found = {}
    for number, pattern in enumerate(PATTERNS):
        plain = field_of({"type": "string", "pattern": pattern})
        body = by_schema(plain)
        found[f"pattern {number}"] = Hostile(body, ANSWERED, answers=(A_LOT_OF_AS, A_LOT_OF_AS))
        found[f"pattern {number} in Responses"] = Hostile(
            {"input": "?", "text": {"format": {"type": "json_schema", "name": "a", "schema": plain}}},
            ANSWERED,
            RESPONSES,
            (A_LOT_OF_AS, A_LOT_OF_AS),
        )
        keys = {"type": "object", "patternProperties": {pattern: {"type": "integer"}}, "additionalProperties": False}
        answer = {"text": json.dumps({"a" * 5000 + "!": 1})}
        found[f"pattern {number} of keys"] = Hostile(by_schema(keys), ANSWERED, answers=(answer, answer))
    return found


def schemas() -> dict[str, Hostile]:
    objects = [{"a": number} for number in range(4000)]
    many = [{"a": number} for number in range(20_000)]
    parts = [{"properties": {f"p{number}": {"type": "string", "description": "word"}}} for number in range(5000)]
    anchors = {f"d{number}": {"$anchor": f"a{number}"} for number in range(2000)}
    document = {"text": json.dumps({"a": [{"k": number} for number in range(5000)]})}
    steps = {f"a{n}": {"dependentSchemas": {key: {"$ref": f"#/$defs/a{n + 1}"} for key in "ab"}} for n in range(22)}
    doubling = {"unevaluatedProperties": False, "$ref": "#/$defs/a0", "$defs": {**steps, "a22": {}}}
    return {
        "dependent schemas": Hostile(by_schema(doubling), REFUSED, answers=({"text": '{"a": 1, "b": 2}'},) * 2),
        "enum of objects": Hostile(with_tool(field_of({"enum": objects})), ANSWERED),
        "longer enum of objects": Hostile(with_tool(field_of({"enum": many}))),
        "enum of texts": Hostile(with_tool(field_of({"enum": [str(number) for number in range(20_000)]})), ANSWERED),
        "union": Hostile(with_tool(field_of({"anyOf": [{"enum": [number]} for number in range(9_000)]})), ANSWERED),
        "parts": Hostile(with_tool(field_of({"allOf": parts})), ANSWERED),
        "half a megabyte": Hostile(
            by_schema({"type": "object", "properties": {"a": {"allOf": parts * 2}}}, strict=True)
        ),
        "anchors": Hostile(by_schema({"$defs": anchors, "allOf": [{"$ref": f"#a{number}"} for number in range(2000)]})),
        "equal items": Hostile(by_schema(field_of({"uniqueItems": True})), ANSWERED, answers=(document, document)),
        "tools": Hostile({"messages": ASK, "tools": with_tool(field_of({"enum": objects}))["tools"] * 500}),
        "tools in Messages": Hostile(
            {
                "messages": ASK,
                "max_tokens": 5,
                "tools": [{"name": f"f{number}", "input_schema": field_of({"enum": objects})} for number in range(40)],
            },
            path=MESSAGES,
        ),
    }


def calls() -> dict[str, Hostile]:
    """Whose schema is walked for each item of their arguments."""
    names = [f"n{number}" for number in range(10_000)]
    items = {
        "names that are required": {"type": "object", "required": names},
        "properties": {"type": "object", "properties": {name: {"type": "string"} for name in names[:6000]}},
        "values of an enum": {"type": "object", "enum": names},
        "branches": {"anyOf": [{"enum": [name]} for name in names[:4000]]},
        "steps of a reference": {"$ref": "#" + "/a" * 10_000},
    }
    call = {"call": {"name": "f", "arguments": {"a": [{}] * 1000}}}
    return {
        f"a call and thousands of {what}": Hostile(
            with_tool(field_of({"type": "array", "items": item})), ANSWERED, answers=(call, call)
        )
        for what, item in items.items()
    }


def of_gemini() -> dict[str, Hostile]:
    part = {"text": "?"}
    contents = [{"parts": [part]}]
    names = {f"a_{number}": {"type": "STRING"} for number in range(60_000)}
    function = {"name": "f", "parameters": {"type": "OBJECT", "properties": names, "propertyOrdering": [*names]}}
    functions = [{"name": f"f{number}"} for number in range(20_000)]
    schema = {"responseSchema": {"any_of": [{"type": "STRING", "min_length": "1"}] * 50_000}}
    return {
        "100,000 contents": Hostile({"contents": contents * 100_000}, path=GEMINI),
        "100,000 parts": Hostile({"contents": [{"parts": [part] * 100_000}]}, path=GEMINI),
        "19,000 parts": Hostile({"contents": [{"parts": [part] * 19_000}]}, ANSWERED, GEMINI),
        "60,000 names": Hostile({"contents": contents, **dict.fromkeys(names, 1)}, ANSWERED, GEMINI),
        "60,000 kinds of tools": Hostile({"contents": contents, "tools": dict.fromkeys(names, {})}, ANSWERED, GEMINI),
        "20,000 functions": Hostile(
            {"contents": contents, "tools": [{"functionDeclarations": functions}]}, path=GEMINI
        ),
        "60,000 parameters": Hostile(
            {"contents": contents, "tools": [{"functionDeclarations": [function]}]}, path=GEMINI
        ),
        "50,000 kinds of an answer": Hostile({"contents": contents, "generationConfig": schema}, path=GEMINI),
        "20,000 contents to embed": Hostile(
            {"requests": [{"content": contents[0]}] * 20_000},
            path=GEMINI.replace("generateContent", "batchEmbedContents"),
        ),
    }


def allowed() -> dict[str, Hostile]:
    """Tools that may be called, named over and over."""
    named = [f"f{number}" for number in range(1000)]
    functions = [{"type": "function", "name": name} for name in named]
    modern = [{"type": "function", "function": {"name": name}} for name in named]
    of_chat = {"mode": "auto", "tools": modern[:1] * 20_000}
    of_responses = {"type": "allowed_tools", "mode": "auto"}
    space = {"type": "namespace", "name": "n", "description": "", "tools": functions}
    of_gemini = {"functionCallingConfig": {"allowedFunctionNames": named[:1] * 150_000}}
    declared = {"functionDeclarations": [{"name": name} for name in named]}
    return {
        "allowed tools": Hostile(
            {"messages": ASK, "tools": modern, "tool_choice": {"type": "allowed_tools", "allowed_tools": of_chat}},
            ANSWERED,
        ),
        "allowed tools of Responses": Hostile(
            {"input": "?", "tools": functions, "tool_choice": {**of_responses, "tools": functions[:1] * 20_000}},
            ANSWERED,
            RESPONSES,
        ),
        "allowed namespaces": Hostile(
            {
                "input": "?",
                "tools": [space],
                "tool_choice": {**of_responses, "tools": [{"type": "namespace", "name": "n"}] * 20_000},
            },
            ANSWERED,
            RESPONSES,
        ),
        "allowed functions of Gemini": Hostile(
            {"contents": [{"parts": [{"text": "?"}]}], "tools": [declared], "toolConfig": of_gemini}, ANSWERED, GEMINI
        ),
        "modalities": Hostile(
            {"contents": [{"parts": [{"text": "?"}]}], "generationConfig": {"responseModalities": [1] * 150_000}},
            path=GEMINI,
        ),
    }


def sizes() -> dict[str, Hostile]:
    """Of JSON itself."""
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    parts = [{"type": "text", "text": "a"}]
    return {
        "300,000 messages": Hostile({"messages": ASK * 300_000}),
        "300,000 items": Hostile({"input": ASK * 300_000}, path=RESPONSES),
        "300,000 messages of Messages": Hostile({"messages": ASK * 300_000, "max_tokens": 5}, path=MESSAGES),
        "9,000 messages": Hostile({"messages": ASK * 9000}, ANSWERED),
        "30 MB of lists": Hostile(b'{"messages":[' + b"[]," * (10 * MIB) + b"[]]}"),
        "30 MB of objects": Hostile(b'{"messages":[' + b'{"a":1},' * (3 * MIB) + b"{}]}"),
        "30 MB of texts": Hostile(b'{"messages":[' + b'"",' * (10 * MIB) + b'""]}'),
        "30 MB of marks in a text": Hostile(
            {"messages": [{"role": "user", "content": "[{," * (10 * MIB)}], "max_tokens": 1}, ANSWERED + REFUSED
        ),
        "100,000 parts": Hostile({"messages": [{"role": "user", "content": parts * 100_000}]}),
        "19,000 parts": Hostile({"messages": [{"role": "user", "content": parts * 19_000}]}, ANSWERED),
        "50,000 calls": Hostile({"messages": [*ASK, {"role": "assistant", "tool_calls": calls * 50_000}, *ASK]}),
        "19,000 calls": Hostile(
            {"messages": [*ASK, {"role": "assistant", "tool_calls": calls * 19_000}, *ASK]}, ANSWERED + REFUSED
        ),
        "9,000 long messages": Hostile(
            {"messages": [{"role": "user", "content": "a" * 3000}] * 9000}, ANSWERED + REFUSED
        ),
        "30 MB of lists in a result": Hostile(
            {"messages": [*ASK, *called("{}", "[" + "[]," * (10 * MIB) + "[]]")]}, ANSWERED + REFUSED
        ),
        "30 MB of lists in arguments": Hostile(
            {
                "messages": [
                    *ASK,
                    *(message for _ in range(100) for message in called("[" + "[]," * 90_000 + "[]]", "")),
                ]
            },
            ANSWERED + REFUSED,
        ),
        "30 MB of half letters": Hostile(b'{"messages":"' + rb"\ud83d" * (5 * MIB) + b'"}'),
        "30 MB of half letters as bytes": Hostile(b'{"messages":"' + b"\xed\xa0\xbd" * (10 * MIB) + b'"}'),
        "30 MB of letters and half of one": Hostile(
            b'{"messages":[{"role":"user","content":"' + rb"\ud83d\ude00" * (5 * MIB // 2) + rb'\ud83d"}]}',
            ANSWERED + REFUSED,
        ),
        "nested": Hostile(b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "20,000 texts to embed": Hostile({"input": ["a"] * 20_000, "model": "Embeddings"}, path="/v1/embeddings"),
        **of_gemini(),
        "300,000 messages for Ollama": Hostile({"messages": ASK * 300_000}, path=OLLAMA),
        "100,000 images": Hostile({"messages": [{**ASK[0], "images": ["YQ=="] * 100_000}]}, path=OLLAMA),
        "100,000 images of a prompt": Hostile({"prompt": "?", "images": ["YQ=="] * 100_000}, path="/api/generate"),
        "19,000 images": Hostile({"prompt": "?", "images": ["YQ=="] * 19_000}, path="/api/generate"),
        "200,000 options": Hostile(
            {"messages": ASK, "options": {f"a{number}": number for number in range(200_000)}}, ANSWERED, OLLAMA
        ),
    }


def files() -> dict[str, Hostile]:
    return {
        "40 pictures": Hostile({"messages": pictures(gif(7000), 40)}),
        "10 pictures that lie": Hostile({"messages": pictures(lying_gif(65_535), 10)}),
        "10 pictures": Hostile({"messages": pictures(gif(5000), 10)}, ANSWERED),
        "60 addresses": Hostile({"messages": pictures(ADDRESS, 60)}),
    }


def answers() -> dict[str, Hostile]:
    """GigaChat's."""
    blank = {"text": "{}" + " " * 30_000 + "\n" * 30_000}
    fence = {"text": "```json" + " " * 60_000}
    piece = json.dumps({"choices": [{"delta": {"content": " "}, "index": 0}]})
    pieces = {"frames": [f"data: {piece}\n\n"] * 30_000}
    json_mode = {"messages": ASK, "response_format": {"type": "json_object"}}
    streamed = {**by_schema(field_of({}), strict=True), "stream": True}
    large, line = {"text": "ok", "padding": 200 * MIB}, {"text": "ok", "padding": 60 * MIB}
    vectors = {"route": "embeddings", "padding": 200 * MIB}
    found = {
        "blanks": Hostile(json_mode, ANSWERED, answers=(blank, blank)),
        "a fence and blanks": Hostile(json_mode, ANSWERED + NOT_UNDERSTOOD, answers=(fence, fence)),
        "blanks, streamed": Hostile(streamed, ANSWERED + NOT_UNDERSTOOD, answers=(pieces, pieces)),
        "200 MB": Hostile({"messages": ASK}, NOT_UNDERSTOOD, answers=(large,)),
        "a line of 60 MB": Hostile({"messages": ASK, "stream": True}, NOT_UNDERSTOOD, answers=(line,)),
        "200 MB of vectors": Hostile({"input": "a", "model": "E"}, NOT_UNDERSTOOD, "/v1/embeddings", (vectors,)),
    }
    for path, body in ((MESSAGES, {"messages": ASK, "max_tokens": 5}), (RESPONSES, {"input": "?"})):
        statuses = NOT_UNDERSTOOD_BY.get(path, NOT_UNDERSTOOD)
        found[f"200 MB for {path}"] = Hostile(body, statuses, path, (large,))
        streamed = {**body, "stream": True}
        found[f"a line of 60 MB for {path}"] = Hostile(streamed, ANSWERED + statuses, path, (line,))
    return found


def ordinary() -> list[Hostile]:
    """One of each kind, also of the largest that are allowed: what a process loads once and keeps is no leak."""
    schema, picture = field_of({"type": "string", "pattern": "^a"}), data_url(GIF, "image/gif")
    said = {"text": '{"a": "a"}'}
    return [
        Hostile(with_tool(schema), ANSWERED),
        Hostile(by_schema(schema, strict=True), ANSWERED, answers=(said,)),
        Hostile({**by_schema(schema, strict=True), "stream": True}, ANSWERED, answers=(said,)),
        Hostile({"messages": pictures(picture, 1)}, ANSWERED),
        Hostile({"messages": pictures(ADDRESS, 1)}),
        Hostile({"messages": ASK, "max_tokens": 5}, ANSWERED, MESSAGES),
        Hostile({"input": "?"}, ANSWERED, RESPONSES),
        Hostile({"input": "?", "model": "E"}, ANSWERED, "/v1/embeddings"),
        *(found for name, found in sizes().items() if found.statuses[0] in ANSWERED),
    ]


def names() -> dict[str, Hostile]:
    """Of models, in which words and vendors are looked for."""
    return {
        "a long name": Hostile({"messages": ASK, "model": "giga" * MIB}, (404,)),
        "many vendors": Hostile({"messages": ASK, "model": "openai/" * MIB + "x"}, (404,)),
        "a long name of an embedder": Hostile({"input": "?", "model": "giga" * MIB}, (404,), "/v1/embeddings"),
    }


def all_of_them() -> dict[str, Hostile]:
    return patterns() | schemas() | calls() | sizes() | files() | answers() | names() | allowed()
