"""The settings of a running process: read and checked once at its start, and once more at each reload."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import ServerSettings, Settings, SettingsError
from gpt2giga.config.sources import read_settings
from gpt2giga.config.variables import differences
from gpt2giga.serving import process_log
from gpt2giga.serving.address import check_address
from gpt2giga.telemetry import log_format

log = logging.getLogger(__name__)


class CurrentSettings:
    """`variables` are the text that `settings` were read from: a worker with newer code makes its own of them."""

    variables: Mapping[str, str]
    settings: Settings

    def __init__(self, env_file: Path | None = None, overrides: Mapping[str, str] | None = None) -> None:
        """Raises SettingsError. `overrides` (the command line) win over everything."""
        self._env_file, self._overrides = env_file, overrides
        self._told_doubts: set[str] = set()
        self.variables, self.settings, doubts = read_settings(env_file, overrides, has_stored_accounts)
        process_log.adopt(self.settings.server)
        self._tell(doubts)

    def renew(self) -> None:
        """A mistake changes nothing, nor does what would end the whole service if gunicorn or a new worker found it."""
        former = self.settings
        try:
            variables, settings, doubts = read_settings(self._env_file, self._overrides, has_stored_accounts)
            check_upstream(settings.account)
            _check_new_address(former.server, settings.server)
        except SettingsError as error:
            log.error("The former settings stay: %s", error)
            return
        self.variables, self.settings = variables, settings
        process_log.adopt(settings.server)
        log.info("Reloaded: %s", ", ".join(differences(former, settings)) or "no setting has changed")
        self._tell(doubts)

    def _tell(self, doubts: list[str]) -> None:
        """Each once."""
        for doubt in doubts:
            if doubt not in self._told_doubts:
                log.warning("%s", doubt)
        self._told_doubts.update(doubts)


def _check_new_address(former: ServerSettings, server: ServerSettings) -> None:
    """Raises SettingsError."""
    if server.address == former.address:
        return
    try:
        check_address(server)
    except SettingsError as error:
        if server.port == former.port and not server.host.startswith("unix:"):  # this service may be what is there
            raise SettingsError(f"{error}; another GPT2GIGA_HOST with the same port needs a restart") from None
        raise


def has_stored_accounts(settings: Settings) -> bool:
    from gpt2giga.store.accounts import stored_accounts  # only now, for it loads a library of its own

    return bool(stored_accounts(settings.store))


def check_upstream(account: AccountSettings) -> None:
    """Its files and its proxies. Raises SettingsError."""
    from gpt2giga.upstream.transport.proxy import proxy_for  # only now, for gevent wants to patch ssl first

    for url in (account.base_url, account.auth_url):
        proxy_for(url)
    if account.ca_bundle_file or account.cert_file:
        from gpt2giga.upstream.transport.tls import ssl_context

        ssl_context(account)


def load_settings(env_file: Path | None = None, overrides: Mapping[str, str] | None = None) -> Settings:
    """For whoever reads them only once, and may have other things to print. Raises SettingsError."""
    _, settings, doubts = read_settings(env_file, overrides, has_stored_accounts)
    log_format.configure(settings.server)
    for doubt in doubts:
        log.warning("%s", doubt)
    return settings
