"""Google's own SDKs: google-genai for Python, and @google/genai for Node."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.clients.npm import install
from tests.pictures import png
from tests.service import Service

genai = pytest.importorskip("google.genai")
types: Any = genai.types

JS_VERSION = "3.3.0"
SECONDS = 60
MODEL = "GigaChat-2-Max"


def connect(service: Service, key: str = "unused", **options: Any) -> Any:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=service.url, **options))


@pytest.fixture
def client(service: Service) -> Any:
    return connect(service)


def test_a_chat_goes_on(client: Any, sandbox: SandboxServer) -> None:
    """It sends each chunk of a streamed answer back as a content of its own."""
    sandbox.state.script({"text": "Раз два три четыре пять."}, {"text": "Шесть."})
    chat = client.chats.create(
        model="gemini-2.5-flash", config=types.GenerateContentConfig(system_instruction="Считай.")
    )
    streamed = [*chat.send_message_stream("Начинай.")]
    assert len(streamed) > 2 and "".join(chunk.text for chunk in streamed) == "Раз два три четыре пять."
    assert streamed[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert streamed[-1].usage_metadata.total_token_count > 0
    assert chat.send_message("Дальше.").text == "Шесть."
    messages = [(message["role"], message["content"]) for message in sandbox.state.chats()[1]["messages"]]
    said = [("user", "Начинай."), ("assistant", "Раз два три четыре пять."), ("user", "Дальше.")]
    assert messages == [("system", "Считай."), *said]


def test_it_calls_functions_by_itself(client: Any, sandbox: SandboxServer) -> None:
    def weather(city: str, days: list[int] | None = None) -> dict[str, int]:
        """Погода в городе."""
        asked.append(city)
        return {"t": -3}

    asked: list[str] = []
    sandbox.state.script({"call": {"name": "weather", "arguments": {"city": "Омск"}}}, {"text": "Холодно."})
    chat = client.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[weather]))
    assert chat.send_message("Погода?").text == "Холодно." and asked == ["Омск"]
    [function] = sandbox.state.chats()[0]["functions"]
    assert function["parameters"]["properties"]["city"] == {"type": "string"}
    assert sandbox.state.chats()[1]["messages"][-1]["name"] == "weather" and sandbox.state.refusals() == []


def test_structured_output(client: Any, sandbox: SandboxServer) -> None:
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        millions: float | None

    for wanted, text in ((City, '{"name": "Омск", "millions": null}'), (list[City], "[]")):
        sandbox.state.script({"text": text})
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=wanted)
        parsed = client.models.generate_content(model=MODEL, contents="Город?", config=config).parsed
        assert parsed == (City(name="Омск", millions=None) if wanted is City else [])


def test_pictures(client: Any, sandbox: SandboxServer) -> None:
    part = types.Part.from_bytes(data=png(17), mime_type="image/png")
    assert client.models.generate_content(model=MODEL, contents=["Что здесь?", part]).text
    assert sandbox.state.chats()[0]["messages"][0]["attachments"]


def test_thoughts(client: Any, sandbox: SandboxServer) -> None:
    sandbox.state.script({"reasoning": "Думаю.", "text": "Да."})
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_level="LOW")
    config = types.GenerateContentConfig(thinking_config=thinking)
    answer = client.models.generate_content(model="GigaChat-3-Ultra", contents="Точно?", config=config)
    assert [(part.text, part.thought) for part in answer.candidates[0].content.parts] == [
        ("Думаю.", True),
        ("Да.", None),
    ]
    assert answer.text == "Да." and sandbox.state.chats()[0]["reasoning_effort"] == "low"


def test_the_rest_of_it(client: Any) -> None:
    found = client.models.embed_content(model="gemini-embedding-001", contents=[new("раз"), new("два")])
    assert [len(embedding.values) for embedding in found.embeddings] == [len(found.embeddings[0].values)] * 2
    assert client.models.count_tokens(model=MODEL, contents="Привет!").total_tokens > 0
    names = {model.name for model in client.models.list()}
    assert f"models/{MODEL}" in names and client.models.get(model="gemini-2.5-pro").input_token_limit > 0


def test_signs_of_life(lively: Service, sandbox: SandboxServer) -> None:
    """Its lines are read one by one; a comment would be taken for JSON."""
    sandbox.state.script({"text": "Раз два три", "delay": 1, "frame_delay": 0.4})
    client = connect(lively)
    chunks = [*client.models.generate_content_stream(model=MODEL, contents="Считай.")]
    assert "".join(chunk.text for chunk in chunks) == "Раз два три"


def test_asynchronously(lively: Service, sandbox: SandboxServer) -> None:
    async def ask() -> str:
        client = connect(lively)
        stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Считай.")
        return "".join([chunk.text async for chunk in stream])

    sandbox.state.script({"text": "Раз два три", "delay": 1})
    assert asyncio.run(ask()) == "Раз два три"


def test_errors(service: Service, guarded: Service, sandbox: SandboxServer) -> None:
    errors, client, stranger = genai.errors, connect(service), connect(guarded)
    owner = connect(guarded, "first-key")
    with pytest.raises(errors.ClientError, match="expected a number from 0 to 1") as caught:
        config = types.GenerateContentConfig(top_p=2)
        client.models.generate_content(model=MODEL, contents="a", config=config)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    with pytest.raises(errors.ClientError, match="Incorrect API key") as caught:
        stranger.models.generate_content(model=MODEL, contents="a")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    assert owner.models.generate_content(model=MODEL, contents="a").text
    sandbox.state.script({"text": "Раз два три четыре", "cut_after": 2})
    with pytest.raises(errors.APIError) as caught:
        [*client.models.generate_content_stream(model=MODEL, contents="a")]
    assert caught.value.status == "UNAVAILABLE"


def test_who_hangs_up_stops_gigachat(client: Any, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре", "hang_after": 2})
    stream = client.models.generate_content_stream(model=MODEL, contents="a")
    assert next(stream).text
    stream.close()
    del stream
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0, timeout=10)


SCRIPT = """
import { GoogleGenAI, Type } from '@google/genai';
const ai = new GoogleGenAI({ apiKey: process.argv[3], httpOptions: { baseUrl: process.argv[2] } });
const told = {};
const chat = ai.chats.create({ model: 'gemini-2.5-pro' });
told.streamed = [];
for await (const chunk of await chat.sendMessageStream({ message: 'Начинай.' })) told.streamed.push(chunk.text);
told.next = (await chat.sendMessage({ message: 'Дальше.' })).text;
const weather = { name: 'weather', parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } } } };
const config = { tools: [{ functionDeclarations: [weather] }] };
told.calls = (await ai.models.generateContent({ model: 'GigaChat', contents: 'Погода?', config })).functionCalls;
try {
  for await (const chunk of await ai.models.generateContentStream({ model: 'GigaChat', contents: 'a' })) ;
} catch (error) {
  told.cut = [error.name, error.status];
}
told.embedded = (await ai.models.embedContent({ model: 'a', contents: [process.argv[4]] })).embeddings[0].values.length;
told.counted = (await ai.models.countTokens({ model: 'GigaChat', contents: 'Привет!' })).totalTokens;
console.log(JSON.stringify(told));
"""


@pytest.fixture
def run_node(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    (tmp_path / "node_modules").symlink_to(install("@google/genai", JS_VERSION))
    (tmp_path / "ask.mjs").write_text(SCRIPT)

    def run(*arguments: str) -> dict[str, Any]:
        command = ["node", "ask.mjs", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def test_node(run_node: Callable[..., dict[str, Any]], lively: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(
        {"text": "Раз два три четыре пять.", "delay": 1},
        {"text": "Шесть."},
        {"call": {"name": "weather", "arguments": {"city": "Омск"}}},
        {"text": "Раз два три четыре", "cut_after": 2},
    )
    started = time.monotonic()
    told = run_node(lively.url, "unused", new("раз"))
    assert "".join(told["streamed"]) == "Раз два три четыре пять." and told["next"] == "Шесть."
    [call] = told["calls"]
    assert (call["name"], call["args"]) == ("weather", {"city": "Омск"}) and call["id"]
    assert told["cut"] == ["ApiError", 502] and told["embedded"] > 100 and told["counted"] > 0
    history = [message["content"] for message in sandbox.state.chats()[1]["messages"]]
    assert history == ["Начинай.", "Раз два три четыре пять.", "Дальше."]
    assert time.monotonic() - started > 1, "the answer came after signs of life"
