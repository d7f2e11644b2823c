"""What becomes of an OpenClaw configuration, value by value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpt2giga.commands.openclaw_config import connect, Connection, WrongShape
from gpt2giga.upstream.contract.models import Model

CONNECTION = Connection(
    "http://127.0.0.1:8080", "", (Model("GigaChat-2-Max", "salutedevices"),), "GigaChat-2-Max", "Embeddings"
)


def test_the_given_one_is_not_touched() -> None:
    config: dict[str, Any] = {"models": {"providers": {}}}
    new = connect(config, CONNECTION)
    assert config == {"models": {"providers": {}}}
    assert connect(new, CONNECTION) == new


@pytest.mark.parametrize("model", ["anthropic/x", {"primary": "anthropic/x"}])
def test_the_default_model_is_ours(model: object) -> None:
    new = connect({"agents": {"defaults": {"model": model}}}, CONNECTION)
    assert new["agents"]["defaults"]["model"] == {"primary": "gigachat/GigaChat-2-Max"}


def test_fallbacks_stay() -> None:
    new = connect({"agents": {"defaults": {"model": {"fallbacks": ["a/b"]}}}}, CONNECTION)
    assert new["agents"]["defaults"]["model"]["fallbacks"] == ["a/b"]


@pytest.mark.parametrize(("allowed", "then"), [(["a/*"], ["a/*", "gigachat/*"]), ([], []), (["gigachat/*"],) * 2])
def test_a_policy_lets_ours_in(allowed: list[str], then: list[str]) -> None:
    new = connect({"agents": {"defaults": {"modelPolicy": {"allow": allowed}}}}, CONNECTION)
    assert new["agents"]["defaults"]["modelPolicy"]["allow"] == then


def test_somebodys_memory_stays() -> None:
    search = {"provider": "openai", "model": "text-embedding-3-small"}
    assert connect({"memory": {"search": search}}, CONNECTION)["memory"]["search"] == search


def test_a_gateway_elsewhere_stays() -> None:
    assert connect({"gateway": {"mode": "remote"}}, CONNECTION)["gateway"] == {"mode": "remote"}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"models": []}, "models"),
        ({"models": {"providers": 1}}, "models.providers"),
        ({"models": {"providers": {"gigachat": None}}}, "models.providers.gigachat"),
        ({"agents": {"defaults": "x"}}, "agents.defaults"),
        ({"memory": "x"}, "memory"),
        ({"memory": {"search": "x"}}, "search"),
    ],
)
def test_what_is_no_object(config: dict[str, Any], place: str) -> None:
    with pytest.raises(WrongShape, match=f"{place} is not an object"):
        connect(config, CONNECTION)


def test_somebodys_models_stay() -> None:
    mine = [{"id": "GigaChat-2-Max", "name": "Mine"}, {"id": "corporate", "contextWindow": 5}]
    models = connect({"models": {"providers": {"gigachat": {"models": mine}}}}, CONNECTION)["models"]
    found = {model["id"]: model for model in models["providers"]["gigachat"]["models"]}
    assert found["corporate"] == mine[1]
    assert found["GigaChat-2-Max"]["name"] == "Mine" and "maxTokens" in found["GigaChat-2-Max"]


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ({}, {"supportsUsageInStreaming": True}),
        ({"compat": {"supportsStore": False}}, {"supportsStore": False, "supportsUsageInStreaming": True}),
        ({"compat": {"supportsUsageInStreaming": False}}, {"supportsUsageInStreaming": False}),
    ],
)
def test_usage_is_asked_for_at_any_address(before: dict[str, Any], then: dict[str, Any]) -> None:
    """OpenClaw would do it by itself on localhost only, and on a VPS never shorten a conversation."""
    mine = [{"id": "GigaChat-2-Max", **before}]
    models = connect({"models": {"providers": {"gigachat": {"models": mine}}}}, CONNECTION)["models"]
    [found] = models["providers"]["gigachat"]["models"]
    assert found["compat"] == then and found["contextWindow"] == 261120


@pytest.mark.parametrize(("before", "then"), [(131072, 261120), (100_000, 100_000), (None, None)])
def test_the_window_of_earlier_versions_goes(before: int | None, then: int | None) -> None:
    """With half of the window OpenClaw shortens conversations twice as early."""
    mine = [{"id": "GigaChat-2-Max", "contextWindow": before}]
    models = connect({"models": {"providers": {"gigachat": {"models": mine}}}}, CONNECTION)["models"]
    [found] = models["providers"]["gigachat"]["models"]
    assert found["contextWindow"] == then


HEARING = replace(CONNECTION, hears=True, speaks=True)


def test_voice_is_offered_and_not_imposed() -> None:
    assert not {"tools", "tts"} & connect({}, CONNECTION).keys()
    new = connect({}, HEARING)
    [entry] = new["tools"]["media"]["models"]
    assert entry["capabilities"] == ["audio"] and entry["args"][-1] == "http://127.0.0.1:8080/v1/audio/transcriptions"
    assert new["tts"]["providers"]["openai"]["baseUrl"] == "http://127.0.0.1:8080/v1"
    assert connect(new, HEARING) == new, "once is enough"


def test_the_key_is_shown_where_the_list_of_processes_does_not_have_it() -> None:
    new = connect({}, replace(HEARING, key="secret"))
    [entry] = new["tools"]["media"]["models"]
    assert entry["args"][entry["args"].index("secret") - 1] == "--oauth2-bearer"
    assert new["tts"]["providers"]["openai"]["apiKey"] == "secret"


def test_somebodys_ears_and_voice_stay() -> None:
    mine = {"provider": "deepgram", "model": "nova-3", "capabilities": ["audio"]}
    config = {"tools": {"media": {"models": [mine], "audio": {"enabled": False}}}, "tts": {"provider": "elevenlabs"}}
    new = connect(config, HEARING)
    assert new["tools"]["media"]["models"][0] == mine and new["tools"]["media"]["audio"] == {"enabled": False}
    assert new["tts"] == {"provider": "elevenlabs"}
