"""Which certificates GigaChat may show."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import certifi

from gpt2giga.settings import Settings
from gpt2giga.settings import SettingsError

RUSSIAN_ROOT = Path(__file__).parent.parent / "certs" / "russian_trusted_root_ca.pem"

log = logging.getLogger(__name__)


def ssl_context(settings: Settings) -> ssl.SSLContext:
    """certifi's roots plus the Russian one that signs GigaChat's hosts (contract 1), for this client only.

    Raises SettingsError when a file that the settings name cannot be used.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_verify_locations(RUSSIAN_ROOT)
    if settings.ca_bundle_file:
        try:
            context.load_verify_locations(settings.ca_bundle_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"GIGACHAT_CA_BUNDLE_FILE: {settings.ca_bundle_file}: {error}") from None
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, settings.key_file_password)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"GIGACHAT_CERT_FILE, GIGACHAT_KEY_FILE: {error}") from None
    if not settings.verify_ssl_certs:
        log.warning("GIGACHAT_VERIFY_SSL_CERTS=False: anyone on the way can read the key; True works without more")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
