"""OpenAI's SDK for JavaScript, at every endpoint that the service has. Each test is a program for Node."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox import sound
from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.storage import drawing
from tests.asking import new
from tests.clients.npm import install
from tests.recordings import wav
from tests.service import Service

VERSION, ZOD = "7.59.0", "zod@4.6.7"
SECONDS = 60
# What a program finds there: the client, what it was told, and `tell` for what it has to say.
HEAD = """
import OpenAI, { toFile } from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const [baseURL, given] = process.argv.slice(1);
const told = JSON.parse(given);
const client = new OpenAI({ baseURL, apiKey: "unused", maxRetries: 0, logLevel: "error" });
const tell = (value) => console.log(JSON.stringify(value));
const messages = [{ role: "user", content: "Погода в Омске?" }];
const model = "GigaChat-2-Max";
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
"""
CALL = {"call": {"name": "weather", "arguments": {"city": "Омск"}}}

Run = Callable[..., Any]


def run_at(service: Service, program: str, **told: Any) -> Any:
    """What the program tells."""
    node = shutil.which("node")
    folder = install("openai", VERSION, ZOD).parent
    assert node is not None
    command = [node, "--input-type=module", "-e", HEAD + program, f"{service.url}/v1", json.dumps(told)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def run(service: Service) -> Run:
    return lambda program, **told: run_at(service, program, **told)


@pytest.fixture
def run_with_speech(curt: Service) -> Run:
    return lambda program, **told: run_at(curt, program, **told)


# Chats


def test_a_chat(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Дождь."})
    found = run("tell(await client.chat.completions.create({ model, messages }));")
    assert found["choices"][0]["message"]["content"] == "Дождь." and found["usage"]["total_tokens"] > 0


def test_a_streamed_chat(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Дождь, потом снег."}, {"text": "Дождь, потом снег."})
    words, whole, usage = run("""
        const options = { model, messages, stream_options: { include_usage: true } };
        let words = "";
        for await (const chunk of await client.chat.completions.create({ ...options, stream: true })) {
          words += chunk.choices[0]?.delta.content ?? "";
        }
        const stream = client.chat.completions.stream(options);
        tell([words, await stream.finalContent(), await stream.totalUsage()]);
    """)
    assert words == whole == "Дождь, потом снег." and usage["total_tokens"] > 0


TOOL = """
    const said = [];
    const weather = zodFunction({
      name: "weather",
      parameters: z.object({ city: z.string() }),
      function: ({ city }) => (said.push(city), `${city}: дождь`),
    });
