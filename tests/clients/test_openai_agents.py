"""The OpenAI Agents SDK, which speaks the Responses API unless told otherwise."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

agents = pytest.importorskip("agents", reason="make test-clients installs openai-agents")

from agents import (  # noqa: E402 after the check that it is there
    Agent,
    function_tool,  # noqa: E402
    ModelSettings,
    OpenAIConversationsSession,
    OpenAIProvider,
    RunConfig,
    Runner,
    WebSearchTool,
)
from openai import APIError, AsyncOpenAI, BadRequestError  # noqa: E402
from pydantic import BaseModel  # noqa: E402

from gpt2giga_sandbox.server import SandboxServer  # noqa: E402
from tests.service import Service  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/clients.md"
MODEL = "GigaChat-2-Max"

Run = Callable[..., Any]


@pytest.fixture
def run(service: Service) -> Run:
    """run(agent, input) gives the SDK's result; streamed=True reads it as a stream, and gives the words as well."""

    def run(agent: Agent, question: Any, *, streamed: bool = False, **options: Any) -> Any:
        return asyncio.run(_run(service, agent, question, streamed, options))

    return run


async def _run(service: Service, agent: Agent, question: Any, streamed: bool, options: dict[str, Any]) -> Any:
    async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0) as client:
        provider = OpenAIProvider(openai_client=client)
        config = RunConfig(model_provider=provider, tracing_disabled=True)
        if not streamed:
            return await Runner.run(agent, question, run_config=config, **options)
        result = Runner.run_streamed(agent, question, run_config=config, **options)
        words = [
            event.data.delta
            async for event in result.stream_events()
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
        ]
        return result, "".join(words)


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: дождь"


def helper(**options: Any) -> Agent:
    return Agent(name="helper", model=MODEL, instructions="Отвечай кратко.", **options)


CALL = {"call": {"name": "weather", "arguments": {"city": "Омск"}}}
ANOTHER = {"call": {"name": "weather", "arguments": {"city": "Уфа"}}}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_round_trip(run: Run, sandbox: SandboxServer, streamed: bool) -> None:
    sandbox.state.script(CALL, ANOTHER, {"text": "Везде дождь."})
    result = run(helper(tools=[weather, WebSearchTool()]), "Погода в Омске и Уфе?", streamed=streamed)
    if streamed:
        result, words = result
        assert words == "Везде дождь."
    assert result.final_output == "Везде дождь."
    last = sandbox.state.chats()[-1]["messages"]
    assert [message["role"] for message in last] == ["system", "user", *["assistant", "function"] * 2]
    assert last[-1]["content"] == '{"result":"Уфа: дождь"}'
    assert result.context_wrapper.usage.total_tokens > 0


class Report(BaseModel):
    city: str
    degrees: int


def test_structured_output(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script(CALL, {"text": '{"city": "Омск", "degrees": 7}'})
    result = run(helper(tools=[weather], output_type=Report), "Погода?")
    assert result.final_output == Report(city="Омск", degrees=7)


def test_a_handoff(run: Run, sandbox: SandboxServer) -> None:
    poet = Agent(name="Poet", model=MODEL, instructions="Отвечай стихами.")
    sandbox.state.script({"call": {"name": "transfer_to_poet", "arguments": {}}}, {"text": "Буря мглою."})
    result = run(helper(handoffs=[poet]), "Стихи!")
    assert (result.last_agent.name, result.final_output) == ("Poet", "Буря мглою.")


def test_a_required_tool(run: Run, sandbox: SandboxServer) -> None:
    agent = helper(tools=[weather], model_settings=ModelSettings(tool_choice="required"))
    sandbox.state.script(CALL, {"text": "Дождь."})
    assert run(agent, "Привет!").final_output == "Дождь."
    assert sandbox.state.chats()[0]["function_call"] == {"name": "weather"}


def test_the_service_remembers_the_conversation(run: Run, sandbox: SandboxServer) -> None:
    first = run(helper(), "Раз")
    second = run(helper(), "Два", previous_response_id=first.last_response_id)
    assert "Два" in second.final_output
    messages = sandbox.state.chats()[-1]["messages"]
    assert [message["content"] for message in messages if message["role"] == "user"] == ["Раз", "Два"]


def test_a_conversation(run: Run, service: Service, sandbox: SandboxServer) -> None:
    """The service keeps it, and the agent names it."""
    with service.client() as client:
        conversation = client.conversations.create().id
    sandbox.state.script(CALL, {"text": "Дождь."}, {"text": "Тоже дождь."})
    agent = helper(tools=[weather])
    assert run(agent, "Погода?", conversation_id=conversation).final_output == "Дождь."
    run(agent, "А завтра?", conversation_id=conversation)
    messages = sandbox.state.chats()[-1]["messages"]
    assert [message["role"] for message in messages[1:]] == ["user", "assistant", "function", "assistant", "user"]
    assert sandbox.state.refusals() == []


def test_a_session_of_conversations(service: Service, sandbox: SandboxServer) -> None:
    """The agent adds its items by itself, and reads them back."""
    sandbox.state.script(CALL, {"text": "Дождь."}, {"text": "Тоже дождь."})

    async def talk() -> list[str]:
        async with AsyncOpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0) as client:
            config = RunConfig(model_provider=OpenAIProvider(openai_client=client), tracing_disabled=True)
            session = OpenAIConversationsSession(openai_client=client)
            for question in ("Погода?", "А завтра?"):
                await Runner.run(helper(tools=[weather]), question, session=session, run_config=config)
            kinds = [str(item.get("type", "message")) for item in await session.get_items()]
            await session.pop_item()
            kinds.append(str(len(await session.get_items())))
            await session.clear_session()
            return kinds

    kinds = ["message", "function_call", "function_call_output", "message", "message", "message"]
    assert asyncio.run(talk()) == [*kinds, str(len(kinds) - 1)]
    messages = sandbox.state.chats()[-1]["messages"]
    assert [message["role"] for message in messages[1:]] == ["user", "assistant", "function", "assistant", "user"]
    assert sandbox.state.refusals() == []


