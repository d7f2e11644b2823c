"""What is asked of a chat model on v1."""

from __future__ import annotations

from typing import Any

from gpt2giga.language import _, N_
from gpt2giga.upstream.contract.facts import Facts
from gpt2giga.upstream.learning.reading import calls, documents, finish_reason, has_thoughts, messages, tokens
from gpt2giga.upstream.learning.topic import Answer, Asking, passes, Request, Topic, Unclear

WEATHER = {
    "name": "weather",
    "description": "Погода в городе",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Город"}},
        "required": ["city"],
    },
}
RESULT = '{"temperature":5,"unit":"C"}'
# At most: a call, with the thoughts that may come before it; thoughts themselves; a word.
CALL_TOKENS, THINKING_TOKENS, WORD_TOKENS = 300, 700, 5
# Words are one to three tokens long: with so much more than the window of them, it is full in any case.
OVERFULL = 1.3


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def chat(model: str, *history: dict[str, Any], max_tokens: int = CALL_TOKENS, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(history), "max_tokens": max_tokens, **fields}


def ask_temperature(model: str, facts: Facts) -> Asking:
    question = chat(model, user("Скажи: да."), max_tokens=WORD_TOKENS)
    zero = Request("temperature 0", {**question, "temperature": 0})
    return {"temperature_zero": (yield from passes(zero, Request("without temperature", question)))}


def ask_text_beside_call(model: str, facts: Facts) -> Asking:
    """The one report of a refusal is of a 500 (contract 3.1.16), which counts where it comes twice and never without
    the words."""

    def request(text: str) -> Request:
        call = {
            "role": "assistant",
            "content": text,
            "function_call": {"name": "weather", "arguments": {"city": "Омск"}},
        }
        result = {"role": "function", "name": "weather", "content": RESULT}
        what = "a call with words beside it" if text else "a call without words"
        return Request(what, chat(model, user("Какая погода в Омске?"), call, result, functions=[WEATHER]))

    without = yield request("")
    if not without.is_good:
        raise Unclear(_("a call and its result are refused without words too ({outcome})", outcome=without.outcome))
    beside = yield request("Сейчас посмотрю.")
    if beside.status == 500:
        beside = yield request("Сейчас посмотрю.")
    if not (beside.is_good or beside.is_refusal or beside.status == 500):
        raise Unclear(beside.outcome)
    return {"text_beside_call": beside.is_good}


def ask_call_frames(model: str, facts: Facts) -> Asking:
    question = chat(model, user("Какая погода в Омске?"), functions=[WEATHER], function_call={"name": "weather"})
    answer = yield Request("a streamed call", question, stream=True)
    with_call = [
        number
        for number, document in enumerate(documents(answer))
        if any("function_call" in message for message in messages(document))
    ]
    ends = [number for number, document in enumerate(documents(answer)) if finish_reason(document)]
    if not answer.is_good or not with_call or not ends:
        raise Unclear(_("no call came in a stream ({outcome})", outcome=answer.outcome))
    return {"call_frames": 1 if ends[0] == with_call[-1] else 2}


def ask_effort(model: str, facts: Facts) -> Asking:
    question = chat(model, user("Сколько будет 17*23? Подумай."), max_tokens=THINKING_TOKENS)
    seen: list[Answer] = []
    asked = passes(
        Request("reasoning_effort", {**question, "reasoning_effort": "high"}, stream=True),
        Request("without reasoning_effort", question, stream=True),
    )
    request = next(asked)
    while True:
        seen.append((yield request))
        try:
            request = asked.send(seen[-1])
        except StopIteration as end:
            return {"effort": end.value, "reasoning": has_thoughts(seen[-1])}


def ask_window(model: str, facts: Facts) -> Asking:
    words = "я " * int(facts.window * OVERFULL)
    answer = yield Request("more than the window", chat(model, user(words), max_tokens=1))
    return _window(answer)


def _window(answer: Answer) -> dict[str, Any]:
    if answer.window:
        return {"window": answer.window}
    if answer.is_good:
        raise Unclear(_("{tokens} tokens were taken: the window is larger", tokens=tokens(answer)))
    raise Unclear(_("the refusal does not say how large it is ({outcome})", outcome=answer.outcome))


def called_with(answer: Answer, name: str) -> dict[str, Any] | None:
    """The arguments of the call, if there is one of this name."""
    found = [call.get("arguments") for call in calls(answer) if call.get("name") == name]
    return found[0] if found and isinstance(found[0], dict) else None


TEMPERATURE = Topic("temperature", "temperature 0", ("temperature_zero",), 2, 100, ask_temperature)
BESIDE_CALL = Topic(
    "text beside a call", N_("words beside a call in the history"), ("text_beside_call",), 3, 1200, ask_text_beside_call
)
CALL_FRAMES = Topic("call frames", N_("how a streamed call comes"), ("call_frames",), 1, 500, ask_call_frames)
EFFORT = Topic("effort", N_("reasoning_effort and thoughts"), ("effort", "reasoning"), 2, 1600, ask_effort)
WINDOW = Topic("window", N_("the context window"), ("window",), 1, 400_000, ask_window, of="window")
