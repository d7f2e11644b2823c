"""Which certificates GigaChat may show."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

import certifi

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import SettingsError
from gpt2giga.language import reason

RUSSIAN_ROOT = Path(__file__).parents[2] / "certs" / "russian_trusted_root_ca.pem"


def ssl_context(account: AccountSettings) -> ssl.SSLContext:
    """Raises SettingsError when a file that the settings name cannot be used."""
    client_certificate = (account.cert_file, account.key_file, account.key_file_password)
    return _context(account.verify_ssl_certs, account.ca_bundle_file, client_certificate)


@lru_cache(maxsize=4)
def _context(
    verify: bool, ca_bundle_file: str | None, client_certificate: tuple[str | None, str | None, str | None]
) -> ssl.SSLContext:
    """certifi's roots plus the Russian one that signs GigaChat's hosts (contract 1.12), for these clients only.

    Making one takes 20 ms, and with GPT2GIGA_PASS_TOKEN every account has a client.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_verify_locations(RUSSIAN_ROOT)
    if ca_bundle_file:
        try:
            context.load_verify_locations(ca_bundle_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"GIGACHAT_CA_BUNDLE_FILE: {ca_bundle_file}: {reason(error)}") from None
    certificate, key, password = client_certificate
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"GIGACHAT_CERT_FILE, GIGACHAT_KEY_FILE: {reason(error)}") from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
