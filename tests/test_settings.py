from __future__ import annotations

import base64
import dataclasses

import pytest
from gigachat.settings import Settings as SdkSettings

from gpt2giga.config.parsers import ClientKey
from gpt2giga.config.settings import SettingsError
from gpt2giga.config.variables import check, differences, GROUPS, parse, table, unknown_variables, VARIABLES

KEY = base64.b64encode(b"id:secret").decode()


@pytest.mark.parametrize(
    "variable, value, field, parsed",
    [
        ("GPT2GIGA_PORT", " 8765 ", "port", 8765),
        ("GPT2GIGA_PORT", "", "port", 8080),
        ("WEB_CONCURRENCY", "3", "workers", 3),
        ("GIGACHAT_VERIFY_SSL_CERTS", "False", "verify_ssl_certs", False),
        ("GIGACHAT_VERIFY_SSL_CERTS", "1", "verify_ssl_certs", True),
        ("GPT2GIGA_API_KEY", "a, b,", "api_key", (ClientKey("a", "key-1"), ClientKey("b", "key-2"))),
        ("GPT2GIGA_API_KEY", "a", "api_key", (ClientKey("a", ""),)),
        ("GPT2GIGA_LOG_LEVEL", "WARNING", "log_level", "warning"),
        ("GPT2GIGA_HOST", "LOCALHOST", "host", "localhost"),
        ("GPT2GIGA_HOST", "[::1]", "host", "::1"),
        ("GPT2GIGA_HOST", "unix:/run/A[1]", "host", "unix:/run/A[1]"),
        ("GPT2GIGA_MAX_BODY", "1 MB", "max_body", 1048576),
        ("GPT2GIGA_MAX_BODY", "1048577", "max_body", 1048577),
        ("GPT2GIGA_MODEL_ALIASES", "gpt-4o = GigaChat-2-Max", "model_aliases", (("gpt-4o", "GigaChat-2-Max"),)),
        ("GIGACHAT_BASE_URL", "https://gigachat.example/api/v1/", "base_url", "https://gigachat.example/api/v1"),
        ("GIGACHAT_CREDENTIALS", f" {KEY[:4]}\n {KEY[4:]} ", "credentials", KEY),
        ("GIGACHAT_CREDENTIALS", "id:secret", "credentials", KEY),
        ("GIGACHAT_CREDENTIALS", "id:secret:GIGACHAT_API_B2B", "credentials", KEY),
    ],
)
def test_values(variable: str, value: str, field: str, parsed: object) -> None:
    settings = parse({variable: value})
    groups = (settings.account, settings.server, settings.limits, settings.translation)
    assert [vars(group)[field] for group in groups if field in vars(group)] == [parsed]


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
        ("GIGACHAT_BASE_URL", "https://[::1", "an address such as"),
        ("GIGACHAT_BASE_URL", "https://host:port", "an address such as"),
        ("GPT2GIGA_API_KEY", ",", "its value is not a key, or several"),
        ("GPT2GIGA_MAX_BODY", "0", "a number of bytes"),
        ("WEB_CONCURRENCY", "many", "WEB_CONCURRENCY: 'many'"),
    ],
)
def test_mistakes_are_named(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse({variable: value})
    assert says in str(caught.value) and str(caught.value).startswith(variable)


def test_a_second_variable_is_looked_at_even_if_the_first_counts() -> None:
    """gunicorn would stumble over it."""
    with pytest.raises(SettingsError, match="WEB_CONCURRENCY: 'many'"):
        parse({"GPT2GIGA_WORKERS": "2", "WEB_CONCURRENCY": "many"})


@pytest.mark.parametrize("value", ["твой_ключ_из_sber_studio", "abc", "a2V5", "e30=", "uuid:", ":pass", "Og=="])
def test_what_cannot_be_a_key_is_named_but_not_shown(value: str) -> None:
    with pytest.raises(SettingsError, match="GIGACHAT_CREDENTIALS: its value is not the Authorization Key") as caught:
        parse({"GIGACHAT_CREDENTIALS": value})
    assert value not in str(caught.value)


OTHER = base64.b64encode(b"other:secret").decode()


def test_several_accounts() -> None:
    """GIGACHAT_SCOPE is that of keys without their own, and a key that is named twice is one account."""
    text = f"{KEY}:GIGACHAT_API_B2B, other:secret,, third:secret:GIGACHAT_API_PERS,{OTHER}"
    settings = parse({"GIGACHAT_CREDENTIALS": text, "GIGACHAT_SCOPE": "GIGACHAT_API_CORP"})
    assert [(name, account.credentials, account.scope) for name, account in settings.accounts.items()] == [
        ("1", KEY, "GIGACHAT_API_B2B"),
        ("2", OTHER, "GIGACHAT_API_CORP"),
        ("3", base64.b64encode(b"third:secret").decode(), "GIGACHAT_API_PERS"),
    ]
    assert settings.account == settings.accounts["1"]
    assert parse({}).accounts == {} and [*parse({"GIGACHAT_ACCESS_TOKEN": "a"}).accounts] == ["1"]


def test_none_of_several_keys_may_be_wrong() -> None:
    for value, says in (
        (f"{KEY},abc", "is not the Authorization Key"),
        (f"{KEY},{OTHER}:GIGACHAT_API_ALL", "is not a key with a scope after the colon that is one of"),
        (",", "is not the Authorization Key"),
    ):
        with pytest.raises(SettingsError, match=f"GIGACHAT_CREDENTIALS: its value {says}") as caught:
            parse({"GIGACHAT_CREDENTIALS": value})
        assert KEY not in str(caught.value) and OTHER not in str(caught.value)


def test_which_of_several_keys_is_wrong() -> None:
    """By its number: a key is never shown."""
    with pytest.raises(SettingsError, match=r"\(number 2 of 3\)") as caught:
        parse({"GIGACHAT_CREDENTIALS": f"{KEY},nonsense,{OTHER}"})
    assert "nonsense" not in str(caught.value)


def test_another_second_key_is_a_difference() -> None:
    before, after = (parse({"GIGACHAT_CREDENTIALS": f"{KEY},{other}"}) for other in (OTHER, "third:secret"))
    assert differences(before, after) == ["GIGACHAT_CREDENTIALS"] and differences(before, before) == []


def test_the_sandbox_gets_none_of_the_keys() -> None:
    settings = parse({"GIGACHAT_CREDENTIALS": f"{KEY},{OTHER}", "GPT2GIGA_SANDBOX": "http://127.0.0.1:8090"})
    assert settings.more_keys == () and settings.account.credentials not in (KEY, OTHER)


LOOPBACK = ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost", "LocalHost", "unix:/run/gpt2giga.sock"]
PUBLIC = ["0.0.0.0", "::", "192.168.1.2", "fe80::1", "::ffff:192.168.1.2", "my-server", "localhost.lan", "*"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_no_key_is_needed(host: str) -> None:
    check(parse({"GIGACHAT_CREDENTIALS": KEY, "GPT2GIGA_HOST": host}))


@pytest.mark.parametrize("host", PUBLIC)
def test_elsewhere_it_takes_a_key_or_a_clear_word(host: str) -> None:
    variables = {"GIGACHAT_CREDENTIALS": KEY, "GPT2GIGA_HOST": host}
    for variable in ("GPT2GIGA_ALLOW_ANONYMOUS", "GPT2GIGA_PASS_TOKEN"):
        with pytest.raises(SettingsError, match="GPT2GIGA_HOST.* set GPT2GIGA_API_KEY"):
            check(parse({**variables, variable: "False"}))
        check(parse({**variables, variable: "True"}))
    check(parse({**variables, "GPT2GIGA_API_KEY": "k"}))


@pytest.mark.parametrize("variable", ["GPT2GIGA_API_KEY", "GIGACHAT_CERT_FILE"])
def test_what_does_not_go_with_the_clients_own_accounts(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"GPT2GIGA_PASS_TOKEN and {variable} exclude each other"):
        check(parse({"GPT2GIGA_PASS_TOKEN": "True", variable: "x"}))


def test_unknown_variables_are_named_with_the_closest() -> None:
    assert unknown_variables({"GPT2GIGA_PROT": "1", "GIGACHAT_CREDENTIAL": "x", "PATH": "/bin"}) == [
        "GIGACHAT_CREDENTIAL is not a setting; did you mean GIGACHAT_CREDENTIALS?",
        "GPT2GIGA_PROT is not a setting; did you mean GPT2GIGA_PORT?",
    ]


def test_every_setting_of_the_sdk_is_ours_too() -> None:
    """Except an object that no variable can hold."""
    sdk = {f"GIGACHAT_{name.upper()}" for name in SdkSettings.model_fields} - {"GIGACHAT_SSL_CONTEXT"}
    assert sdk <= VARIABLES


def test_every_setting_has_a_row_of_its_own() -> None:
    variables = [variable for variable, _, _ in table()]
    assert len(variables) == len(set(variables)) == sum(len(dataclasses.fields(group)) for group in GROUPS.values())


def test_the_sandbox_never_sees_the_real_account() -> None:
    account = {"GIGACHAT_CREDENTIALS": KEY, "GIGACHAT_ACCESS_TOKEN": "t", "GIGACHAT_PASSWORD": "p"}
    settings = parse({**account, "GPT2GIGA_SANDBOX": "http://127.0.0.1:8090"})
    assert settings.account.base_url == "http://127.0.0.1:8090/api/v1"
    assert (settings.account.access_token, settings.account.password) == (None, None)
    assert base64.b64decode(settings.account.credentials or "") == b"sandbox:sandbox"
    assert settings.backend == "sandbox (not GigaChat)"


def test_speech_is_the_services_own() -> None:
    """Anybody can bring an account of GigaChat's, but nobody's is one of SaluteSpeech's."""
    both = {"GPT2GIGA_PASS_TOKEN": "True", "SALUTESPEECH_CREDENTIALS": KEY}
    with pytest.raises(SettingsError, match="GPT2GIGA_PASS_TOKEN and SALUTESPEECH_CREDENTIALS"):
        check(parse(both))
    check(parse({"GPT2GIGA_PASS_TOKEN": "True", "GPT2GIGA_SANDBOX": "http://127.0.0.1:1"}))


def test_a_key_of_speech_does_not_reach_the_sandbox() -> None:
    given = {"SALUTESPEECH_CREDENTIALS": KEY, "GPT2GIGA_SANDBOX": "http://127.0.0.1:1"}
    speech = parse(given).speech
    assert speech.credentials != KEY and speech.base_url == "http://127.0.0.1:1/rest/v1"
    assert speech.auth_url == "http://127.0.0.1:1/api/v2/oauth"
