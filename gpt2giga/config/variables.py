"""What variables say: Settings, or a SettingsError that names the mistake; and the table of all of them."""

from __future__ import annotations

import base64
import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import account_keys
from gpt2giga.config.settings import Settings, SettingsError
from gpt2giga.config.speech import SpeechSettings
from gpt2giga.language import _

PREFIXES = ("GPT2GIGA_", "GIGACHAT_", "SALUTESPEECH_")
SANDBOX_KEY = base64.b64encode(b"sandbox:sandbox").decode()
GROUPS = {group.name: type(group.default) for group in dataclasses.fields(Settings) if hasattr(group.default, "PREFIX")}
KEYS = "GIGACHAT_CREDENTIALS"


def _fields(group: Any) -> dict[str, dataclasses.Field[Any]]:
    """By the variable that each is set with."""
    return {
        field.metadata["variable"] or group.PREFIX + field.name.upper(): field for field in dataclasses.fields(group)
    }


FIELDS = {variable: field for group in GROUPS.values() for variable, field in _fields(group).items()}
VARIABLES = FIELDS.keys() | {also for field in FIELDS.values() if (also := field.metadata["also"])}


def is_ours(variable: str) -> bool:
    """True for settings, also for misspelt ones."""
    return variable.startswith(PREFIXES) or variable in VARIABLES


