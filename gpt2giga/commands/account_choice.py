"""The accounts of a service, and the one that a command asks with where any would do."""

from __future__ import annotations

from collections.abc import Mapping

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import Settings
from gpt2giga.store.accounts import stored_accounts
from gpt2giga.upstream.transport import diagnosis


def all_accounts(settings: Settings) -> dict[str, AccountSettings]:
    """The service's own, of the settings and of the store, by their names. With GPT2GIGA_PASS_TOKEN those of the
    settings alone."""
    found = settings.accounts
    if settings.server.pass_token or settings.server.sandbox:
        return found
    keys = {account.credentials for account in found.values()}
    stored = (key for key in stored_accounts(settings.store) if key.key not in keys)
    return found | {key.name: settings.account.of_key(key) for key in stored}


def good_account(accounts: Mapping[str, AccountSettings]) -> str:
    """The name of the first whose key GigaChat takes; of the first where none is good, or there is no choice. Raises
    ProxyError where GigaChat does not answer."""
    first, *others = accounts
    return next((name for name in accounts if diagnosis.is_known(accounts[name])), first) if others else first
