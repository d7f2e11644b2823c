"""The GigaChat account that a client brings as its API key (GPT2GIGA_PASS_TOKEN)."""

from __future__ import annotations

from dataclasses import replace

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import scoped_key
from gpt2giga.errors import NotAuthenticated

FORMS = "giga-cred-<key>[:scope], giga-auth-<token> or giga-user-<user>:<password>"


def account_settings(account: AccountSettings, key: str) -> AccountSettings:
    """The account that a client's key holds: with the service's way to GigaChat, and with no key or name of its own.

    Raises NotAuthenticated.
    """
    bare = replace(account, credentials="", access_token="", user="", password="")
    kind, value = key[:10], key[10:]
    if kind == "giga-cred-" and value:
        return _with_credentials(bare, value)
    if kind == "giga-auth-" and value.isascii() and value.isprintable() and value:
        return replace(bare, access_token=value)
    user, _, password = value.partition(":")
    if kind == "giga-user-" and user and password:
        return replace(bare, user=user, password=password)
    raise NotAuthenticated(f"This service wants your own GigaChat account as the API key: {FORMS}.")


def _with_credentials(bare: AccountSettings, value: str) -> AccountSettings:
    try:
        key, scope = scoped_key(value)
    except ValueError as error:
        raise NotAuthenticated(f"The key after giga-cred- is not {error}.") from None
    return replace(bare, credentials=key, scope=scope or bare.scope)
