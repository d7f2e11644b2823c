from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import ChatRequest, File, Image, JsonFormat, Text, Tool, ToolCall, ToolChoice, ToolResult
from gpt2giga.dialects.controls import Delivery
from gpt2giga.dialects.gemini.embeddings import from_batch_request, from_embed_request
from gpt2giga.dialects.gemini.request import from_count_request, from_generate_request
from gpt2giga.errors import BadRequest

HELLO = [{"role": "user", "parts": [{"text": "Привет!"}]}]
WEATHER = {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
NEWS = {"name": "news", "description": "Новости", "parametersJsonSchema": {"type": "object", "properties": {}}}
TOOLS = [{"functionDeclarations": [WEATHER]}, {"function_declarations": [NEWS]}]
CONFIG = "generationConfig"
CALLING = "toolConfig.functionCallingConfig"


def read(body: dict[str, Any], **options: Any) -> tuple[ChatRequest, Delivery]:
    options = {"stream": False, "ignore_hosted": True, **options}
    return from_generate_request({"contents": HELLO, **body}, "GigaChat", **options)


def parts(*given: Any, role: str = "user") -> list[Any]:
    chat, _ = read({"contents": [{"role": role, "parts": [*given]}]})
    return [part for message in chat.messages for part in message.parts]


def config(**given: Any) -> tuple[ChatRequest, Delivery]:
    return read({CONFIG: given})


def choose(**given: Any) -> ChatRequest:
    return read({"tools": TOOLS, "tool_config": {"function_calling_config": given}})[0]


@pytest.mark.parametrize(
    "part, expected",
    [
        ({"inlineData": {"mimeType": "image/png", "data": "AA=="}}, Image("data:image/png;base64,AA==")),
        ({"inline_data": {"mime_type": "image/png", "data": "_-A="}}, Image("data:image/png;base64,/+A=")),
        (
            {"inlineData": {"mimeType": "application/pdf", "data": "AA==", "displayName": "a.pdf"}},
            File("data:application/pdf;base64,AA==", "a.pdf"),
        ),
        ({"fileData": {"fileUri": "https://a.example/b", "mimeType": "image/png"}}, Image("https://a.example/b")),
        ({"file_data": {"file_uri": "http://a.example/b.txt"}}, File("http://a.example/b.txt")),
        ({"fileData": {"fileUri": "files/abc-1"}}, File("", "", "abc-1")),
        ({"fileData": {"fileUri": "https://gemini.example/v1beta/files/abc"}}, File("", "", "abc")),
    ],
)
def test_files(part: dict[str, Any], expected: Image | File) -> None:
    assert parts(part) == [expected]


def test_a_result_may_bring_files() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    result = {"id": "1", "name": "look", "response": {"a": [1]}, "parts": [picture, {"inlineData": 5}, 7]}
    [found] = parts({"functionResponse": result})
    assert found == ToolResult("1", "look", (Text('{"a":[1]}'), Image("data:image/png;base64,AA==")))


@pytest.mark.parametrize("response, said", [(None, "{}"), ({"a": None}, '{"a":null}'), (0, "0"), ("да", '"да"')])
def test_whatever_a_tool_has_answered_is_kept(response: Any, said: str) -> None:
    assert parts({"functionResponse": {"name": "a", "response": response}}) == [ToolResult("", "a", (Text(said),))]


def test_calls() -> None:
    calls = [{"functionCall": {"id": "1", "name": "a", "args": {"b": 1}}}, {"function_call": {"name": "c"}}]
    found = parts(*calls, role="model")
    assert found == [ToolCall("1", "a", {"b": 1}), ToolCall("", "c", {})]


def test_names_of_the_clients_own_stay_as_they_are() -> None:
    """The API's own may have underscores, wherever they are."""
    call = {"function_call": {"name": "a", "args": {"city_name": {"in_text": 1}}}}
    [said] = parts({"thought_signature": "s", **call}, role="model")
    assert said == ToolCall("", "a", {"city_name": {"in_text": 1}})
    [found] = parts({"function_response": {"name": "a", "response": [{"wind_speed": 1}]}})
    assert found == ToolResult("", "a", (Text('[{"wind_speed":1}]'),))
    schema = {"type": "object", "properties": {"city_name": {"type": "string"}}}
    chat, _ = read({"tools": {"function_declarations": {"name": "a", "parameters_json_schema": schema}}})
    assert chat.tools == (Tool("a", "", schema),)


def test_tools() -> None:
    chat, _ = read({"tools": TOOLS})
    weather, news = WEATHER["parameters"], NEWS["parametersJsonSchema"]
    assert chat.tools == (Tool("weather", "", weather), Tool("news", "Новости", news))


def test_googles_own_tools() -> None:
    """Only the servers of MCP are a list, as the SDKs send them."""
    tools = [{"google_search": {"time_range_filter": {}}, "url_context": None}, {"mcpServers": [{"name": "a"}]}]
    chat, delivery = read({"tools": tools}, hosted_tools=lambda model: ["web_search"])
    assert chat.hosted == ("web_search",)
    assert delivery.ignored == ("tools.mcpServers", "tools.googleSearch.timeRangeFilter")


@pytest.mark.parametrize(
    "given, choice, offered",
    [
        ({}, ToolChoice(), ["weather", "news"]),
        ({"mode": "auto"}, ToolChoice(), ["weather", "news"]),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["news"]}, ToolChoice(), ["news"]),
        ({"mode": "ANY"}, ToolChoice("required"), ["weather", "news"]),
        ({"mode": "ANY", "allowed_function_names": ["news"]}, ToolChoice("named", "news"), ["news"]),
        ({"mode": "ANY", "allowedFunctionNames": ["news", "weather"]}, ToolChoice("required"), ["weather", "news"]),
        ({"mode": "NONE"}, ToolChoice("none"), ["weather", "news"]),
        ({"mode": 3}, ToolChoice("none"), ["weather", "news"]),
        ({"mode": 4}, ToolChoice(), ["weather", "news"]),
        ({"mode": ""}, ToolChoice(), ["weather", "news"]),
        ({"mode": None}, ToolChoice(), ["weather", "news"]),
    ],
)
def test_choice(given: dict[str, Any], choice: ToolChoice, offered: list[str]) -> None:
    chat = choose(**given)
    assert (chat.tool_choice, [tool.name for tool in chat.tools]) == (choice, offered)