def parse(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError. An empty value counts as not set: hosting panels and compose files write them."""
    settings = Settings(**{name: _parse_group(group, environ) for name, group in GROUPS.items()})
    if sandbox := settings.server.sandbox:
        account, speech = _sandbox_account(settings.account, sandbox), _sandbox_speech(settings, sandbox)
        return replace(settings, account=account, speech=speech)
    return _with_all_keys(settings, environ.get(KEYS, "").strip())


def _with_all_keys(settings: Settings, text: str) -> Settings:
    """GIGACHAT_SCOPE is that of keys without their own."""
    if not text:
        return settings
    usual = settings.account.scope
    first, *others = (replace(key, scope=key.scope or usual) for key in account_keys(text))
    return replace(settings, account=replace(settings.account, scope=first.scope), more_keys=tuple(others))


def _parse_group(group: Any, environ: Mapping[str, str]) -> Any:
    values = {}
    for variable, field in _fields(group).items():
        names = (variable, field.metadata["also"])
        found = [_parse_one(field, name, raw) for name in names if (raw := environ.get(name, "").strip())]
        if found:
            values[field.name] = found[0]
    return group(**values)


def _parse_one(field: dataclasses.Field[Any], variable: str, raw: str) -> Any:
    try:
        return field.metadata["parse"](raw)
    except ValueError as error:
        # What stands before an @ may be a password.
        _password, at, visible = raw.rpartition("@")
        shown = _("its value") if field.metadata["secret"] else repr(f"...{at}{visible}" if at else raw)
        raise SettingsError(
            _("{variable}: {value} is not {allowed}", variable=variable, value=shown, allowed=error)
        ) from None


def _sandbox_account(account: AccountSettings, sandbox: str) -> AccountSettings:
    """The sandbox takes any account, and a real key must not reach it."""
    return replace(
        account,
        credentials=SANDBOX_KEY,
        access_token=None,
        user=None,
        password=None,
        base_url=f"{sandbox}/api/v1",
        auth_url=f"{sandbox}/api/v2/oauth",
    )


def _sandbox_speech(settings: Settings, sandbox: str) -> SpeechSettings:
    """None for clients who bring their own accounts, which are none of SaluteSpeech."""
    return replace(
        settings.speech,
        credentials=None if settings.server.pass_token else SANDBOX_KEY,
        base_url=f"{sandbox}/rest/v1",
        auth_url=f"{sandbox}/api/v2/oauth",
    )


def check(settings: Settings, has_stored_accounts: Callable[[Settings], bool] = lambda _: False) -> None:
    """Raises SettingsError for what each setting allows by itself but all together do not.

    has_stored_accounts: asked where the settings name none.
    """
    server = settings.server
    if not settings.account.has_account and not server.pass_token and not has_stored_accounts(settings):
        raise SettingsError(
            _(
                "no GigaChat account: set GIGACHAT_CREDENTIALS to the Authorization Key from Sber Studio, "
                "in .env or in the environment (or try the sandbox: gpt2giga --sandbox)"
            )
        )
    if server.redis_url and find_spec("redis") is None:
        raise SettingsError(_("GPT2GIGA_REDIS_URL needs a package that is not installed: pip install redis"))
    if server.pass_token and server.api_key:
        raise SettingsError(
            _("GPT2GIGA_PASS_TOKEN and GPT2GIGA_API_KEY exclude each other: a client has one key to show")
        )
    if server.pass_token and settings.account.cert_file:
        raise SettingsError(
            _("GPT2GIGA_PASS_TOKEN and GIGACHAT_CERT_FILE exclude each other: the certificate is an account")
        )
    if server.pass_token and settings.speech.credentials:
        raise SettingsError(
            _(
                "GPT2GIGA_PASS_TOKEN and SALUTESPEECH_CREDENTIALS exclude each other: anybody can bring an account of "
                "GigaChat's, and would speak at your expense"
            )
        )
    may_hold_keys = settings.store.may_hold_keys
    if server.admin_key and not may_hold_keys and server.admin_key not in {key.name for key in server.api_key}:
        raise SettingsError(
            _(
                "GPT2GIGA_ADMIN_KEY: neither GPT2GIGA_API_KEY nor `gpt2giga keys list` has a key with the name {name}",
                name=repr(server.admin_key),
            )
        )
    if server.is_public and server.lacks_key and not may_hold_keys:
        raise SettingsError(
            _(
                "GPT2GIGA_HOST={host} lets others use your GigaChat account: set GPT2GIGA_API_KEY, or make a key with "
                "`gpt2giga keys add` (or GPT2GIGA_ALLOW_ANONYMOUS=True if that is what you want)",
                host=server.host,
            )
        )


def differences(former: Settings, settings: Settings) -> list[str]:
    """A phrase for each setting that means something else now; of secrets only the name."""
    found = [
        variable if field.metadata["secret"] else f"{variable} {_to_text(before)} -> {_to_text(after)}"
        for name, group in GROUPS.items()
        for variable, field in _fields(group).items()
        if (before := getattr(getattr(former, name), field.name))
        != (after := getattr(getattr(settings, name), field.name))
    ]
    has_other_keys = former.more_keys != settings.more_keys and KEYS not in found
    return [*([KEYS] if has_other_keys else []), *found]


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each of our variables that does not exist, with the closest one that does."""
    sentences = []
    for variable in sorted(environ):
        if is_ours(variable) and variable not in VARIABLES:
            close = difflib.get_close_matches(variable, VARIABLES, n=1)
            hint = _("; did you mean {name}?", name=close[0]) if close else ""
            sentences.append(_("{variable} is not a setting", variable=variable) + hint)
    return sentences


def table() -> list[tuple[str, str, str]]:
    """Rows of variable, default, doc: the one source of the table in docs/settings.md and of --help."""
    order: list[str] = []
    place = 0
    for variable, field in FIELDS.items():
        if below := field.metadata["below"]:
            place = order.index(below) + 1
        order.insert(place, variable)
        place += 1
    return [(name, _default_text(FIELDS[name].default), FIELDS[name].metadata["doc"]) for name in order]


def _default_text(default: object) -> str:
    return "" if default is None or default == () else _to_text(default)


def _to_text(value: object) -> str:
    """As it would be written in .env."""
    if value is None or value == ():
        return "(none)"
    if isinstance(value, tuple):
        return ",".join("=".join(word) if isinstance(word, tuple) else str(word) for word in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
