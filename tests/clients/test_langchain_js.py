"""LangChain.js, which n8n, LibreChat and Flowise are built on: it believes only chunks that have a role."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.clients.npm import install
from tests.service import Service

VERSION = "1.6.0"
SECONDS = 60
PROGRAM = """
import { ChatOpenAI } from "@langchain/openai";

const model = new ChatOpenAI({
  model: "GigaChat-2-Max", apiKey: "unused", maxRetries: 0, configuration: { baseURL: process.argv[1] },
});
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
let answer;
for await (const chunk of await model.bindTools(tools).stream("Погода в Омске?")) {
  answer = answer ? answer.concat(chunk) : chunk;
}
console.log(JSON.stringify({ calls: answer.tool_calls, content: answer.content, usage: answer.usage_metadata }));
"""
CALL = {"call": {"name": "weather", "arguments": {"city": "Омск"}}}


def ask(service: Service) -> dict[str, Any]:
    folder = install("@langchain/openai", VERSION).parent
    node = shutil.which("node")
    assert node is not None
    command = [node, "--input-type=module", "-e", PROGRAM, f"{service.url}/v1"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("delay", [0, 1], ids=["at once", "after heartbeats"])
def test_a_tool_call(lively: Service, sandbox: SandboxServer, delay: float) -> None:
    sandbox.state.script({**CALL, "delay": delay})
    found = ask(lively)
    [call] = found["calls"]
    assert (call["name"], call["args"], found["content"]) == ("weather", {"city": "Омск"}, "")
    assert found["usage"]["total_tokens"] > 0