@pytest.mark.parametrize(
    "given, effort",
    [
        ({"thinkingLevel": "MINIMAL"}, "low"),
        ({"thinkingLevel": "medium"}, "medium"),
        ({"thinking_level": "HIGH", "thinkingBudget": 1}, "high"),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"thinkingBudget": 0}, "low"),
        ({"thinkingBudget": 8000}, "medium"),
        ({"thinking_budget": 24576}, "high"),
        ({"thinkingBudget": -1}, None),
    ],
)
def test_thinking(given: dict[str, Any], effort: str | None) -> None:
    chat, delivery = config(thinkingConfig={**given, "includeThoughts": True})
    assert (chat.reasoning_effort, delivery.thoughts, delivery.ignored) == (effort, True, ())
    assert not config(thinkingConfig=given)[1].thoughts


def test_an_unknown_level_is_named() -> None:
    assert config(thinkingConfig={"thinkingLevel": "x"})[1].ignored == (f"{CONFIG}.thinkingConfig.thinkingLevel",)


def test_what_changes_nothing_is_named() -> None:
    body = {"safetySettings": [{}], "labels": {}, CONFIG: {"seed": 1, "top_k": 3, "temperature": 1}}
    assert read(body)[1].ignored == (f"{CONFIG}.topK", f"{CONFIG}.seed", "safetySettings", "labels")


def test_formats() -> None:
    schema = {"type": "ARRAY", "items": {"type": "STRING"}}
    assert config(responseMimeType="application/json")[0].json_format == JsonFormat()
    wanted = JsonFormat(schema)
    assert config(responseMimeType="application/json", responseSchema=schema)[0].json_format == wanted
    assert config(response_schema=schema)[0].json_format == wanted
    both = config(responseSchema=schema, responseJsonSchema={"type": "object"})[0]
    assert both.json_format == JsonFormat({"type": "object"})
    assert config(responseMimeType="text/plain")[0].json_format is None


def test_gigachats_own_parameters() -> None:
    assert read({"profanity_check": False})[0].extras == {"profanity_check": False}


DECLARED = "tools[0].functionDeclarations"


