"""The same over GigaChat's newer interface, whose answers have calls, sources and pictures without end."""

from __future__ import annotations

from typing import Any

from tests.hostile.requests import (
    ANSWERED,
    ASK,
    by_schema,
    called,
    field_of,
    Hostile,
    MESSAGES,
    MIB,
    NOT_UNDERSTOOD,
    NOT_UNDERSTOOD_BY,
    REFUSED,
    RESPONSES,
    with_tool,
)

# The service is told that v2 works for it, and for no other.
MODEL = "GigaChat-3-Ultra"
DELTA, DONE = "response.message.delta", {"finish_reason": "stop"}
CALL = {"function_call": {"name": "f", "arguments": {}}}
BODY = {**with_tool(field_of({})), "model": MODEL}
IN_MESSAGES = {"messages": ASK, "max_tokens": 5, "model": MODEL, "tools": [{"name": "f", "input_schema": field_of({})}]}
IN_RESPONSES = {"input": "?", "model": MODEL, "tools": [{"type": "function", "name": "f", "parameters": field_of({})}]}
# What each API writes in its own way.
OF_EACH_API = ("10,000 frames of a call", "10,000 frames of sources and of marks without", "a million marks")


def whole(*parts: Any) -> dict[str, Any]:
    return {"answer": {"messages": [{"role": "assistant", "content": [*parts]}], **DONE}}


def streamed(*documents: Any) -> dict[str, Any]:
    """A frame for each list of parts, and the end."""
    said = [[DELTA, {"messages": [{"role": "assistant", "content": parts}]}] for parts in documents]
    return {"frames": [*said, ["response.message.done", DONE]]}


def pages(*numbers: int) -> dict[str, Any]:
    sources = {str(number): {"url": f"https://example.com/{number}", "title": "a"} for number in numbers}
    return {"inline_data": {"sources": sources}}


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def answers() -> dict[str, Any]:
    """What GigaChat says, and the statuses of whole answers; a stream has begun before it shows what it is."""
    marks = "[sources=[" + ",".join(str(number) for number in range(1000, 1020)) + "]]"
    runs = [{"tool_execution": {"name": "web_search", "status": status}} for status in ("running", "success")]
    call = f'{{"function_call":{{"name":"f","arguments":{deep(50_000)}}}}}'
    nested = f'{{"messages":[{{"role":"assistant","content":[{call}]}}]}}'
    return {
        "100,000 calls": (whole(*[CALL] * 100_000), NOT_UNDERSTOOD),
        "10,000 frames of a call": (
            streamed(*([{"function_call": {"name": "f", "arguments": {"a": n}}}] for n in range(10_000))),
            ANSWERED,
        ),
        "the same call 10,000 times": (streamed(*[[CALL]] * 10_000), ANSWERED),
        "100,000 sources": (whole({"text": "[sources=[1]]", **pages(*range(100_000))}), ANSWERED),
        "10,000 frames of sources and of marks without": (
            streamed(*([{"text": marks, **pages(number)}] for number in range(10_000))),
            ANSWERED,
        ),
        "a million marks": (whole({"text": "[sources=[1]]" * 1_000_000, **pages(1)}), ANSWERED),
        "4 MB of brackets": (whole({"text": "[" * (4 * MIB)}), ANSWERED),
        "10 MB of marks that do not end": (whole({"text": "[sources=[" * MIB}), ANSWERED),
        "10,000 frames of marks that do not end": (streamed(*[[{"text": "[sources=[1,"}]] * 10_000), ANSWERED),
        "10,000 searches": (streamed(*[runs] * 10_000), ANSWERED),
        "100,000 pictures": (
            whole({"files": [{"id": str(number), "target": "image"} for number in range(100_000)]}),
            NOT_UNDERSTOOD,
        ),
        # Asked once more over v1, which the sandbox answers.
        "deep arguments": ({"frames": [f"event: {DELTA}\ndata: {nested}\n\n"]}, ANSWERED),
        "deep arguments as text": (whole({"function_call": {"name": "f", "arguments": deep(500_000)}}), ANSWERED),
    }


def all_of_them() -> dict[str, Hostile]:
    found = {}
    # Each API by itself: after three answers in a row that cannot be read, v2 is left alone.
    for path, body in (("", BODY), (MESSAGES, IN_MESSAGES), (RESPONSES, IN_RESPONSES)):
        for name, (answer, statuses) in answers().items():
            expected = NOT_UNDERSTOOD_BY.get(path, statuses) if statuses == NOT_UNDERSTOOD else statuses
            asked = {**body, "stream": "frames" in answer}
            found[f"v2, {name}{path and ' for '}{path}"] = Hostile(
                asked, expected, path or Hostile.path, (answer, {}) if name == "deep arguments" else (answer,)
            )
    results = [message for _ in range(3000) for message in called("{}", "[" * 200 + "]" * 200)]
    many = [{"id": f"a{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in range(3000)]
    given = [{"role": "tool", "tool_call_id": call["id"], "content": "{}"} for call in many]
    found["v2, 3,000 results"] = Hostile({**BODY, "messages": [*ASK, *results]}, ANSWERED + REFUSED)
    found["v2, 3,000 results of one answer"] = Hostile(
        {**BODY, "messages": [*ASK, {"role": "assistant", "tool_calls": many}, *reversed(given)]}, ANSWERED + REFUSED
    )
    schema = {**by_schema(field_of({}), strict=True), "model": MODEL, "stream": True}
    blanks = streamed(*[[{"text": " "}]] * 10_000)
    found["v2, blanks"] = Hostile(schema, ANSWERED + NOT_UNDERSTOOD, answers=(blanks, blanks))
    return found


def ordinary() -> list[Hostile]:
    """What a process loads once and keeps is no leak."""
    said = whole({"text": "[sources=[1]]", **pages(1)}, CALL)
    return [
        Hostile(BODY, ANSWERED, answers=(said,)),
        Hostile({**BODY, "stream": True}, ANSWERED),
        Hostile(IN_MESSAGES, ANSWERED, MESSAGES, (said,)),
        Hostile(IN_RESPONSES, ANSWERED, RESPONSES, (said,)),
        *(found for name, found in all_of_them().items() if " MB " in name or "million" in name),
    ]
