"""What is asked of a chat model on v2, first of all whether it answers there."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

from gpt2giga.chat import HostedTool
from gpt2giga.language import N_
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.learning.reading import (
    calls,
    check_whole,
    documents,
    finish_reason,
    has_thoughts,
    has_used_a_tool,
    text,
)
from gpt2giga.upstream.learning.topic import Answer, Asking, Request, Topic, Unclear
from gpt2giga.upstream.learning.v1_topics import CALL_TOKENS, RESULT, WEATHER

FUNCTIONS = {"functions": {"specifications": [WEATHER]}}
TWO_CITIES = 'Узнай погоду сразу в двух городах, двумя вызовами: weather {"city": "Москва"} и weather {"city": "Омск"}.'
SEARCH = "Найди в интернете, кто такой Юрий Гагарин, и ответь одной фразой."
PAGE = "Прочитай https://example.com/ и ответь одной фразой, о чём эта страница."
SEARCH_TOKENS = 500
# What the role of a function's result goes with is what the service sends (contract 5.6).
RESULTS: dict[Literal["function", "tool"], Any] = {"function": RESULT, "tool": {"temperature": 5, "unit": "C"}}


def user(words: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": words}]}


def chat(model: str, *history: dict[str, Any], options: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    model_options = {"max_tokens": CALL_TOKENS, **(options or {})}
    return {"model": model, "messages": list(history), "model_options": model_options, **fields}


def ask_v2(model: str, facts: Facts) -> Asking:
    """It counts as there when all that an agent needs works: an answer, a stream, and the result of a call."""
    greeting = chat(model, user("Скажи: да."))
    if not (yield from _is_answered(Request("v2, an answer", greeting, v2=True))):
        return {"v2": False}
    if not (yield from _is_answered(Request("v2, a stream", greeting, v2=True, stream=True))):
        return {"v2": False}
    for role, result in RESULTS.items():
        call = {"function_call": {"name": "weather", "arguments": {"city": "Омск"}}}
        told = {"function_result": {"name": "weather", "result": result}}
        history = [
            user("Какая погода в Омске?"),
            {"role": "assistant", "content": [call]},
            {"role": role, "content": [told]},
        ]
        if (
            yield from _is_answered(
                Request(f"v2, a result of role {role}", chat(model, *history, tools=[FUNCTIONS]), v2=True)
            )
        ):
            return {"v2": True, "result_role": role}
    return {"v2": False}


def _is_answered(request: Request) -> Generator[Request, Answer, bool]:
    """With words, and to its end. Raises Unclear."""
    answer = yield request
    if answer.is_not_open:
        return False
    if not answer.is_good:
        raise Unclear(answer.outcome)
    says = bool(text(answer) or calls(answer) or has_thoughts(answer))
    return says and any(finish_reason(document) for document in documents(answer))


def ask_any_call(model: str, facts: Facts) -> Asking:
    """The words alone are no reason to call."""
    choice = {"mode": "any", "functions_names_any": ["weather"]}
    request = Request("v2, some call", chat(model, user("Привет!"), tools=[FUNCTIONS], tool_config=choice), v2=True)
    answer = yield request
    if not (answer.is_good or answer.is_not_open):
        raise Unclear(answer.outcome)
    return {"any_call": _has_calls(answer, 1)}


def ask_parallel_calls(model: str, facts: Facts) -> Asking:
    question = chat(model, user(TWO_CITIES), options={"parallel_tool_calls": True}, tools=[FUNCTIONS])
    answer = yield Request("v2, two calls", question, v2=True)
    if not (answer.is_good or answer.is_not_open):
        raise Unclear(answer.outcome)
    return {"parallel_calls": _has_calls(answer, 2)}


def _has_calls(answer: Answer, count: int) -> bool:
    """Raises Unclear."""
    if len(calls(answer)) >= count:
        return True
    check_whole(answer)
    return False


def ask_hosted(model: str, facts: Facts) -> Asking:
    """Not only taken but used, or a model without it would make up what it has found (contract 5.35). A drawing is paid
    for, so of that only whether the tool may stand in a request."""
    words = {"web_search": SEARCH, "url_content_extraction": PAGE, "image_generate": "Скажи: да."}
    open_tools: set[HostedTool] = set()
    for tool, wish in words.items():
        config = {} if tool == "image_generate" else {"tool_config": {"mode": "forced", "tool_name": tool}}
        most = {"max_tokens": SEARCH_TOKENS}
        answer = yield Request(
            f"v2, {tool}", chat(model, user(wish), options=most, tools=[{tool: {}}], **config), v2=True
        )
        if not (answer.is_good or answer.is_not_open):
            raise Unclear(f"{tool}: {answer.outcome}")
        if answer.is_good and not text(answer):
            check_whole(answer)
        if text(answer) and (tool == "image_generate" or has_used_a_tool(answer)):
            open_tools.add(tool)  # type: ignore[arg-type]
    return {"hosted": frozenset(open_tools)}


V2 = Topic("v2", N_("whether the newer interface answers"), ("v2",), 4, 1600, ask_v2)
ANY_CALL = Topic("any call", N_("whether it can be made to call"), ("any_call",), 1, 500, ask_any_call, needs_v2=True)
PARALLEL_CALLS = Topic(
    "parallel calls", N_("several calls in one answer"), ("parallel_calls",), 1, 600, ask_parallel_calls, needs_v2=True
)
HOSTED = Topic("hosted", N_("search, pages and pictures of its own"), ("hosted",), 3, 10_000, ask_hosted, needs_v2=True)
