"""What clients send beyond the specifications, in every dialect: it is understood, and never refused for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import MESSAGES, STREAMED
from tests.service import Service

THINKING = "GigaChat-3-Ultra"
CHAT: tuple[str, dict[str, Any]] = ("/v1/chat/completions", {"messages": MESSAGES})
COMPLETIONS: tuple[str, dict[str, Any]] = ("/v1/completions", {"prompt": "Раз"})
RESPONSES: tuple[str, dict[str, Any]] = ("/v1/responses", {"input": "Раз", "store": False})
AT_CHAT: tuple[str, dict[str, Any]] = ("/v1/chat/completions", {"input": "Раз"})
ANTHROPICS: tuple[str, dict[str, Any]] = ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9})
ALL = (CHAT, COMPLETIONS, RESPONSES, AT_CHAT, ANTHROPICS)
# Continue's for filling in the middle.
MARKERS = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<|endoftext|>", "<file_sep>", "/src/", "#- coding", "```"]


def sent(service: Service, sandbox: SandboxServer, where: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """What GigaChat gets, without what it always gets."""
    path, body = where
    response = service.post(path, {"model": THINKING, **body, **more})
    assert response.status_code == 200, response.text
    return {name: value for name, value in sandbox.state.chats()[-1].items() if name not in ("messages", "stream")}


@STREAMED
@pytest.mark.parametrize("marker", [*MARKERS, "\n\n"])
@pytest.mark.parametrize(
    ("where", "name"),
    [(CHAT, "stop"), (AT_CHAT, "stop"), (COMPLETIONS, "stop"), (ANTHROPICS, "stop_sequences")],
    ids=lambda it: it[0],
)
def test_any_number_of_stops(
    service: Service, sandbox: SandboxServer, where: tuple[str, dict[str, Any]], name: str, marker: str, stream: bool
) -> None:
    sandbox.state.script({"text": f"до{marker}после"})
    path, body = where
    response = service.post(path, {**body, name: [*MARKERS, "", "\n\n", ""], "stream": stream})
    response.encoding = "utf-8"
    assert response.status_code == 200 and "до" in response.text and "после" not in response.text


@pytest.mark.parametrize("value", [-1, -1.0])
@pytest.mark.parametrize(
    ("where", "name"),
    [
        (CHAT, "max_tokens"),
        (CHAT, "max_completion_tokens"),
        (COMPLETIONS, "max_tokens"),
        (RESPONSES, "max_output_tokens"),
        (AT_CHAT, "max_output_tokens"),
        (ANTHROPICS, "max_tokens"),
    ],
)
def test_no_limit(
    service: Service, sandbox: SandboxServer, where: tuple[str, dict[str, Any]], name: str, value: float
) -> None:
    assert sent(service, sandbox, where, **{name: value}) == {"model": THINKING}
    assert sent(service, sandbox, where, **{name: 100.0}) == {"model": THINKING, "max_tokens": 100}
    for wrong in (0, -2, 1.5, -1.5, True, "-1"):
        assert service.post(where[0], {**where[1], name: wrong}).status_code == 400, wrong


@pytest.mark.parametrize("effort", ["off", "disabled", "auto", "default"])
def test_efforts_that_leave_it_to_the_model(service: Service, sandbox: SandboxServer, effort: str) -> None:
    for found in (
        sent(service, sandbox, CHAT, reasoning_effort=effort),
        sent(service, sandbox, CHAT, reasoning_effort=effort.upper()),
        sent(service, sandbox, RESPONSES, reasoning={"effort": effort}),
        sent(service, sandbox, AT_CHAT, reasoning={"effort": effort}),
    ):
        assert "reasoning_effort" not in found
    assert "reasoning_effort" not in sent(service, sandbox, ANTHROPICS, output_config={"effort": effort})


EFFORTS: list[tuple[tuple[str, dict[str, Any]], str]] = [
    (CHAT, "reasoning_effort"),
    (RESPONSES, "reasoning.effort"),
    (AT_CHAT, "reasoning.effort"),
    (ANTHROPICS, "output_config.effort"),
]


@pytest.mark.parametrize(("where", "place"), EFFORTS, ids=lambda it: it[0])
def test_efforts_mean_the_same_in_every_dialect(
    service: Service, sandbox: SandboxServer, where: tuple[str, dict[str, Any]], place: str
) -> None:
    name, _, inner = place.partition(".")
    words = {"HIGH": "high", "Max": "high", "none": "low", "minimal": "low", "auto": None, "": None}
    for word, effort in words.items():
        asked = {name: {inner: word} if inner else word}
        assert sent(service, sandbox, where, **asked).get("reasoning_effort") == effort, word
    path, body = where
    response = service.post(path, {**body, "model": THINKING, name: {inner: "ultra"} if inner else "ultra"})
    assert (response.status_code, response.headers["X-Gpt2giga-Ignored"]) == (200, place)
    assert "reasoning_effort" not in sandbox.state.chats()[-1]


def test_thinking_tokens_as_a_float(service: Service, sandbox: SandboxServer) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000.0}
    assert sent(service, sandbox, ANTHROPICS, thinking=thinking, max_tokens=-1)["reasoning_effort"] == "low"


OWN: dict[str, Any] = {
    "repetition_penalty": 1.2,
    "profanity_check": False,
    "update_interval": 0.5,
    "flags": ["preprocess"],
    "few_shot_examples": [{"request": "a", "params": {}}],
    "return_parameters": {"type": "object"},
    "unnormalized_history": True,
    "function_ranker": {"enabled": True},
}


@pytest.mark.parametrize("where", ALL, ids=lambda it: f"{it[0]} {[*it[1]][0]}")
def test_gigachats_own_parameters(service: Service, sandbox: SandboxServer, where: tuple[str, dict[str, Any]]) -> None:
    usual = sent(service, sandbox, where)
    assert sent(service, sandbox, where, **OWN) == {**usual, **OWN}
    assert sent(service, sandbox, where, extra_body={**OWN, "brand_new": 1}) == {**usual, **OWN}
    assert sent(service, sandbox, where, extra_body=OWN, flags=["b"], function_ranker=None)["flags"] == ["b"]
    for name in OWN:
        response = service.post(where[0], {**where[1], name: 5 if isinstance(OWN[name], list | dict | bool) else "a"})
        assert response.status_code == 400 and name in response.json()["error"]["message"]


EXAMPLES = {"few_shot_examples": [{"request": "a", "params": {}}], "return_parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("where", "tool"),
    [
        (CHAT, {"type": "function", "function": {"name": "f", "parameters": SCHEMA, **EXAMPLES}}),
        (CHAT, {"type": "function", "name": "f", "parameters": SCHEMA, **EXAMPLES}),
        (RESPONSES, {"type": "function", "name": "f", "parameters": SCHEMA, **EXAMPLES}),
        (ANTHROPICS, {"name": "f", "input_schema": SCHEMA, **EXAMPLES}),
    ],
)
def test_what_only_gigachats_functions_have(
    service: Service, sandbox: SandboxServer, where: tuple[str, dict[str, Any]], tool: dict[str, Any]
) -> None:
    [function] = sent(service, sandbox, where, tools=[tool])["functions"]
    assert function == {"name": "f", "description": "", "parameters": SCHEMA, **EXAMPLES}
