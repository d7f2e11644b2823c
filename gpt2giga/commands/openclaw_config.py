"""OpenClaw's configuration with GigaChat in it: pure, on the file's parsed content.

What somebody else put there stays, but for the default model, since connecting means to use it, the two keys of older
instructions that today's OpenClaw refuses the whole file for, and the window that earlier versions wrote.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gpt2giga.dialects.openai.errors import OPENCLAW_HEADER
from gpt2giga.language import _
from gpt2giga.upstream.contract.models import Model

PROVIDER = "gigachat"
# By itself OpenClaw asks for usage at names of this machine only. Without it its context meter stays at 0, and it never
# shortens a conversation.
COMPAT = {"supportsUsageInStreaming": True}
TRANSCRIPTIONS = "/v1/audio/transcriptions"
TRANSCRIPT_SECONDS = 300
# The one of OpenClaw's that speaks OpenAI's API.
SPEECH_PROVIDER = "openai"
OUTDATED_WINDOW = 131072  # written by earlier versions, half of what the models have


@dataclass(frozen=True)
class Connection:
    """`models` are those of the live list that chat, in its order. hears: voice messages become text. speaks: the
    answers to them become sound."""

    root: str
    key: str
    models: tuple[Model, ...]
    default: str
    embeddings: str
    hears: bool = False
    speaks: bool = False


class WrongShape(Exception):
    """Something in the file is not the object that OpenClaw would want there."""


def choose_models(root: str, key: str, models: Iterable[Model], *, model: str, embeddings: str) -> Connection:
    """Its `models` may be empty, and then it connects to nothing."""
    models = list(models)
    chats = tuple(listed for listed in models if listed.kind == "chat")
    ids = [chat.id for chat in chats]
    embedders = [listed.id for listed in models if listed.kind == "embedder"]
    return Connection(
        root,
        key,
        chats,
        default=model if model in ids else next(iter(ids), ""),
        embeddings=embeddings if embeddings in embedders else next(iter(embedders), ""),
    )


def connect(config: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """A new configuration. Raises WrongShape."""
    new = copy.deepcopy(config)
    _object(new, "models").setdefault("mode", "merge")
    _set_provider(_object(new, "models", "providers", PROVIDER), connection)
    _set_default(new, connection)
    _set_memory(new, connection)
    if connection.hears:
        _set_hearing(_object(new, "tools", "media"), connection)
    if connection.speaks:
        _set_speech(_object(new, "tts"), connection)
    _object(new, "gateway").setdefault("mode", "local")  # or the gateway does not start
    _drop_outdated(new)
    return new


def _object(config: dict[str, Any], *path: str) -> dict[str, Any]:
    """The object at `path`, made where it is missing."""
    for depth, name in enumerate(path):
        config = config.setdefault(name, {})
        if not isinstance(config, dict):
            raise WrongShape(_("{place} is not an object", place=".".join(path[: depth + 1])))
    return config


def _set_provider(provider: dict[str, Any], connection: Connection) -> None:
    before = provider.get("models")
    known = {model.get("id"): model for model in before if isinstance(model, dict)} if isinstance(before, list) else {}
    listed = [_model_entry(model, known.pop(model.id, {})) for model in connection.models]
    provider["baseUrl"] = f"{connection.root}/v1"
    provider["api"] = "openai-completions"
    if connection.key:  # with one that nobody asks for, OpenClaw shuts the provider off for minutes after a 402
        provider["apiKey"] = connection.key
        headers = provider.get("headers")
        # What the key may not is told it in a form of its own, see dialects/openai/errors.py.
        provider["headers"] = {**(headers if isinstance(headers, dict) else {}), OPENCLAW_HEADER: "openclaw"}
    provider["models"] = [*listed, *known.values()]


def _model_entry(model: Model, before: dict[str, Any]) -> dict[str, Any]:
    """What somebody else wrote there stays."""
    if before.get("contextWindow") == OUTDATED_WINDOW:
        before = {name: value for name, value in before.items() if name != "contextWindow"}
    compat = before.get("compat", {})
    facts = model.facts
    return {
        "id": model.id,
        "name": model.id.replace("-", " "),
        "reasoning": facts.reasoning,
        "input": ["text", "image"] if facts.images else ["text"],
        "contextWindow": facts.window,
        "maxTokens": facts.longest_answer,
        **before,
        "compat": {**COMPAT, **compat} if isinstance(compat, dict) else compat,
    }


def _set_default(config: dict[str, Any], connection: Connection) -> None:
    defaults = _object(config, "agents", "defaults")
    if isinstance(defaults.get("model"), str):
        defaults["model"] = {}
    _object(defaults, "model")["primary"] = f"{PROVIDER}/{connection.default}"
    allowed = _object(defaults, "modelPolicy").get("allow") if "modelPolicy" in defaults else None
    if isinstance(allowed, list) and allowed and f"{PROVIDER}/*" not in allowed:
        allowed.append(f"{PROVIDER}/*")


def _set_memory(config: dict[str, Any], connection: Connection) -> None:
    """Somebody's choice of embeddings stays: another one would cost him a new index."""
    if not connection.embeddings:
        return
    search = _object(config, "memory", "search")
    if search.get("provider", PROVIDER) == PROVIDER:
        search.update(provider=PROVIDER, model=connection.embeddings)


def _set_hearing(media: dict[str, Any], connection: Connection) -> None:
    """By curl: OpenClaw's own providers of transcripts take their keys from where its chats would find them too.

    Others that somebody has chosen for recordings stay, and come before.
    """
    _object(media, "audio").setdefault("enabled", True)
    before = media.get("models")
    entries = [entry for entry in before if not _is_ours(entry)] if isinstance(before, list) else []
    # curl hides this argument from who looks at the list of processes.
    key = ["--oauth2-bearer", connection.key] if connection.key else []
    form = ["--form", "file=@{{AttachmentPath}}", "--form", "response_format=text"]
    address = f"{connection.root}{TRANSCRIPTIONS}"
    ours = {
        "type": "cli",
        "command": "curl",
        "args": ["--silent", "--show-error", "--fail", *key, *form, address],
        "capabilities": ["audio"],
        "timeoutSeconds": TRANSCRIPT_SECONDS,
    }
    media["models"] = [*entries, ours]


def _is_ours(entry: Any) -> bool:
    args = entry.get("args") if isinstance(entry, dict) else None
    return isinstance(args, list) and any(str(word).endswith(TRANSCRIPTIONS) for word in args)


def _set_speech(tts: dict[str, Any], connection: Connection) -> None:
    """Who speaks with another voice already keeps it."""
    if tts.setdefault("provider", SPEECH_PROVIDER) == SPEECH_PROVIDER:
        tts.setdefault("auto", "inbound")
        speech = _object(tts, "providers", SPEECH_PROVIDER)
        # It asks for a key, and the service may not. Opus needs no ffmpeg beside the service.
        speech.setdefault("responseFormat", "opus")
        speech.update(baseUrl=f"{connection.root}/v1", apiKey=connection.key or "unused")


def _drop_outdated(config: dict[str, Any]) -> None:
    if isinstance(config["models"].get("default"), str):
        del config["models"]["default"]
    if isinstance(config.get("memory"), dict):
        config["memory"].pop("embeddings", None)
