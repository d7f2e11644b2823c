from __future__ import annotations

import base64
import dataclasses

import pytest
from gigachat.settings import Settings as SdkSettings

from gpt2giga.settings import parse
from gpt2giga.settings import Settings
from gpt2giga.settings import SettingsError
from gpt2giga.settings import table
from gpt2giga.settings import unknown_variables

KEY = base64.b64encode(b"id:secret").decode()


@pytest.mark.parametrize(
    "variable, value, field, parsed",
    [
        ("GPT2GIGA_PORT", " 8765 ", "port", 8765),
        ("GPT2GIGA_PORT", "", "port", 8080),
        ("WEB_CONCURRENCY", "3", "workers", 3),
        ("GIGACHAT_VERIFY_SSL_CERTS", "False", "verify_ssl_certs", False),
        ("GIGACHAT_VERIFY_SSL_CERTS", "1", "verify_ssl_certs", True),
        ("GPT2GIGA_API_KEY", "a, b,", "api_key", ("a", "b")),
        ("GPT2GIGA_MODEL_ALIASES", "gpt-4o = GigaChat-2-Max", "model_aliases", (("gpt-4o", "GigaChat-2-Max"),)),
        ("GIGACHAT_BASE_URL", "https://gigachat.example/api/v1/", "base_url", "https://gigachat.example/api/v1"),
        ("GIGACHAT_CREDENTIALS", f" {KEY[:4]}\n {KEY[4:]} ", "credentials", KEY),
        ("GIGACHAT_CREDENTIALS", "id:secret", "credentials", KEY),
    ],
)
def test_values(variable: str, value: str, field: str, parsed: object) -> None:
    assert getattr(parse({variable: value}), field) == parsed


@pytest.mark.parametrize(
    "variable, value, says",
    [
        ("GPT2GIGA_PORT", "eighty", "GPT2GIGA_PORT: 'eighty' is not a whole number from 1 to 65535"),
        ("GPT2GIGA_PORT", "70000", "GPT2GIGA_PORT: '70000'"),
        ("GIGACHAT_VERIFY_SSL_CERTS", "maybe", "True or False"),
        ("GIGACHAT_TIMEOUT", "1e9", "a number of seconds"),
        ("GIGACHAT_SCOPE", "PERS", "one of: GIGACHAT_API_PERS, GIGACHAT_API_B2B, GIGACHAT_API_CORP"),
        ("GIGACHAT_BASE_URL", "api.giga.chat", "an address such as"),
        ("GPT2GIGA_MODEL_ALIASES", "gpt-4o", "a list such as"),
        ("WEB_CONCURRENCY", "many", "WEB_CONCURRENCY: 'many'"),
    ],
)
def test_mistakes_are_named(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({variable: value})
    assert says in str(caught.value) and str(caught.value).startswith(variable)


@pytest.mark.parametrize("value", ["твой_ключ_из_sber_studio", "abc", "a2V5", "e30="])
def test_what_cannot_be_a_key_is_named_but_not_shown(value: str) -> None:
    with pytest.raises(SettingsError, match="GIGACHAT_CREDENTIALS: its value is not the Authorization Key") as caught:
        parse({"GIGACHAT_CREDENTIALS": value})
    assert value not in str(caught.value)


def test_unknown_variables_are_named_with_the_closest() -> None:
    assert unknown_variables({"GPT2GIGA_PROT": "1", "GIGACHAT_CREDENTIAL": "x", "PATH": "/bin"}) == [
        "GIGACHAT_CREDENTIAL is not a setting; did you mean GIGACHAT_CREDENTIALS?",
        "GPT2GIGA_PROT is not a setting; did you mean GPT2GIGA_PORT?",
    ]


def test_every_setting_of_the_sdk_is_ours_too() -> None:
    """Except an object that no variable can hold."""
    sdk = {f"GIGACHAT_{name.upper()}" for name in SdkSettings.model_fields} - {"GIGACHAT_SSL_CONTEXT"}
    ours = {field.metadata[key] for field in dataclasses.fields(Settings) for key in ("variable", "also")}
    assert sdk <= ours


def test_every_setting_has_a_row_of_its_own() -> None:
    variables = [variable for variable, _, _ in table()]
    assert len(variables) == len(set(variables)) == len(dataclasses.fields(Settings))


def test_the_sandbox_never_sees_the_real_account() -> None:
    account = {"GIGACHAT_CREDENTIALS": KEY, "GIGACHAT_ACCESS_TOKEN": "t", "GIGACHAT_PASSWORD": "p"}
    settings = parse({**account, "GPT2GIGA_SANDBOX": "http://127.0.0.1:8090"})
    assert settings.base_url == "http://127.0.0.1:8090/api/v1"
    assert (settings.access_token, settings.password) == (None, None)
    assert base64.b64decode(settings.credentials or "") == b"sandbox:sandbox"
    assert settings.backend == "sandbox (not GigaChat)"
