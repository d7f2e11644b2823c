"""How clients are told where the service is: text to paste, for those whose configuration is short."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class ClientSnippet:
    """In `text`, {root} is the service's address, {base} the same with /v1."""

    about: str
    text: str


SNIPPETS = {
    "openai": ClientSnippet(
        "OpenAI's SDKs and whatever reads the same two variables",
        """\
export OPENAI_BASE_URL={base}
export OPENAI_API_KEY={key}
""",
    ),
    "aider": ClientSnippet(
        "aider, in the terminal",
        """\
export OPENAI_API_BASE={base}
export OPENAI_API_KEY={key}
aider --model openai/{model} --no-show-model-warnings
""",
    ),
    "continue": ClientSnippet(
        "Continue: ~/.continue/config.yaml",
        """\
name: GigaChat
version: 1.0.0
schema: v1
models:
  - name: {model}
    provider: openai
    model: {model}
    apiBase: {base}
    apiKey: {key}
    roles: [chat, edit, apply]
    capabilities: [tool_use]
  - name: {embeddings}
    provider: openai
    model: {embeddings}
    apiBase: {base}
    apiKey: {key}
    roles: [embed]
""",
    ),
    "open-webui": ClientSnippet(
        "Open WebUI: variables of its process or container",
        """\
ENABLE_OLLAMA_API=False
OPENAI_API_BASE_URL={base}
OPENAI_API_KEY={key}
RAG_EMBEDDING_ENGINE=openai
RAG_OPENAI_API_BASE_URL={base}
RAG_OPENAI_API_KEY={key}
RAG_EMBEDDING_MODEL={embeddings}
""",
    ),
    "codex": ClientSnippet(
        "Codex: ~/.codex/config.toml; the key is read from the variable that env_key names",
        """\
model = "{model}"
model_provider = "gigachat"

[model_providers.gigachat]
name = "GigaChat"
base_url = "{base}"
wire_api = "responses"
env_key = "GPT2GIGA_API_KEY"  # export GPT2GIGA_API_KEY={key}
""",
    ),
    "cursor": ClientSnippet(
        "Cursor: what to enter in its settings, under Models",
        """\
OpenAI API Key: {key}
Override OpenAI Base URL: {base}
Add Custom Model: {model}

Cursor's servers call this address, not your machine: it must be public and begin with https://
(gpt2giga connect cursor --url https://ai.example.com), and the service must ask for a key (GPT2GIGA_API_KEY).
""",
    ),
    "claude-code": ClientSnippet(
        "Claude Code, in the terminal",
        """\
export ANTHROPIC_BASE_URL={root}
export ANTHROPIC_AUTH_TOKEN={key}
export ANTHROPIC_MODEL={model}
export CLAUDE_CODE_MAX_CONTEXT_TOKENS=128000
claude
""",
    ),
}


def fill_snippet(name: str, *, root: str, key: str, model: str, embeddings: str) -> str:
    """`key` may be empty; most clients insist on one, so they get a word that nobody checks."""
    quoted = shlex.quote(key) if key else "unused"
    return SNIPPETS[name].text.format(root=root, base=f"{root}/v1", key=quoted, model=model, embeddings=embeddings)
