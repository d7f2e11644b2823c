"""The refusals of v2 (contract 5.1, 5.3, 5.7, 5.11, 5.26, 5.27, 5.29), and what passes."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.character import Character, STRICT, TOLERANT
from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.storage import StoredFile
from gpt2giga_sandbox.v2.request import check_chat

from ..bodies import SYNTAX
from ..conftest import chat_body_v2
from .bodies import asked, call, functions, result, told, USER, WEATHER

NO_RESULT = (422, "Invalid params: every assistant function call must have a result in history")
NO_CALL = (422, "Invalid params: every assistant function result must have an assistant function call in history")
FILES = {"text": StoredFile("f", "text/plain", b"a"), "image": StoredFile("f", "image/png", b"a")}


def refusal(fields: dict[str, Any], character: Character) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        check_chat(chat_body_v2(**fields), FILES, character)
    return caught.value.status, caught.value.message


def says(*messages: Any) -> dict[str, Any]:
    return {"messages": list(messages)}


def content(*parts: Any) -> dict[str, Any]:
    return says({"role": "user", "content": list(parts)})


def options(**fields: Any) -> dict[str, Any]:
    return {"model_options": fields}


def choice(**config: Any) -> dict[str, Any]:
    return {"tools": [functions(), {"web_search": {}}], "tool_config": config}


def invalid(message: str) -> tuple[int, str]:
    return 422, f"Invalid params: {message}"


MESSAGES = [
    ("no model", {"model": "GigaChat-9"}, (404, "No such model")),
    ("no messages", {"messages": []}, invalid("messages must not be empty")),
    ("message of wrong type", says("Привет"), SYNTAX),
    ("text content", says({"role": "user", "content": "Привет"}), SYNTAX),
    ("no content", says({"role": "user"}), invalid("message content is required")),
    ("empty content", content(), invalid("message content is required")),
    ("text part", content("Привет"), SYNTAX),
    ("part of v1's type", content({"type": "image"}), SYNTAX),
    ("text of wrong type", content({"text": 1}), SYNTAX),
    ("files by id alone", content({"files": ["text"]}), SYNTAX),
    ("unknown file", content({"files": [{"id": "absent"}]}), (404, "No such file")),
    (
        "image without vision",
        {"model": "GigaChat-2", **content({"files": [{"id": "image"}]})},
        (422, "Model does not support image"),
    ),
    ("role developer", says({"role": "developer", "content": [{"text": "a"}]}), SYNTAX),
    ("late system", says(USER, {**USER, "role": "system"}), invalid("system message must be the first message")),
    ("context window", content({"text": "ы" * 800_000}), (413, "Payload too large")),
]
CALLS = [
    ("text arguments", says(USER, asked(call(arguments="{}")), told(result())), SYNTAX),
    ("no arguments", says(USER, asked({"function_call": {"name": "weather"}}), told(result())), SYNTAX),
    (
        "call by the user",
        says({**asked(call()), "role": "user"}),
        invalid("function_call is allowed only in assistant messages"),
    ),
    ("number as id", says(USER, asked(call(id=1)), told(result())), SYNTAX),
    ("call without result", says(USER, asked(call()), USER), NO_RESULT),
    ("call without result at the end", says(USER, asked(call())), NO_RESULT),
    ("one of two results", says(USER, asked(call(), call("time")), told(result()), USER), NO_RESULT),
    (
        "answer before the second",
        says(USER, asked(call(), call("time")), told(result()), asked({"text": "a"})),
        NO_RESULT,
    ),
    ("result without call", says(USER, told(result())), NO_CALL),
    ("second result", says(USER, asked(call()), told(result(), result())), NO_CALL),
    ("result of another function", says(USER, asked(call()), told(result("time"))), NO_CALL),
    ("result of another id", says(USER, asked(call(id="a")), told(result(id="b"))), NO_CALL),
    (
        "two of a name without ids",
        says(USER, asked(call(id="a"), call(id="b")), told(result(), result())),
        invalid("function_result of weather must have the id of its call"),
    ),
    (
        "call beside content",
        says(USER, {"role": "assistant", "content": [{"text": ""}], **call()}, told(result())),
        NO_CALL,
    ),
    ("nameless result", says(USER, asked(call()), told({"function_result": {"result": "{}"}})), SYNTAX),
    ("no result in it", says(USER, asked(call()), told({"function_result": {"name": "weather"}})), SYNTAX),
    ("result by the user", says(USER, asked(call()), told(result(), role="user")), SYNTAX),
    ("text as a result", says(USER, asked(call()), told({"text": "{}"})), SYNTAX),
    (
        "result that is no JSON",
        says(USER, asked(call()), told(result(value="солнечно"))),
        (
            400,
            "invalid function result for function weather json string солнечно,"
            " error: JSON parse error at line 1 column 1",
        ),
    ),
]
OPTIONS = [
    ("options of wrong type", {"model_options": []}, SYNTAX),
    ("text temperature", options(temperature="1"), SYNTAX),
    (
        "zero repetition_penalty",
        options(repetition_penalty=0),
        invalid("repetition_penalty must be in range (0, +inf)"),
    ),
    ("large top_p", options(top_p=1.1), invalid("top_p must be in range [0, 1]")),
    ("zero max_tokens", options(max_tokens=0), invalid("max_tokens must be in range (0, 2147483647]")),
    ("six logprobs", options(top_logprobs=6), invalid("top_logprobs must be in range [1, 5]")),
    ("text parallel", options(parallel_tool_calls="true"), SYNTAX),
    ("effort as text", options(reasoning="low"), SYNTAX),
    (
        "unknown effort",
        {"model": "GigaChat-3-Pro", **options(reasoning={"effort": "minimal"})},
        (400, "Invalid params: reasoning_effort must be low, medium or high"),
    ),
    (
        "effort of a model that does not reason",
        options(reasoning={"effort": "low"}),
        (400, "Invalid params: reasoning_effort is not supported by the model"),
    ),
    (
        "format json_object",
        options(response_format={"type": "json_object"}),
        (400, 'Unknown type "json_object" in response_format'),
    ),
    ("format xml", options(response_format={"type": "xml"}), (400, 'Unknown type "xml" in response_format')),
    (
        "no schema",
        options(response_format={"type": "json_schema"}),
        (400, "Empty schema with json format type is not supported"),
    ),
    ("no regex", options(response_format={"type": "regex"}), invalid("regex of response_format is empty")),
    (
        "broken regex",
        options(response_format={"type": "regex", "regex": "("}),
        invalid("regex of response_format is wrong"),
    ),
]
TOOLS = [
    ("tools of wrong type", {"tools": {}}, SYNTAX),
    ("tool of wrong type", {"tools": ["web_search"]}, SYNTAX),
    ("OpenAI's form", {"tools": [{"type": "function", "function": WEATHER}]}, SYNTAX),
    ("configuration of wrong type", {"tools": [{"web_search": True}]}, SYNTAX),
    ("functions as a list", {"tools": [{"functions": [WEATHER]}]}, SYNTAX),
    ("unknown tool", {"tools": [{"url_extraction": {}}]}, (404, "Unknown tool url_extraction")),
    ("closed tool", {"tools": [{"code_interpreter": {}}]}, (422, "Tool code_interpreter is unavailable")),
    ("function without parameters", {"tools": [functions({"name": "f"})]}, (422, "Field 'parameters' is missing")),
    (
        "function twice",
        {"tools": [functions(WEATHER), functions(WEATHER)]},
        invalid("function name weather is not unique"),
    ),
    ("no mode", choice(tool_name="web_search"), invalid("unknown tool_config mode ")),
    ("unknown mode", choice(mode="required"), invalid("unknown tool_config mode required")),
    ("forced nothing", choice(mode="forced"), invalid("tool_config needs tool_name or function_name in mode forced")),
    (
        "forced both",
        choice(mode="forced", tool_name="web_search", function_name="weather"),
        invalid("tool_config needs tool_name or function_name in mode forced"),
    ),
    (
        "forced tool that is not given",
        choice(mode="forced", tool_name="image_generate"),
        invalid("tool image_generate of tool_config is not in tools"),
    ),
    (
        "forced function that is not given",
        choice(mode="forced", function_name="f"),
        invalid("function f of tool_config is not in tools"),
    ),
]
TABLE = [*MESSAGES, *CALLS, *OPTIONS, *TOOLS]


@pytest.mark.parametrize("character", [STRICT, TOLERANT], ids=["strict", "tolerant"])
@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_refuses(fields: dict[str, Any], expected: tuple[int, str], character: Character) -> None:
    assert refusal(fields, character) == expected


ANY = [
    (
        "any of one that is not given",
        {"functions_names_any": ["f"]},
        invalid("function f of tool_config is not in tools"),
    ),
    ("any of none", {"functions_names_any": []}, invalid("tool_config needs a function in mode any")),
    ("any of a number", {"functions_names_any": [1]}, SYNTAX),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in ANY], ids=[row[0] for row in ANY])
def test_refuses_any(fields: dict[str, Any], expected: tuple[int, str]) -> None:
    assert refusal(choice(mode="any", **fields), TOLERANT) == expected


def test_refuses_thoughts_alone() -> None:
    thought = {"role": "reasoning", "content": [{"text": "Думаю."}]}
    assert refusal(says(thought), TOLERANT) == invalid("messages must not be empty")


@pytest.mark.parametrize("character", [STRICT, TOLERANT], ids=["strict", "tolerant"])
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="plain"),
        pytest.param({"temperature": 0, "functions": 1}, id="fields of v1 pass unseen"),
        pytest.param(
            {
                "storage": {},
                "disable_filter": True,
                "user_info": {"timezone": "Europe/Moscow"},
                "ranker_options": {"enabled": True},
            },
            id="all of the top level",
        ),
        pytest.param(
            options(temperature=0.001, top_p=0, max_tokens=1, update_interval=0.5, unnormalized_history=True),
            id="options",
        ),
        pytest.param({"model": "GigaChat-3-Pro", **options(reasoning={"effort": "high"})}, id="effort"),
        pytest.param(options(response_format={"type": "text"}) | {"tools": [functions()]}, id="text beside functions"),
        pytest.param(content({"text": "a"}, {"files": [{"id": "text"}]}), id="a file"),
        pytest.param(says(USER, asked(call(), call("time")), told(result("time"), result())), id="one message of two"),
        pytest.param(
            says(USER, asked(call(), call("time")), told(result()), told(result("time")), USER), id="two messages"
        ),
        pytest.param(says(USER, asked(call()), asked(call("time")), told(result("time"), result())), id="two of calls"),
        pytest.param(
            says(USER, asked(call(id="a"), call(id="b")), told(result(id="b"), result(id="a"))), id="same name, ids"
        ),
        pytest.param(says(USER, asked(call(), call()), told(result(), result())), id="same name, no ids at all"),
        pytest.param(says(USER, asked(call()), told(result(value='"строка"'))), id="any JSON"),
        pytest.param(says(USER, {**asked({"text": "a"}), "tool_state_id": "b"}, USER), id="state without call"),
        pytest.param(
            says(USER, asked({"files": [{"id": "drawn", "mime": "image/jpeg", "target": "image"}]}), USER), id="drawn"
        ),
        pytest.param({"tools": [{"web_search": {"type": "actual_info_web_search"}}]}, id="configured tool"),
        pytest.param(choice(mode="forced", tool_name="web_search"), id="forced tool"),
    ],
)
def test_accepts(fields: dict[str, Any], character: Character) -> None:
    check_chat(chat_body_v2(**fields), FILES, character)
