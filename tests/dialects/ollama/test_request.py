from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Image, JsonFormat, Message, Text, ToolResult
from gpt2giga.dialects.ollama.embeddings import from_input
from gpt2giga.dialects.ollama.request import from_chat_request, from_generate_request
from gpt2giga.errors import BadRequest

USER = {"role": "user", "content": "Привет"}


def chat(**more: Any) -> Any:
    return from_chat_request({"messages": [USER], **more})


def generated(**more: Any) -> Any:
    return from_generate_request({"prompt": "Привет", **more})


@pytest.mark.parametrize(("given", "streams"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_answers_are_streamed_unless_they_are_not_to_be(given: dict[str, Any], streams: bool) -> None:
    assert chat(**given)[1].stream is generated(**given)[1].stream is streams


@pytest.mark.parametrize(
    ("think", "effort", "shown", "ignored"),
    [
        (None, None, True, ()),
        (True, "medium", True, ()),
        (False, None, False, ()),
        ("low", "low", True, ()),
        ("max", "high", True, ()),
        ("off", None, True, ()),
        ("a lot", None, True, ("think",)),
    ],
)
def test_thinking(think: Any, effort: str | None, shown: bool, ignored: tuple[str, ...]) -> None:
    asked, delivery = chat(think=think)
    assert (asked.reasoning_effort, delivery.thoughts, delivery.ignored) == (effort, shown, ignored)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, None), ("", None), ("json", JsonFormat()), ({"type": "object"}, JsonFormat({"type": "object"}))],
)
def test_formats(given: Any, expected: JsonFormat | None) -> None:
    assert chat(format=given)[0].json_format == generated(format=given)[0].json_format == expected


@pytest.mark.parametrize(("given", "limit"), [(None, None), (-2, None), (-1, None), (0, None), (1, 1), (100.0, 100)])
def test_the_limit_of_tokens(given: Any, limit: int | None) -> None:
    assert chat(options={"num_predict": given})[0].max_tokens == limit


def test_what_changes_nothing_is_named() -> None:
    options = {"seed": 1, "num_ctx": 4096, "use_mmap": True, "mirostat_tau": 0.5, "unheard_of": 1, "top_k": None}
    named = ("options.num_ctx", "options.seed", "options.mirostat_tau", "options.use_mmap", "keep_alive", "logprobs")
    assert chat(options=options, keep_alive="5m", logprobs=True)[1].ignored == named
    assert generated(context=[1], raw=False, template="a")[1].ignored == ("template", "context")
    assert generated(context=[], raw=True)[1].ignored == ("raw",)


def test_images_of_a_result() -> None:
    """Beside what the tool answered in words; what is no image is left out, for no user could mend it."""
    result = {"role": "tool", "content": "Вот", "tool_name": "camera", "images": ["YQ==", 5]}
    found = chat(messages=[USER, result])[0].messages[1]
    assert found == Message("user", (ToolResult("", "camera", (Text("Вот"), Image("data:;base64,YQ=="))),))


@pytest.mark.parametrize("image", ["data:image/png;base64,YQ==", "https://example.com/a.png"])
def test_images_may_be_addresses(image: str) -> None:
    assert generated(images=[image])[0].messages[0].parts == (Text("Привет"), Image(image))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"options": {"temperature": 3}}, "options.temperature"),
        ({"options": {"temperature": "1"}}, "options.temperature"),
        ({"options": {"stop": 5}}, "options.stop"),
        ({"options": {"seed": "a"}}, "options.seed"),
        ({"options": {"num_predict": -3}}, "options.num_predict"),
        ({"options": []}, "options"),
        ({"think": 1}, "think"),
        ({"format": "xml"}, "format"),
        ({"format": 5}, "format"),
        ({"keep_alive": True}, "keep_alive"),
        ({"stream": "no"}, "stream"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "a", "parameters": 5}}]}, "tools[0].function.parameters"),
        ({"messages": [{"role": "user", "content": "a", "images": "a"}]}, "messages[0].images"),
        ({"messages": [{"role": "user", "content": "a", "images": ["", 5]}]}, "messages[0].images[0]"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "messages[0].role"),
    ],
)
def test_the_error_names_the_place(body: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest) as caught:
        chat(**body)
    assert caught.value.param == named and f"'{named}'" in caught.value.message


@pytest.mark.parametrize(
    ("body", "named"),
    [({"suffix": "a"}, "suffix"), ({"images": [5]}, "images[0]"), ({"system": 5}, "system"), ({"raw": 1}, "raw")],
)
def test_the_error_names_the_parameter_of_generate(body: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest) as caught:
        generated(**body)
    assert caught.value.param == named


@pytest.mark.parametrize(("given", "texts"), [(None, []), ("", []), ([], []), ("a", ["a"]), (["a", "b"], ["a", "b"])])
def test_texts_to_embed(given: Any, texts: list[str]) -> None:
    assert from_input(given) == texts


@pytest.mark.parametrize(
    ("given", "named"), [(5, "input"), (0, "input"), ({}, "input"), (["a", ""], "input[1]"), ([5], "input[0]")]
)
def test_what_cannot_be_embedded(given: Any, named: str) -> None:
    with pytest.raises(BadRequest) as caught:
        from_input(given)
    assert caught.value.param == named
