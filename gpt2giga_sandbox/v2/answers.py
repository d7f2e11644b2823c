"""What the sandbox answers on v2 when no script says otherwise: as on v1, and several calls, and built-in tools."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from gpt2giga_sandbox import answers
from gpt2giga_sandbox.answers import Answer, cut, DRAW, ECHO, named, sampled
from gpt2giga_sandbox.conversation import up_to_results
from gpt2giga_sandbox.echo import Echo, PREFIX
from gpt2giga_sandbox.v2.formats import matching
from gpt2giga_sandbox.v2.request import ChatRequest

URL = re.compile(r"https?://[^\s<>\"]+")
# What a text must hold for a tool that is given to be used.
WISHES = {
    "web_search": re.compile(r"найди|поищи|\bsearch\b", re.IGNORECASE),
    "url_content_extraction": URL,
    "image_generate": DRAW,
    "code_interpreter": re.compile(r"посчитай|\bcode\b", re.IGNORECASE),
}
LONGEST_QUERY = 200


def answer(chat: ChatRequest, draw: Callable[[], str], voice: Echo = ECHO) -> Answer:
    """`draw` stores a picture and gives its file id."""
    told = _told(chat, draw, voice)
    return replace(told, reasoning=voice.thinks(chat.body["messages"])) if chat.thinks else told


def _told(chat: ChatRequest, draw: Callable[[], str], voice: Echo) -> Answer:
    if chat.choice.mode == "any":
        return _some_call(chat, voice)
    if chat.regex:
        return cut(Answer(matching(chat.regex)), chat.body)
    told = answers.answer(chat.body, draw, chat.parallel, voice)
    tool = _tool(chat)
    if told.calls or not tool:
        return told
    return cut(_used(tool, up_to_results(chat.body["messages"])[-1]["content"], draw), chat.body)


def _some_call(chat: ChatRequest, voice: Echo) -> Answer:
    """The functions that are named, or else the first that is eligible."""
    functions = {function["name"]: function for function in chat.body["functions"]}
    eligible = {name: functions[name] for name in chat.choice.eligible}
    last = up_to_results(chat.body["messages"])[-1]
    calls = named(chat.body["messages"], eligible, voice) if last["role"] == "user" else ()
    first = next(iter(eligible.values()))
    calls = calls or (sampled(first, voice.arguments(first, chat.body["messages"])),)
    return Answer(calls=calls if chat.parallel else calls[:1])


def _tool(chat: ChatRequest) -> str:
    last = up_to_results(chat.body["messages"])[-1]
    if chat.choice.tool or chat.choice.mode == "none" or last["role"] != "user":
        return chat.choice.tool
    return next((tool for tool in chat.tools if tool in WISHES and WISHES[tool].search(last["content"])), "")


def _used(tool: str, text: str, draw: Callable[[], str]) -> Answer:
    if tool == "web_search":
        query = text[:LONGEST_QUERY]
        found = f"{PREFIX}: будто бы найдено «{query}» [sources=[1]]. Там же сказано и другое [sources=[1, 2]]."
        pages = {str(number): _page(number, query) for number in (1, 2)}
        return Answer(found, tool=tool, sources=pages)
    if tool == "url_content_extraction":
        urls = ", ".join(URL.findall(text)) or "без адреса"
        return Answer(f"{PREFIX}: будто бы прочитана страница {urls}.", tool=tool)
    if tool == "image_generate":
        picture = {"id": draw(), "mime": "image/png", "target": "image"}
        return Answer(f"{PREFIX}: рисунок готов.", tool=tool, files=(picture,))
    return Answer(f"{PREFIX}: будто бы использован инструмент {tool}.", tool=tool)


def _page(number: int, query: str) -> dict[str, str]:
    return {"url": f"https://example.com/{number}", "title": f"Страница {number} о «{query}»"}