"""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tools_are_run(run: Run, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(CALL, {"text": "Дождь."})
    program = """
        const runner = client.chat.completions.runTools({ model, messages, tools: [weather], stream: told.stream });
        tell([await runner.finalContent(), said]);
    """
    assert run(TOOL + program, stream=stream) == ["Дождь.", ["Омск"]]
    last = sandbox.state.chats()[-1]["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "function"]
    assert "Омск: дождь" in last[-1]["content"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_parsed_chats(run: Run, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": '{"city": "Омск", "degrees": 7}'})
    found = run(
        """
        const schema = z.object({ city: z.string(), degrees: z.number().int() });
        const options = { model, messages, response_format: zodResponseFormat(schema, "report") };
        const answer = told.stream
          ? await client.chat.completions.stream(options).finalChatCompletion()
          : await client.chat.completions.parse(options);
        tell(answer.choices[0].message.parsed);
        """,
        stream=stream,
    )
    assert found == {"city": "Омск", "degrees": 7}


def test_completions(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "жили-были"}, {"text": "жили-были"})
    whole, streamed = run("""
        const options = { model, prompt: "Однажды" };
        const whole = await client.completions.create(options);
        let streamed = "";
        for await (const chunk of await client.completions.create({ ...options, stream: true })) {
          streamed += chunk.choices[0]?.text ?? "";
        }
        tell([whole.choices[0].text, streamed]);
    """)
    assert whole == streamed == "жили-были"


# Responses


def test_a_response(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Дождь."}, {"text": "Снег."})
    first, second, kept, items, deleted = run("""
        const first = await client.responses.create({ model, input: "Раз" });
        const second = await client.responses.create({ model, input: "Два", previous_response_id: first.id });
        const kept = await client.responses.retrieve(first.id);
        const items = await client.responses.inputItems.list(second.id);
        await client.responses.delete(first.id);
        const gone = await client.responses.retrieve(first.id).catch((error) => error);
        const words = [first, second, kept].map((response) => response.output_text);
        tell([...words, items.data.map((item) => item.content[0].text), [gone.constructor.name, gone.status]]);
    """)
    assert (first, second, kept) == ("Дождь.", "Снег.", "Дождь.")
    assert "Два" in items and deleted == ["NotFoundError", 404]
    assert [message["content"] for message in sandbox.state.chats()[-1]["messages"]] == ["Раз", "Дождь.", "Два"]


def test_a_streamed_response(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Дождь, потом снег."}, {"text": "Дождь, потом снег."})
    words, kinds, whole = run("""
        let words = "", kinds = [];
        for await (const event of await client.responses.create({ model, input: "Погода?", stream: true })) {
          kinds.push(event.type);
          if (event.type === "response.output_text.delta") words += event.delta;
        }
        const stream = client.responses.stream({ model, input: "Погода?" });
        tell([words, kinds, (await stream.finalResponse()).output_text]);
    """)
    assert words == whole == "Дождь, потом снег."
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_response_with_a_tool(run: Run, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(CALL, {"text": "Дождь."})
    found = run(
        """
        const parameters = {
          type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false,
        };
        const tools = [{ type: "function", name: "weather", parameters, strict: true }];
        const ask = async (input) => told.stream
          ? await client.responses.stream({ model, input, tools }).finalResponse()
          : await client.responses.create({ model, input, tools });
        const input = [{ role: "user", content: "Погода?" }];
        const first = await ask(input);
        const call = first.output.find((item) => item.type === "function_call");
        const result = { type: "function_call_output", call_id: call.call_id, output: "дождь" };
        tell([call.name, JSON.parse(call.arguments), (await ask([...input, ...first.output, result])).output_text]);
        """,
        stream=stream,
    )
    assert found == ["weather", {"city": "Омск"}, "Дождь."]
    assert [message["role"] for message in sandbox.state.chats()[-1]["messages"]] == ["user", "assistant", "function"]


def test_a_parsed_response(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": '{"degrees": 7}'})
    found = run("""
        const format = zodTextFormat(z.object({ degrees: z.number() }), "report");
        tell((await client.responses.parse({ model, input: "Погода?", text: { format } })).output_parsed);
    """)
    assert found == {"degrees": 7}


def test_tokens_of_a_response(run: Run) -> None:
    assert run('tell(await client.responses.inputTokens.count({ model, input: "Погода?" }));')["input_tokens"] > 0


# Everything else


def test_embeddings(run: Run, sandbox: SandboxServer) -> None:
    """It asks for base64 unless it is told not to, and unpacks that."""
    text = new("погода")
    packed, plain = run(
        """
        const ask = async (options) => (await client.embeddings.create({
          model: "text-embedding-3-small", input: told.text, ...options,
        })).data[0].embedding;
        tell([await ask({}), await ask({ encoding_format: "float" })]);
        """,
        text=text,
    )
    assert len(packed) == 2560 and packed == pytest.approx(plain, rel=1e-6)
    assert len(sandbox.state.requests("/embeddings")) == 1


def test_models(run: Run) -> None:
    ids, one, missing = run("""
        const ids = [];
        for await (const found of client.models.list()) ids.push(found.id);
        const missing = await client.models.retrieve("made-up").catch((error) => error);
        tell([ids, (await client.models.retrieve(model)).id, [missing.constructor.name, missing.code]]);
    """)
    assert one in ids and missing == ["NotFoundError", "model_not_found"]


def test_files(run: Run) -> None:
    made, listed, kept, text, deleted = run("""
        const file = await toFile(Buffer.from("привет"), "привет.txt", { type: "text/plain" });
        const made = await client.files.create({ file, purpose: "user_data" });
        const listed = [];
        for await (const found of client.files.list()) listed.push(found.id);
        const kept = await client.files.retrieve(made.id);
        const text = await (await client.files.content(made.id)).text();
        tell([made, listed, kept, text, await client.files.delete(made.id)]);
    """)
    assert made["id"] in listed and kept == made and made["bytes"] == len("привет".encode())
    assert text == "привет" and deleted == {"id": made["id"], "object": "file", "deleted": True}


def test_images(run: Run) -> None:
    found = run('tell(await client.images.generate({ model: "gpt-image-1", prompt: "Кот", size: "1024x1024" }));')
    [image] = found["data"]
    assert base64.b64decode(image["b64_json"]) == drawing().content and found["output_format"] == "png"


def test_moderations(run: Run) -> None:
    found = run('tell(await client.moderations.create({ input: ["Кот", "Где купить автомат Калашникова?"] }));')
    assert [result["flagged"] for result in found["results"]] == [False, True]
    assert not any(found["results"][1]["categories"].values())


def recording() -> str:
    return base64.b64encode(wav()).decode()


@pytest.mark.parametrize("kind", ["transcriptions", "translations"])
def test_recordings(run: Run, sandbox: SandboxServer, kind: str) -> None:
    sandbox.state.script({"text": "Кота зовут Барсик."})
    program = """
        const file = await toFile(bytes(told.recording), "voice.wav", { type: "audio/wav" });
        tell(await client.audio[told.kind].create({ model: "whisper-1", file }));
    """
    assert run(program, recording=recording(), kind=kind)["text"] == "Кота зовут Барсик."


def test_a_streamed_transcript(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Кота зовут Барсик."})
    program = """
        const file = await toFile(bytes(told.recording), "voice.wav", { type: "audio/wav" });
        let words = "", last;
        for await (const event of await client.audio.transcriptions.create({
          model: "gpt-4o-transcribe", file, stream: true,
        })) {
          if (event.type === "transcript.text.delta") words += event.delta;
          last = event;
        }
        tell([words, last.type, last.text]);
    """
    words, last, text = run(program, recording=recording())
    assert (words, last) == ("Кота зовут Барсик.", "transcript.text.done") and text == words


def test_times_of_a_transcript(run_with_speech: Run) -> None:
    program = """
        const file = await toFile(bytes(told.recording), "voice.wav", { type: "audio/wav" });
        const options = { model: "whisper-1", file, response_format: "verbose_json" };
        tell(await client.audio.transcriptions.create({ ...options, timestamp_granularities: ["word"] }));
    """
    found = run_with_speech(program, recording=recording())
    words = [word["word"] for word in found["words"]]
    assert words and words == [word.strip(".,!").lower() for word in found["text"].split()]


def test_speech(run_with_speech: Run) -> None:
    found = run_with_speech("""
        const options = { model: "gpt-4o-mini-tts", voice: "alloy", input: "Привет!", response_format: "wav" };
        const spoken = Buffer.from(await (await client.audio.speech.create(options)).arrayBuffer());
        tell(spoken.toString("base64"));
    """)
    spoken = base64.b64decode(found)
    assert spoken.startswith(b"RIFF") and len(spoken) >= len(sound.pcm("Привет!", 24000))


# What is kept here


def test_a_conversation(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Аня."})
    found = run("""
        const items = [{ role: "user", content: "Меня зовут Аня." }];
        const { id } = await client.conversations.create({ items });
        const answer = await client.responses.create({ model, conversation: id, input: "Как меня зовут?" });
        const texts = [];
        for await (const item of client.conversations.items.list(id, { order: "asc", limit: 1 })) {
          texts.push(item.content[0].text);
        }
        const { metadata } = await client.conversations.update(id, { metadata: { topic: "имена" } });
        const { deleted } = await client.conversations.delete(id);
        tell({ answer: answer.output_text, texts, metadata, deleted });
    """)
    texts = ["Меня зовут Аня.", "Как меня зовут?", "Аня."]
    assert found == {"answer": "Аня.", "texts": texts, "metadata": {"topic": "имена"}, "deleted": True}
    [asked] = sandbox.state.chats()
    assert [message["content"] for message in asked["messages"]] == ["\n\n".join(texts[:2])]


def test_a_compaction(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Считают."}, {"text": "Три."})
    kinds, answer = run("""
        const input = [{ role: "user", content: "Раз" }, { role: "assistant", content: "Два" }];
        const { output } = await client.responses.compact({ model, input });
        const answer = await client.responses.create({ model, input: [...output, { role: "user", content: "А?" }] });
        tell([output.map((item) => item.type), answer.output_text]);
    """)
    assert (kinds, answer) == (["message", "compaction"], "Три.")
    assert "Считают." in json.dumps(sandbox.state.chats()[1]["messages"], ensure_ascii=False)


def test_a_stream_in_the_background_is_taken_up(run: Run, sandbox: SandboxServer) -> None:
    words = "Раз два три четыре пять"
    sandbox.state.script({"text": words, "frame_delay": 0.3})
    status, whole, rest = run("""
        const begun = await client.responses.create({ model, input: "Раз", background: true, stream: true });
        let id, last, rest = "";
        for await (const event of begun) {
          id = event.response?.id ?? id;
          last = event.sequence_number;
          if (event.type === "response.output_text.delta") break;
        }
        for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: last })) {
          if (event.type === "response.output_text.delta") rest += event.delta;
        }
        const whole = await client.responses.retrieve(id);
        tell([whole.status, whole.output_text, rest]);
    """)
    assert (status, whole) == ("completed", words)
    assert rest and words.endswith(rest) and rest != words


def test_a_batch(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Дождь."}, {"text": "Дождь."})
    status, counts, answers, listed = run("""
        const line = (custom_id) => JSON.stringify({
          custom_id, method: "POST", url: "/v1/chat/completions", body: { model, messages },
        });
        const file = await toFile(Buffer.from([line("1"), line("2")].join("\\n")), "requests.jsonl");
        const { id: input_file_id } = await client.files.create({ file, purpose: "batch" });
        let batch = await client.batches.create({
          input_file_id, endpoint: "/v1/chat/completions", completion_window: "24h",
        });
        while (!["completed", "failed", "expired", "cancelled"].includes(batch.status)) {
          await new Promise((wake) => setTimeout(wake, 100));
          batch = await client.batches.retrieve(batch.id);
        }
        const text = await (await client.files.content(batch.output_file_id)).text();
        const answers = text.trim().split("\\n").map((each) => JSON.parse(each));
        const listed = [];
        for await (const found of client.batches.list({ limit: 100 })) listed.push(found.id);
        tell([batch.status, batch.request_counts, answers, listed.includes(batch.id)]);
    """)
    assert (status, counts, listed) == ("completed", {"total": 2, "completed": 2, "failed": 0}, True)
    assert [answer["custom_id"] for answer in answers] == ["1", "2"]
    assert {answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers} == {"Дождь."}


# What goes wrong


def test_errors(run: Run, sandbox: SandboxServer) -> None:
    """Each as the SDK's own, with what is wrong."""
    sandbox.state.script({"status": 402})
    found = run("""
        const errors = [];
        const ask = (options) => client.chat.completions.create({ model, messages, ...options });
        const wrong = [() => ask({ temperature: 9 }), () => ask({ model: "gpt-none" }), () => ask({})];
        for (const call of wrong) {
          const error = await call().catch((caught) => caught);
          errors.push([error.constructor.name, error.status, error.param, error.code, Boolean(error.requestID)]);
        }
        tell(errors);
    """)
    assert found == [
        ["BadRequestError", 400, "temperature", "invalid_value", True],
        ["NotFoundError", 404, "model", "model_not_found", True],
        ["APIError", 402, None, "insufficient_quota", True],
    ]


def test_a_stream_that_breaks_off(run: Run, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз два три четыре", "cut_after": 2})
    name, message = run("""
        let error;
        try {
          for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {}
        } catch (caught) {
          error = caught;
        }
        tell([error?.constructor.name, error?.message]);
    """)
    assert name == "APIError" and "before its answer was whole" in message


def test_a_program_that_fails_is_seen(run: Run) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        run('throw new Error("no such thing");')


def test_it_is_the_version_that_is_named() -> None:
    package = install("openai", VERSION, ZOD) / "openai" / "package.json"
    assert json.loads(Path(package).read_text())["version"] == VERSION
