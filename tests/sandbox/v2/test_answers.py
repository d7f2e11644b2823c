"""What v2 answers by itself and by a script, over the socket: whole and streamed."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox import SandboxServer

from ..conftest import Http, named_events
from .bodies import asked, call, functions, result, told, USER

pytestmark = pytest.mark.usefixtures("tolerant")
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
DELTA, DONE = "response.message.delta", "response.message.done"


def added(raw: str) -> dict[str, Any]:
    """A stream as the whole answer that it adds up to: `sources`, `files`, texts by role, calls."""
    events = named_events(raw)
    assert [name for name, _ in events].count(DONE) == 1 and events[-1][0] == DONE
    return summary([message for _, event in events for message in event.get("messages", [])], events[-1][1])


def summary(messages: list[dict[str, Any]], last: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"text": "", "reasoning": "", "calls": [], "files": [], "sources": {}, "state": ""}
    for message in messages:
        found["state"] = message.get("tool_state_id", found["state"])
        for part in message.get("content", []):
            found["reasoning" if message["role"] == "reasoning" else "text"] += part.get("text", "")
            found["calls"] += [part["function_call"]] if "function_call" in part else []
            found["files"] += part.get("files", [])
            found["sources"] |= part.get("inline_data", {}).get("sources", {})
    return {**found, "finish": last["finish_reason"], "usage": last["usage"]}


def answer(http: Http, text: str, stream: bool, **fields: Any) -> dict[str, Any]:
    got = http.chat_v2(text, stream=stream, **fields)
    assert got.status_code == 200, got.text
    return added(got.content.decode()) if stream else summary(got.json()["messages"], got.json())


def calls(found: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(called["name"], called["arguments"]) for called in found["calls"]]


def test_a_whole_answer_has_the_recorded_form(http: Http) -> None:
    got = http.chat_v2("Привет").json()

    assert list(got) == ["model", "created_at", "messages", "finish_reason", "usage"]
    assert got["model"] == "GigaChat-2-Max:2.0.30.01" and isinstance(got["created_at"], int)
    text = "Песочница GigaChat, ответ не настоящий. Вы написали: Привет"
    assert got["messages"] == [{"role": "assistant", "content": [{"text": text}]}]
    assert got["usage"] == {
        "input_tokens": 2,
        "input_tokens_details": {"prompt_tokens": 2, "cached_tokens": 0},
        "output_tokens": 8,
        "total_tokens": 10,
    }


def test_a_stream_has_named_events_and_no_done_line(http: Http) -> None:
    got = http.chat_v2("Привет", stream=True)
    events = named_events(got.content.decode())

    assert got.headers["Content-Type"] == "text/event-stream"
    assert [name for name, _ in events] == [DELTA, DELTA, DELTA, DONE]
    assert list(events[0][1]) == ["model", "created_at", "messages"]
    assert events[0][1]["messages"] == [{"role": "assistant", "content": [{"text": "Песочница GigaChat, ответ "}]}]
    assert list(events[-1][1]) == ["model", "created_at", "finish_reason", "usage"]


@BOTH
def test_the_same_under_both_paths(http: Http, sandbox: SandboxServer, stream: bool) -> None:
    body = {"model": "GigaChat", "messages": [USER], "stream": stream}
    for base in ("/v2", "/api/v2"):
        assert http.session.post(f"{sandbox.url}{base}/chat/completions", json=body, timeout=10).status_code == 200


@BOTH
def test_calls_every_function_that_is_named(http: Http, stream: bool) -> None:
    found = answer(http, 'weather {"city": "Уфа"}, time, weather {"city": "Омск"}', stream, tools=[functions()])

    assert calls(found) == [("weather", {"city": "Уфа"}), ("time", {}), ("weather", {"city": "Омск"})]
    assert (found["finish"], found["text"]) == ("function_call", "")
    assert found["state"] and len({called["id"] for called in found["calls"]}) == 3


def test_a_streamed_call_comes_in_the_last_event_only(http: Http) -> None:
    ((name, event),) = named_events(http.chat_v2("time", stream=True, tools=[functions()]).content.decode())

    assert name == DONE
    assert list(event) == ["model", "created_at", "messages", "finish_reason", "usage"]


@BOTH
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, ["weather", "time"], id="default"),
        pytest.param({"model_options": {"parallel_tool_calls": True}}, ["weather", "time"], id="allowed"),
        pytest.param({"model_options": {"parallel_tool_calls": False}}, ["weather"], id="not allowed"),
        pytest.param({"tool_config": {"mode": "auto"}}, ["weather", "time"], id="auto"),
        pytest.param({"tool_config": {"mode": "none"}}, [], id="none"),
        pytest.param({"tool_config": {"mode": "forced", "function_name": "time"}}, ["time"], id="forced"),
        pytest.param({"tool_config": {"mode": "any"}}, ["weather", "time"], id="any of all"),
        pytest.param({"tool_config": {"mode": "any", "functions_names_any": ["time"]}}, ["time"], id="any of one"),
    ],
)
def test_the_choice(http: Http, stream: bool, fields: dict[str, Any], expected: list[str]) -> None:
    found = answer(http, "weather и time", stream, tools=[functions()], **fields)

    assert [name for name, _ in calls(found)] == expected


@BOTH
@pytest.mark.parametrize("text", ["Привет", ""])
def test_any_gives_a_call_where_none_is_named(http: Http, stream: bool, text: str) -> None:
    config = {"mode": "any", "functions_names_any": ["time", "weather"]}
    found = answer(http, text, stream, tools=[functions()], tool_config=config)

    assert calls(found) == [("time", {})]


@BOTH
def test_the_round_trip_of_two_calls(http: Http, stream: bool) -> None:
    tools = [functions()]
    first = http.chat_v2("weather и time", tools=tools).json()["messages"][0]
    ids = [part["function_call"]["id"] for part in first["content"]]
    results = told(result("time", '"12:00"', id=ids[1]), result("weather", {"t": 5}, id=ids[0]), role="tool")
    # The id of the state is told under one name and sent under another.
    first["tools_state_id"] = first.pop("tool_state_id")

    found = answer(http, "", stream, messages=[USER, first, results], tools=tools)

    assert found["text"] == 'Песочница GigaChat: функция time вернула "12:00"; weather вернула {"t": 5}'
    assert found["state"] and found["finish"] == "stop"


@BOTH
def test_searches_and_names_its_sources(http: Http, stream: bool) -> None:
    found = answer(http, "Найди новости", stream, tools=[{"web_search": {}}])

    assert "«Найди новости» [sources=[1]]" in found["text"] and "[sources=[1, 2]]" in found["text"]
    assert found["sources"]["2"] == {"url": "https://example.com/2", "title": "Страница 2 о «Найди новости»"}
    assert found["state"] and found["finish"] == "stop"


def test_the_events_of_a_search(http: Http) -> None:
    events = named_events(http.chat_v2("search", stream=True, tools=[{"web_search": {}}]).content.decode())
    parts = [event["messages"][0].get("content", [None])[0] for _, event in events]

    names = ["response.tool.in_progress", "response.tool.completed"]
    assert [name for name, _ in events] == [*names, *[DELTA] * (len(events) - 3), DONE]
    assert parts[0] == {"tool_execution": {"id": "", "name": "web_search"}}
    assert parts[1] == {"tool_execution": {"id": "", "name": "web_search", "status": "success"}}
    assert list(parts[2]) == ["inline_data"] and list(parts[3]) == ["text"]
    assert list(events[-1][1]["messages"][0]) == ["role", "tool_state_id"]


@BOTH
@pytest.mark.parametrize(
    ("fields", "searched"),
    [
        pytest.param({"tool_config": {"mode": "forced", "tool_name": "web_search"}}, True, id="forced"),
        pytest.param({}, False, id="not asked for"),
    ],
)
def test_a_forced_tool(http: Http, stream: bool, fields: dict[str, Any], searched: bool) -> None:
    found = answer(http, "Привет", stream, tools=[{"web_search": {}}, functions()], **fields)

    assert bool(found["sources"]) is searched


@BOTH
def test_own_functions_come_before_tools(http: Http, stream: bool) -> None:
    found = answer(http, "найди time", stream, tools=[{"web_search": {}}, functions()])

    assert calls(found) == [("time", {})] and not found["sources"]


@BOTH
def test_reads_a_page(http: Http, stream: bool) -> None:
    found = answer(http, "Что на https://example.com/a?b=1 ?", stream, tools=[{"url_content_extraction": {}}])

    assert "https://example.com/a?b=1" in found["text"] and found["state"]


@BOTH
def test_a_drawing_is_a_file_of_v1(http: Http, stream: bool) -> None:
    found = answer(http, "Нарисуй кота", stream, tools=[{"image_generate": {}}])

    (file,) = found["files"]
    assert (file["mime"], file["target"]) == ("image/png", "image") and found["text"].endswith("рисунок готов.")
    assert http.get(f"/files/{file['id']}/content").content.startswith(b"\x89PNG")


@BOTH
def test_files_are_uploaded_below_v1(http: Http, sandbox: SandboxServer, stream: bool) -> None:
    uploaded = http.post("/files", files={"file": ("a.txt", b"a", "text/plain")}).json()["id"]
    content = [{"text": "Что там?"}, {"files": [{"id": uploaded}]}]

    found = answer(http, "", stream, messages=[{"role": "user", "content": content}])

    assert "(файлов: 1): Что там?" in found["text"]
    assert http.session.get(f"{sandbox.url}/v2/files", timeout=10).status_code == 403


@BOTH
@pytest.mark.parametrize(
    ("format", "text"),
    [
        pytest.param({"type": "text"}, None, id="text"),
        pytest.param(
            {"type": "json_schema", "schema": {"type": "object", "properties": {"a": {"type": "integer"}}}},
            '{\n    "a": 1\n}',
            id="schema",
        ),
        pytest.param({"type": "regex", "regex": r"[A-Z]{3}-\d{4}|нет"}, "AAA-0000", id="regex"),
    ],
)
def test_formats(http: Http, stream: bool, format: dict[str, Any], text: str | None) -> None:
    found = answer(http, "Привет", stream, model_options={"response_format": format})

    assert found["text"].endswith(text or "Вы написали: Привет")


@BOTH
def test_thoughts_are_messages_of_a_role(http: Http, stream: bool) -> None:
    options = {"reasoning": {"effort": "low"}}
    found = answer(http, "Привет", stream, model="GigaChat-3-Ultra", model_options=options)

    assert found["reasoning"].startswith("Песочница делает вид, что думает.")
    assert found["text"].endswith("Вы написали: Привет")


@BOTH
def test_max_tokens_cuts_words(http: Http, stream: bool) -> None:
    found = answer(http, "Привет", stream, model_options={"max_tokens": 3})

    assert (found["text"], found["finish"]) == ("Песочница GigaChat, ответ", "length")


@BOTH
def test_a_step_of_a_script(http: Http, sandbox: SandboxServer, stream: bool) -> None:
    named = [{"name": "f", "arguments": {"a": 1}}, {"name": "g"}]
    usage = {"input_tokens": 7}
    sandbox.state.script({"text": "Смотрю.", "calls": named, "reasoning": "думаю", "usage": usage})

    found = answer(http, "Привет", stream)

    assert (found["text"], found["reasoning"]) == ("Смотрю.", "думаю")
    assert calls(found) == [("f", {"a": 1}), ("g", {})]
    assert (found["finish"], found["usage"]["input_tokens"]) == ("function_call", 7)


def test_scripted_answers_frames_and_faults(http: Http, sandbox: SandboxServer) -> None:
    frames = [{"messages": []}, ["response.error", {"a": "ы"}], ": raw\n\n", {"finish_reason": "stop"}]
    sandbox.state.script({"answer": {"a": 1}}, {"frames": frames}, {"status": 429}, {"text": "раз", "done": False})

    assert http.chat_v2().content == b'{"a":1}'
    assert http.chat_v2(stream=True).content.decode() == (
        'event: response.message.delta\ndata: {"messages":[]}\n\nevent: response.error\ndata: {"a":"ы"}\n\n'
        ': raw\n\nevent: response.message.done\ndata: {"finish_reason":"stop"}\n\n'
    )
    assert http.chat_v2().json() == {"status": 429, "message": "Too many requests"}
    assert [name for name, _ in named_events(http.chat_v2(stream=True).text)] == [DELTA]
    assert sandbox.state.pending() == 0


def test_counted_and_recorded_as_chats_of_v1_are(http: Http, sandbox: SandboxServer) -> None:
    http.chat()
    http.chat_v2()

    assert sandbox.state.wait_for(lambda counters: counters.finished_streams == 2)
    assert [list(body) for body in sandbox.state.chats()] == [["model", "messages"]] * 2
    sandbox.state.settings.max_streams = 0
    assert http.chat_v2().status_code == 429


def test_a_token_is_needed(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.revoke_tokens()

    assert http.chat_v2().json() == {"status": 401, "message": "Token has expired"}


def test_a_result_of_one_call_is_answered_without_calling_again(http: Http) -> None:
    messages = [{"role": "user", "content": [{"text": "time"}]}, asked(call("time")), told(result("time", "5"))]

    got = http.chat_v2(messages=messages, tools=[functions()]).json()

    assert got["messages"][0]["content"] == [{"text": "Песочница GigaChat: функция time вернула 5"}]
