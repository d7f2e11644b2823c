"""Ollama's own clients and LangChain's, for Python and Node.js, and a program that speaks no other API."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ollama = pytest.importorskip("ollama", reason="make test-clients installs ollama")

from ollama import AsyncClient, Client, ResponseError  # noqa: E402 after the check that it is there
from pydantic import BaseModel  # noqa: E402

from gpt2giga_sandbox.server import SandboxServer  # noqa: E402
from tests.asking import new  # noqa: E402
from tests.clients.npm import install  # noqa: E402
from tests.conftest import QUICK  # noqa: E402
from tests.pictures import png  # noqa: E402
from tests.service import Service  # noqa: E402

MODEL = "GigaChat-2-Max:latest"
NODE_CLIENT, LANGCHAIN = "0.6.4", "1.3.0"
SECONDS = 60
QUESTION = [{"role": "user", "content": "Погода в Омске?"}]
CALL = {"call": {"name": "weather", "arguments": {"city": "Омск"}}}
# The least that the client for Python takes for one: it wants no type of the properties.
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def service(service_with: Callable[..., Service]) -> Service:
    return service_with(**QUICK, GPT2GIGA_OLLAMA="True", GPT2GIGA_HEARTBEAT="0.3")


@pytest.fixture
def client(service: Service) -> Any:
    with Client(service.url) as client:
        yield client


@pytest.mark.parametrize("delay", [0, 1], ids=["at once", "after signs of life"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_chat(client: Any, sandbox: SandboxServer, stream: bool, delay: float) -> None:
    sandbox.state.script({"text": "Раз\u2028два три", "delay": delay})
    answer = client.chat(MODEL, QUESTION, stream=stream, options={"num_ctx": 8192, "seed": 1}, keep_alive="5m")
    parts = [*answer] if stream else [answer]
    assert "".join(part.message.content for part in parts) == "Раз\u2028два три"
    assert (parts[-1].done, parts[-1].done_reason, parts[-1].model) == (True, "stop", MODEL)
    assert parts[-1].eval_count > 0 and parts[-1].total_duration >= delay * 10**9


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_generate(client: Any, stream: bool) -> None:
    answer = client.generate(MODEL, "Привет!", system="Кратко.", stream=stream)
    parts = [*answer] if stream else [answer]
    assert "Привет!" in "".join(part.response for part in parts) and parts[-1].done


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_round_trip(client: Any, sandbox: SandboxServer, stream: bool) -> None:
    """The history goes back as the client has it, without ids."""

    def weather(city: str) -> str:
        """The weather in a city.

        Args:
          city: its name
        """
        return f"{city}: дождь"

    sandbox.state.script(CALL, {"text": "В Омске дождь."})
    messages: list[Any] = [*QUESTION]
    answer = client.chat(MODEL, messages, tools=[weather], stream=stream)
    for part in answer if stream else [answer]:
        messages += [part.message] if part.message.tool_calls else []
        for call in part.message.tool_calls or ():
            result = weather(**call.function.arguments)
            messages.append({"role": "tool", "content": result, "tool_name": call.function.name})
    assert client.chat(MODEL, messages, tools=[weather]).message.content == "В Омске дождь."
    told = sandbox.state.chats()[-1]["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "function"]
    assert told[2] == {"role": "function", "name": "weather", "content": '{"result":"Омск: дождь"}'}


def test_as_home_assistant_asks(service: Service, sandbox: SandboxServer) -> None:
    """Its integration streams, offers tools, hides thoughts and keeps the model for ever."""
    sandbox.state.script(CALL)

    async def ask() -> list[Any]:
        options = {"num_ctx": 8192}
        async with AsyncClient(service.url) as client:
            answer = await client.chat(
                MODEL, QUESTION, tools=[WEATHER], stream=True, think=False, keep_alive="-1s", options=options
            )
            return [part async for part in answer]

    parts = asyncio.run(ask())
    [call] = [call for part in parts for call in part.message.tool_calls or ()]
    assert (call.function.name, call.function.arguments) == ("weather", {"city": "Омск"}) and parts[-1].done


def test_json_by_a_schema(client: Any, sandbox: SandboxServer) -> None:
    class City(BaseModel):
        name: str

    sandbox.state.script({"text": '{"name": "Омск"}'})
    answer = client.chat(MODEL, QUESTION, format=City.model_json_schema())
    assert City.model_validate_json(answer.message.content).name == "Омск"


def test_thoughts(client: Any, sandbox: SandboxServer) -> None:
    sandbox.state.script({"reasoning": "Так.", "text": "Да."})
    answer = client.chat("GigaChat-3-Ultra", QUESTION, think="high")
    assert (answer.message.thinking, answer.message.content) == ("Так.", "Да.")


def test_an_image(client: Any, sandbox: SandboxServer, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(77))
    client.chat(MODEL, [{**QUESTION[0], "images": [file]}])
    assert len(sandbox.state.chats()[-1]["messages"][0]["attachments"]) == 1


def test_the_models(client: Any) -> None:
    names = [model.model for model in client.list().models]
    assert MODEL in names and names == [model.model for model in client.ps().models]
    shown = client.show(MODEL)
    assert shown.capabilities == ["completion", "tools", "vision"]
    assert shown.modelinfo["gigachat.context_length"] > 100_000
    assert client.pull(MODEL).status == "success"
    assert [part.status for part in client.pull(MODEL, stream=True)] == ["success"]
    assert client.generate(MODEL).done_reason == "load" and client.chat(MODEL, keep_alive=0).done_reason == "unload"


def test_embeddings(client: Any) -> None:
    text = new("Привет")
    several = client.embed("Embeddings", [text, new("Пока")]).embeddings
    assert len(several) == 2 and [*several[0]] == [*client.embeddings("Embeddings", text).embedding]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_errors(client: Any, sandbox: SandboxServer, stream: bool) -> None:
    with pytest.raises(ResponseError, match="llama3") as caught:
        [*client.chat("llama3", QUESTION, stream=stream)]
    assert caught.value.status_code == 404
    with pytest.raises(ResponseError, match="are not made") as caught:
        client.delete(MODEL)
    assert caught.value.status_code == 501


def test_a_stream_that_breaks(client: Any, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "cut_after": 1})
    with pytest.raises(ResponseError):
        [*client.chat(MODEL, QUESTION, stream=True)]


def node(package: str, version: str, program: str, url: str) -> Any:
    folder, found = install(package, version).parent, shutil.which("node")
    assert found is not None
    command = [found, "--input-type=module", "-e", program, url]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


NODES_OWN = """
import { Ollama } from "ollama";

