"""The settings of the GigaChat account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from gpt2giga.config.parsers import (
    AccountKey,
    boolean,
    comma_list,
    first_account_key,
    one_of,
    SCOPES,
    seconds,
    url,
    whole_number,
)
from gpt2giga.config.setting import setting


@dataclass(frozen=True)
class AccountSettings:
    """Whose GigaChat it is, and the way there."""

    PREFIX = "GIGACHAT_"

    credentials: str | None = setting(
        None,
        "Authorization Key from Sber Studio; `client id:client secret` is encoded for you. Several accounts are "
        "separated by commas, each with its scope if it has another: KEY,KEY:GIGACHAT_API_B2B",
        first_account_key,
        secret=True,
    )
    scope: str = setting("GIGACHAT_API_PERS", "Account type: personal, business or corporate", one_of(*SCOPES))
    model: str = setting("GigaChat-2-Max", "Model for requests that do not name one")
    base_url: str = setting("https://api.giga.chat/v1", "Address of GigaChat", url)
    auth_url: str = setting("https://ngw.devices.sberbank.ru:9443/api/v2/oauth", "Address that issues tokens", url)
    access_token: str | None = setting(None, "Access token to use instead of a key; it is not renewed", secret=True)
    user: str | None = setting(None, "User name, for installations with passwords")
    password: str | None = setting(None, "Password of GIGACHAT_USER", secret=True)
    timeout: float = setting(
        600.0, "Seconds without a byte from GigaChat before the request fails", seconds(0.1, 86400)
    )
    verify_ssl_certs: bool = setting(True, "Verify GigaChat's certificate; False only as a last resort", boolean)
    ca_bundle_file: str | None = setting(None, "File with more root certificates to trust (PEM)")
    cert_file: str | None = setting(None, "Client certificate (PEM)")
    key_file: str | None = setting(None, "Private key of the client certificate (PEM)")
    key_file_password: str | None = setting(None, "Password of GIGACHAT_KEY_FILE", secret=True)
    profanity_check: bool | None = setting(
        None, "GigaChat's profanity filter, if your contract with Sber lets you change it", boolean
    )
    flags: tuple[str, ...] | None = setting(None, "GigaChat's feature flags, separated by commas", comma_list)
    max_connections: int | None = setting(
        None, "Maximum number of connections to GigaChat (default: no limit)", whole_number(1, 100000)
    )
    token_expiry_buffer_ms: int = setting(
        60000, "Renew a token this many milliseconds before it expires", whole_number(0, 1800000)
    )

    @property
    def has_account(self) -> bool:
        """True when something is set that GigaChat could accept as an account."""
        return bool(self.credentials or self.access_token or (self.user and self.password) or self.cert_file)

    @property
    def host(self) -> str:
        """GigaChat's, with the port where one is named."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def identity(self) -> str:
        """What tells this GigaChat account from others; secret."""
        return self.credentials or self.access_token or self.user or self.cert_file or ""

    def of_key(self, key: AccountKey) -> AccountSettings:
        """Another account, over the same way."""
        scope = key.scope or self.scope
        return replace(self, credentials=key.key, scope=scope, access_token=None, user=None, password=None)