def test_the_client_remembers_the_conversation(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Да.", "reasoning": "Думаю."})
    agent = Agent(name="helper", model="GigaChat-3-Pro")
    first = run(agent, "Раз")
    run(agent, [*first.to_input_list(), {"role": "user", "content": "Два"}])
    assert [message["content"] for message in sandbox.state.chats()[-1]["messages"]] == ["Раз", "Да.", "Два"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_search_of_gigachat(v2: Service, sandbox: SandboxServer, streamed: bool) -> None:
    """Over its newer interface, beside a tool of the agent's own, and sent back with the history."""
    agent = helper(tools=[weather, WebSearchTool()])
    result = asyncio.run(_run(v2, agent, "Найди новости", streamed, {}))
    if streamed:
        result, words = result
        assert words == result.final_output
    [response] = result.raw_responses
    search, message = response.output
    assert (search.type, search.status) == ("web_search_call", "completed")
    cited = message.content[0].annotations
    assert [result.final_output[place.start_index : place.end_index] for place in cited] == ["[1]", "[1]", "[2]"]
    sandbox.state.script({"calls": [CALL["call"], ANOTHER["call"]]}, {"text": "Везде дождь."})
    history = [*result.to_input_list(), {"role": "user", "content": "А погода?"}]
    result = asyncio.run(_run(v2, agent, history, False, {}))
    assert result.final_output == "Везде дождь."
    *_, first, second = (message["content"][0] for message in sandbox.state.chats()[-1]["messages"])
    assert "Омск" in first["function_result"]["result"] and "Уфа" in second["function_result"]["result"]
    assert len(sandbox.state.chats()) == 3 and sandbox.state.refusals() == []


def test_errors(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 422, "body": {"status": 422, "message": "why not"}})
    with pytest.raises(BadRequestError, match="why not"):
        run(helper(), "Раз")
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    with pytest.raises(Exception, match="before its answer was whole") as caught:
        run(helper(), "Раз", streamed=True)
    assert isinstance(caught.value, APIError | RuntimeError | agents.exceptions.AgentsException)


def test_the_documented_program(service: Service) -> None:
    [script] = re.findall(r"```py\n(.*?)```", PAGE.read_text(), re.S)
    here = script.replace("http://127.0.0.1:8080", service.url)
    done = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, timeout=30, check=True)
    assert "Привет!" in done.stdout


def test_the_example(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.settings.demo = True
    environ = {**os.environ, "OPENAI_BASE_URL": f"{service.url}/v1"}
    command = [sys.executable, ROOT / "examples/agent.py"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert re.search(r"Сейчас .*\d\d:\d\d", done.stdout)
    assert [message["role"] for message in sandbox.state.chats()[-1]["messages"][-2:]] == ["assistant", "function"]