const ollama = new Ollama({ host: process.argv[1] }), model = "GigaChat-2-Max:latest";
const messages = [{ role: "user", content: "Погода в Омске?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const calls = [];
for await (const part of await ollama.chat({ model, messages, tools, stream: true })) {
  calls.push(...(part.message.tool_calls ?? []));
}
let text = "", last;
for await (const part of await ollama.generate({ model, prompt: "Привет!", stream: true })) {
  text += part.response; last = part;
}
const whole = await ollama.chat({ model, messages });
const failed = await ollama.chat({ model: "llama3", messages }).catch((error) => [error.status_code, error.message]);
const broken = await (async () => {
  for await (const part of await ollama.chat({ model, messages, stream: true })) {}
})().catch((error) => error.message);
const names = (await ollama.list()).models.map((each) => each.name);
const { embeddings } = await ollama.embed({ model: "Embeddings", input: ["a", "b"] });
console.log(JSON.stringify({
  calls, text, last, whole, failed, broken, names, vectors: embeddings.length, shown: await ollama.show({ model }),
}));
"""


def test_the_client_for_node(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(CALL, {"text": "Добрый день."}, {"text": "Дождь."}, {"text": "Раз два", "cut_after": 1})
    found = node("ollama", NODE_CLIENT, NODES_OWN, service.url)
    [call] = found["calls"]
    assert call["function"] == {"index": 0, "name": "weather", "arguments": {"city": "Омск"}}
    assert (found["text"], found["last"]["done_reason"]) == ("Добрый день.", "stop")
    assert found["whole"]["message"]["content"] == "Дождь." and found["whole"]["eval_count"] > 0
    assert found["failed"][0] == 404 and "llama3" in found["failed"][1]
    assert found["broken"] and "Did not receive done" not in found["broken"]
    assert MODEL in found["names"] and found["vectors"] == 2 and "tools" in found["shown"]["capabilities"]


WITH_LANGCHAIN = """
import { ChatOllama, OllamaEmbeddings } from "@langchain/ollama";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";

const baseUrl = process.argv[1], model = "GigaChat-2-Max";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const chat = new ChatOllama({ baseUrl, model, numCtx: 8192, maxRetries: 0 });
const question = new HumanMessage("Погода в Омске?");
let asked;
for await (const chunk of await chat.bindTools(tools).stream([question])) {
  asked = asked ? asked.concat(chunk) : chunk;
}
const result = new ToolMessage({ content: "дождь", tool_call_id: asked.tool_calls[0].id, name: "weather" });
const answer = await chat.bindTools(tools).invoke([question, asked, result]);
const vectors = await new OllamaEmbeddings({ baseUrl, model: "Embeddings" }).embedDocuments(["a", "b"]);
console.log(JSON.stringify({
  calls: asked.tool_calls, content: answer.content, usage: answer.usage_metadata, vectors: vectors.length,
}));
"""


PYTHONS_LANGCHAIN = """
import json, sys
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings
from pydantic import BaseModel

@tool
def weather(city: str) -> str:
    "The weather in a city."
    return f"{city}: дождь"

class City(BaseModel):
    name: str

chat = ChatOllama(model="GigaChat-2-Max", base_url=sys.argv[1], validate_model_on_init=True)
history = [HumanMessage("Погода в Омске?")]
first, *others = chat.bind_tools([weather]).stream(history)
asked = sum(others, first)
results = [weather.invoke(call) for call in asked.tool_calls]
answer = chat.bind_tools([weather]).invoke([*history, asked, *results])
city = chat.with_structured_output(City).invoke("Где?")
vectors = OllamaEmbeddings(model="Embeddings", base_url=sys.argv[1]).embed_documents(["a", "b"])
print(json.dumps([asked.tool_calls, answer.content, answer.usage_metadata, city.name, len(vectors)]))
"""


@pytest.mark.parametrize("delay", [0, 1], ids=["at once", "after signs of life"])
def test_langchain_for_python(service: Service, sandbox: SandboxServer, delay: float) -> None:
    sandbox.state.script({**CALL, "delay": delay}, {"text": "В Омске дождь."}, {"text": '{"name": "Омск"}'})
    command = [sys.executable, "-c", PYTHONS_LANGCHAIN, service.url]
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert run.returncode == 0, run.stderr
    [call], content, usage, city, vectors = json.loads(run.stdout)
    assert (call["name"], call["args"], content) == ("weather", {"city": "Омск"}, "В Омске дождь.")
    assert usage["total_tokens"] > 0 and (city, vectors) == ("Омск", 2)
    assert sandbox.state.chats()[-2]["messages"][-1]["content"] == '{"result":"Омск: дождь"}'


@pytest.mark.parametrize("delay", [0, 1], ids=["at once", "after signs of life"])
def test_langchain_for_node(service: Service, sandbox: SandboxServer, delay: float) -> None:
    sandbox.state.script({**CALL, "delay": delay}, {"text": "В Омске дождь."})
    found = node("@langchain/ollama", LANGCHAIN, WITH_LANGCHAIN, service.url)
    [call] = found["calls"]
    assert (call["name"], call["args"], found["content"]) == ("weather", {"city": "Омск"}, "В Омске дождь.")
    assert found["usage"]["total_tokens"] > 0 and found["vectors"] == 2
    assert sandbox.state.chats()[-1]["messages"][-1]["content"] == '{"result":"дождь"}'


def test_a_program_that_speaks_no_other_api(service: Service, sandbox: SandboxServer) -> None:
    """With a client of its own."""

    def guru(*words: str) -> str:
        command = [sys.executable, "-m", "cli_guru.cli", "--host", service.url, "--model", MODEL, *words]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pytest.importorskip("cli_guru", reason="make test-clients installs cli-guru")
    assert f"model {MODEL} present" in guru("check")
    sandbox.state.script({"text": "ls -la"})
    assert guru("ask", "все файлы").strip() == "ls -la"
    told = sandbox.state.chats()[-1]
    assert (told["temperature"], told["max_tokens"], told["repetition_penalty"]) == (0.1, 160, 1.15)
