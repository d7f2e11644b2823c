"""OpenAI's own client for JavaScript: conversations, compaction, and what is made in the background."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

from gpt2giga_sandbox.server import SandboxServer
from tests.clients.npm import install
from tests.service import Service

VERSION = "7.59.0"
SECONDS = 60
HEAD = """
import OpenAI from "openai";
const client = new OpenAI({ apiKey: "unused", baseURL: process.argv[1], maxRetries: 0 });
const model = "GigaChat-2-Max";
const tell = (found) => console.log(JSON.stringify(found));
"""
CONVERSATION = """
const { id } = await client.conversations.create({ items: [{ role: "user", content: "Меня зовут Аня." }] });
const answer = await client.responses.create({ model, conversation: id, input: "Как меня зовут?" });
const texts = [];
for await (const item of client.conversations.items.list(id, { order: "asc", limit: 1 })) {
  texts.push(item.content[0].text);
}
const { metadata } = await client.conversations.update(id, { metadata: { topic: "имена" } });
const { deleted } = await client.conversations.delete(id);
tell({ answer: answer.output_text, texts, metadata, deleted });
"""
COMPACTION = """
const input = [{ role: "user", content: "Раз" }, { role: "assistant", content: "Два" }];
const compacted = await client.responses.compact({ model, input });
const answer = await client.responses.create({ model, input: [...compacted.output, { role: "user", content: "А?" }] });
tell({ kinds: compacted.output.map((item) => item.type), answer: answer.output_text });
"""
BACKGROUND = """
const begun = await client.responses.create({ model, input: "Раз", background: true, stream: true });
let id, last;
for await (const event of begun) {
  id = event.response?.id ?? id;
  last = event.sequence_number;
  if (event.type === "response.output_text.delta") break;
}
let text = "";
for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: last })) {
  if (event.type === "response.output_text.delta") text += event.delta;
}
const whole = await client.responses.retrieve(id);
tell({ status: whole.status, whole: whole.output_text, rest: text });
"""


def run(service: Service, program: str) -> dict[str, Any]:
    folder = install("openai", VERSION).parent
    node = shutil.which("node")
    assert node is not None
    command = [node, "--input-type=module", "-e", HEAD + program, f"{service.url}/v1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_conversation(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Аня."})
    assert run(service, CONVERSATION) == {
        "answer": "Аня.",
        "texts": ["Меня зовут Аня.", "Как меня зовут?", "Аня."],
        "metadata": {"topic": "имена"},
        "deleted": True,
    }
    [asked] = sandbox.state.chats()
    assert "Меня зовут Аня." in json.dumps(asked["messages"], ensure_ascii=False)


def test_a_compaction(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Считают."}, {"text": "Три."})
    assert run(service, COMPACTION) == {"kinds": ["message", "compaction"], "answer": "Три."}
    assert "Считают." in json.dumps(sandbox.state.chats()[1]["messages"], ensure_ascii=False)


def test_a_stream_in_the_background_is_taken_up(service: Service, sandbox: SandboxServer) -> None:
    words = "Раз два три четыре пять"
    sandbox.state.script({"text": words, "frame_delay": 0.3})
    found = run(service, BACKGROUND)
    assert (found["status"], found["whole"]) == ("completed", words)
    assert found["rest"] and words.endswith(found["rest"]) and found["rest"] != words