def declared(*functions: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [*functions]}]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"contents": []}, "contents"),
    ({"contents": "Привет"}, "contents"),
    ({"contents": ["Привет"]}, "contents[0]"),
    ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "contents[0].role"),
    ({"contents": [{"role": "user"}]}, "contents[0].parts"),
    ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
    ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
    ({"contents": [{"parts": [{"functionCall": {"name": "a"}}]}]}, "contents[0].parts[0]"),
    ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}, "contents[0].parts[0].inlineData.data"),
    ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://a/b"}}]}]}, "contents[0].parts[0].fileData.fileUri"),
    ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0]"),
    (declared({}), f"{DECLARED}[0].name"),
    (declared(WEATHER, {**NEWS, "name": "weather"}), f"{DECLARED}[1].name"),
    (declared({**NEWS, "parametersJsonSchema": []}), f"{DECLARED}[0].parametersJsonSchema"),
    (declared({"name": "a", "parameters": "b"}), f"{DECLARED}[0].parameters"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, f"{CALLING}.mode"),
    ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, f"{CALLING}.mode"),
    ({"toolConfig": {"functionCallingConfig": {"mode": 5}}}, f"{CALLING}.mode"),
    ({"toolConfig": {"functionCallingConfig": {"mode": ["AUTO"]}}}, f"{CALLING}.mode"),
    ({"toolConfig": {"functionCallingConfig": {"mode": False}}}, f"{CALLING}.mode"),
    ({"toolConfig": {"functionCallingConfig": {"mode": []}}}, f"{CALLING}.mode"),
    ({"generationConfig": {"responseModalities": [3]}}, "generationConfig.responseModalities"),
    ({"generationConfig": {"responseModalities": [9]}}, "generationConfig.responseModalities"),
    ({"toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["a"]}}}, f"{CALLING}.allowedFunctionNames"),
    ({"tools": [{"google_search": 5}]}, "tools[0].googleSearch"),
    ({"cachedContent": "cachedContents/1"}, "cachedContent"),
    ({CONFIG: []}, CONFIG),
    ({CONFIG: {"temperature": 3}}, f"{CONFIG}.temperature"),
    ({CONFIG: {"maxOutputTokens": 0}}, f"{CONFIG}.maxOutputTokens"),
    ({CONFIG: {"candidateCount": 9}}, f"{CONFIG}.candidateCount"),
    ({CONFIG: {"stopSequences": [1]}}, f"{CONFIG}.stopSequences"),
    ({CONFIG: {"responseMimeType": "text/x.enum"}}, f"{CONFIG}.responseMimeType"),
    ({CONFIG: {"responseSchema": []}}, f"{CONFIG}.responseSchema"),
    ({CONFIG: {"responseModalities": ["AUDIO"]}}, f"{CONFIG}.responseModalities"),
    ({CONFIG: {"thinkingConfig": {"thinkingBudget": -2}}}, f"{CONFIG}.thinkingConfig.thinkingBudget"),
]


@pytest.mark.parametrize("body, param", REFUSED, ids=[param for _, param in REFUSED])
def test_what_cannot_be_read_is_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(body)
    assert caught.value.param == param and param.rpartition(".")[2].partition("[")[0] in caught.value.message


def test_a_count_takes_contents_or_a_whole_request() -> None:
    whole = {"model": "models/GigaChat", "contents": HELLO, "systemInstruction": {"parts": [{"text": "Кратко."}]}}
    assert len(from_count_request({"contents": HELLO}, "GigaChat").messages) == 1
    assert len(from_count_request({"generateContentRequest": whole}, "GigaChat").messages) == 2


def test_embeddings() -> None:
    one = {"content": {"parts": [{"text": "Раз"}, {"text": "два"}]}, "taskType": "RETRIEVAL_QUERY"}
    asked = from_embed_request(one)
    assert (asked.texts, asked.dimensions, asked.ignored) == (["Раз\nдва"], [None], ("taskType",))
    other = {"model": "models/a", "content": {"parts": {"text": "три"}}, "output_dimensionality": 1024}
    both = from_batch_request({"requests": [one, other]})
    assert (both.texts, both.dimensions) == (["Раз\nдва", "три"], [None, 1024])


@pytest.mark.parametrize(
    "requests, param",
    [
        ([], "requests"),
        ([{}], "requests[0].content"),
        ([{"content": {"parts": [{"text": ""}]}}], "requests[0].content.parts"),
        ([{"content": {"parts": [{"inlineData": {"data": "a"}}]}}], "requests[0].content.parts"),
        ([{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 0}], "requests[0].outputDimensionality"),
    ],
)
def test_embeddings_that_cannot_be_read(requests: list[Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        from_batch_request({"requests": requests})
    assert caught.value.param == param


def test_what_is_nested_too_deeply_is_named() -> None:
    """Also where it stands in a part that nobody would embed."""
    response: list[Any] = []
    for _ in range(300):
        response = [response]
    content = {"parts": [{"functionResponse": {"name": "a", "response": response}}]}
    for asked, body in (
        (from_embed_request, {"content": content}),
        (from_batch_request, {"requests": [{"content": content}]}),
    ):
        with pytest.raises(BadRequest, match="nested") as caught:
            asked(body)
        assert [caught.value.param] == [*body]
