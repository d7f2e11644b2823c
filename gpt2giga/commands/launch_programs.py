"""What `gpt2giga launch` starts, and how each program is told of the service for one run: by variables and options of
its own, which win over its configuration, or by a configuration in a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpt2giga.commands.command_line import Failure
from gpt2giga.commands.openclaw import new_config
from gpt2giga.commands.openclaw_config import choose_models
from gpt2giga.language import _
from gpt2giga.upstream.contract.facts import default_facts, Facts
from gpt2giga.upstream.contract.models import Model

# For what no client should send to anybody else.
KEY_VARIABLE = "GPT2GIGA_LAUNCH_KEY"
NO_KEY = "unused"


@dataclass(frozen=True)
class Target:
    """The service, and what it lists. `folder` is temporary, and nobody else can read it."""

    root: str
    key: str
    model: str
    embeddings: str
    models: tuple[Model, ...]
    folder: Path

    @property
    def base(self) -> str:
        return f"{self.root}/v1"

    @property
    def facts(self) -> Facts:
        """Of the model that answers by default, which may be one of a list that is not known yet."""
        return next((model.facts for model in self.models if model.id == self.model), default_facts(self.model))


@dataclass(frozen=True)
class Start:
    """What is added to the command line and to the environment, and what is taken out of that."""

    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    command: str
    install: str
    prepare: Callable[[Target, tuple[str, ...]], Start]


def _codex(target: Target, arguments: tuple[str, ...]) -> Start:
    """Its -c takes TOML, of which a JSON string is one."""
    settings = {
        "model": target.model,
        "model_provider": "gigachat",
        "model_providers.gigachat.name": "GigaChat",
        "model_providers.gigachat.base_url": target.base,
        "model_providers.gigachat.wire_api": "responses",
        "model_providers.gigachat.env_key": KEY_VARIABLE,
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={_quoted(value)}")]
    options += ["-c", f"model_context_window={target.facts.window}"]
    return Start(tuple(options), {KEY_VARIABLE: target.key or NO_KEY})


def _claude(target: Target, arguments: tuple[str, ...]) -> Start:
    """Its settings may set variables too, and those win; over them wins what --settings names."""
    variables = {
        "ANTHROPIC_BASE_URL": target.root,
        "ANTHROPIC_AUTH_TOKEN": target.key or NO_KEY,
        "ANTHROPIC_MODEL": target.model,
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(target.facts.window),
    }
    file = target.folder / "settings.json"
    file.write_text(json.dumps({"env": variables}))
    return Start(("--settings", str(file)), variables, removed=("ANTHROPIC_API_KEY",))


def _openclaw(target: Target, arguments: tuple[str, ...]) -> Start:
    """It keeps addresses in its state as well, so the run has one of its own."""
    connection = choose_models(target.root, target.key, target.models, model=target.model, embeddings=target.embeddings)
    if not connection.models:
        raise Failure(_("the list of models has no chat model"))
    file = target.folder / "openclaw.json"
    file.write_text(new_config(connection))
    return Start(variables={"OPENCLAW_CONFIG_PATH": str(file), "OPENCLAW_STATE_DIR": str(target.folder)})


def _opencode(target: Target, arguments: tuple[str, ...]) -> Start:
    models = {model.id: _opencode_model(model) for model in target.models if model.kind == "chat"}
    config = {
        "model": f"gigachat/{target.model}",
        "small_model": f"gigachat/{target.model}",
        "provider": {
            "gigachat": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "GigaChat",
                "options": {"baseURL": target.base, "apiKey": f"{{env:{KEY_VARIABLE}}}"},
                "models": models,
            }
        },
    }
    variables = {"OPENCODE_CONFIG_CONTENT": json.dumps(config), KEY_VARIABLE: target.key or NO_KEY}
    return Start(variables=variables)


def _opencode_model(model: Model) -> dict[str, Any]:
    facts = model.facts
    return {
        "attachment": facts.images,
        "tool_call": True,
        "limit": {"context": facts.window, "output": facts.longest_answer},
    }


def _qwen(target: Target, arguments: tuple[str, ...]) -> Start:
    options = ["--auth-type", "openai", "--openai-base-url", target.base]
    if not {"-m", "--model"} & {word.partition("=")[0] for word in arguments}:  # it refuses two
        options += ["--model", target.model]
    variables = {"OPENAI_API_KEY": target.key or NO_KEY, "OPENAI_BASE_URL": target.base, "OPENAI_MODEL": target.model}
    return Start(tuple(options), variables)


def _aider(target: Target, arguments: tuple[str, ...]) -> Start:
    options = ("--model", f"openai/{target.model}", "--no-show-model-warnings")
    return Start(options, {"OPENAI_API_BASE": target.base, "OPENAI_API_KEY": target.key or NO_KEY})


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


PROGRAMS = {
    "codex": Program("codex", "npm install --global @openai/codex", _codex),
    "claude": Program("claude", "npm install --global @anthropic-ai/claude-code", _claude),
    "openclaw": Program("openclaw", "npm install --global openclaw", _openclaw),
    "opencode": Program("opencode", "npm install --global opencode-ai", _opencode),
    "qwen": Program("qwen", "npm install --global @qwen-code/qwen-code", _qwen),
    "aider": Program("aider", "python3 -m pip install aider-install && aider-install", _aider),
}
