"""Every setting, in the group of the package that needs it; limits have a file of their own. The table in
docs/settings.md and `gpt2giga --help` are printed from here; `variables` reads them."""

from __future__ import annotations

import ipaddress
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.parsers import (
    AccountKey,
    boolean,
    client_keys,
    ClientKey,
    fallbacks,
    host,
    host_names,
    log_level,
    one_of,
    origins,
    pairs,
    proxies,
    redis_url,
    url,
    whole_number,
)
from gpt2giga.config.setting import setting
from gpt2giga.config.speech import SpeechSettings
from gpt2giga.config.store import StoreSettings
from gpt2giga.language import N_

KEY_IS_MISSING = N_(
    "Behind a web server the service answers nobody until GPT2GIGA_API_KEY holds a key that clients must show, "
    "`gpt2giga keys add` has made one, GPT2GIGA_PASS_TOKEN=True lets them bring their own accounts, or "
    "GPT2GIGA_ALLOW_ANONYMOUS=True lets everybody in."
)


class SettingsError(Exception):
    """A setting that does not parse; the text names the variable, the value (unless secret) and what is allowed."""


@dataclass(frozen=True)
class ServerSettings:
    """Where and for whom the service runs, and what it shows of itself."""

    PREFIX = "GPT2GIGA_"

    host: str = setting("127.0.0.1", "Address to listen on, or unix:/path/to/socket", host)
    port: int = setting(8080, "Port to listen on", whole_number(1, 65535))
    workers: int = setting(1, "Worker processes", whole_number(1, 256), also="WEB_CONCURRENCY")
    graceful_timeout: int = setting(
        300,
        "Seconds that running answers may still take when the service stops or reloads; then they end with an error",
        whole_number(1, 86400),
    )
    trusted_proxies: tuple[str, ...] = setting(
        (),
        "Addresses or networks of proxies (unix: over a unix socket) whose X-Forwarded-For and X-Request-ID are "
        "trusted; the log then shows the client's address",
        proxies,
    )
    api_key: tuple[ClientKey, ...] = setting(
        (),
        "Keys that clients must send, separated by commas; empty: no key is needed. `name:key` gives a key a name for "
        "the log. Each key has its own files and stored responses",
        client_keys,
        secret=True,
    )
    admin_key: str = setting(
        "",
        "Name of the key, also one of `gpt2giga keys`, whose holder sees everybody's usage on the page; others see "
        "their own",
    )
    redis_url: str | None = setting(
        None,
        "Redis that counts the account's requests across machines: redis://:password@host:6379/0",
        redis_url,
        secret=True,
    )
    runtime_dir: str | None = setting(
        None,
        "Folder where workers count the account's requests (default: the system's temporary folder)",
        also="RUNTIME_DIRECTORY",
    )
    allow_anonymous: bool = setting(
        False, "Let anyone in without a key, also from other machines and through a web server", boolean
    )
    pass_token: bool = setting(
        False,
        "Each client sends its own GigaChat account as its API key: giga-cred-<key>[:scope], giga-auth-<token> or "
        "giga-user-<user>:<password>",
        boolean,
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        "Without a key: host names that the service may be called by, besides those of this machine and the local "
        "network, separated by commas: ai.example.com,*.example.com",
        host_names,
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        "Origins whose web pages may call the service, besides those of this machine, separated by commas: "
        "https://app.example.com,https://*.example.com; *: all",
        origins,
    )
    log_format: str = setting("plain", "plain or json", one_of("plain", "json"))
    log_level: str = setting(
        "info",
        "Lowest level to log: debug (also requests of the page, health and metrics), info, warning or error",
        log_level,
    )
    log_content: bool = setting(False, "Log prompts and answers too", boolean)
    metrics: bool = setting(False, "Metrics for Prometheus at /metrics", boolean)
    ui: bool = setting(True, "The web page at /", boolean)
    ollama: bool = setting(
        False,
        "Ollama's API below /api, for programs that speak no other; most of them expect it on port 11434",
        boolean,
    )
    sandbox: str | None = setting(None, "Address of the built-in sandbox, to use instead of GigaChat", url)

    @property
    def is_public(self) -> bool:
        """True when others than this machine's own users can reach the address."""
        return not (self.host.startswith("unix:") or self.host == "localhost" or _is_loopback(self.host))

    @property
    def asks_for_key(self) -> bool:
        return bool(self.api_key or self.pass_token)

    def is_admin(self, key_name: str) -> bool:
        """Whether the holder of this key is shown everybody's usage."""
        return bool(self.admin_key) and key_name == self.admin_key

    @property
    def first_key(self) -> str:
        """What a client on this machine may show; empty where no key is set."""
        return self.api_key[0].key if self.api_key else ""

    @property
    def lacks_key(self) -> bool:
        """True when nobody has said who may come in: then only this machine's own users may."""
        return not (self.asks_for_key or self.allow_anonymous)

    @property
    def address(self) -> str:
        """host:port as in a URL, or unix:/path."""
        if self.host.startswith("unix:"):
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def runtime_folder(self) -> Path:
        return Path(self.runtime_dir or tempfile.gettempdir())


@dataclass(frozen=True)
class TranslationSettings:
    """What requests and answers become on their way."""

    PREFIX = "GPT2GIGA_"

    embeddings: str = setting(
        "EmbeddingsGigaR", "Embedding model for requests that do not name one of GigaChat's", below="GPT2GIGA_API_KEY"
    )
    embeddings_overflow: str = setting(
        "average",
        "What to do with a text above the embedding model's limit: average (of its parts) or error",
        one_of("average", "error"),
    )
    embeddings_normalize: bool = setting(
        False, "True: vectors of unit length, as OpenAI's are, for indexes by product or distance", boolean
    )
    tokenizer_file: str | None = setting(
        None, "File cl100k_base.tiktoken: with it, embeddings also accept token numbers, as LangChain sends them"
    )
    model_aliases: tuple[tuple[str, str], ...] = setting(
        (), "Other names for GigaChat's models: gpt-4o=GigaChat-2-Max,...", pairs
    )
    pass_model: bool = setting(True, "False: send every request to GIGACHAT_MODEL, whatever model it names", boolean)
    fallback: tuple[str, ...] = setting(
        (),
        "Models that answer when there are no tokens for the one before or it is not open: "
        "GigaChat-2-Max>GigaChat-2-Pro>GigaChat-2",
        fallbacks,
    )
    send_state_id: bool = setting(False, "Send functions_state_id of earlier tool calls back to GigaChat", boolean)
    structured_output: str = setting(
        "native",
        "JSON by a schema: native (GigaChat's response_format), or function for models without it",
        one_of("native", "function"),
    )
    check_calls: bool = setting(
        True,
        "Ask GigaChat again when a tool call lacks required arguments or has one of the wrong type; False: pass it on",
        boolean,
    )
    gigachat_api_mode: str = setting(
        "auto",
        "GigaChat's interface for chats: v1, v2, or auto: v2 for models where `gpt2giga doctor --learn` found that "
        "it works",
        one_of("auto", "v1", "v2"),
    )
    tool_schemas: str = setting(
        "auto",
        "Schemas of tools: native (as the client wrote them), converted (to what every model takes), or auto: native "
        "where `gpt2giga doctor --learn` found that the model takes their keywords",
        one_of("auto", "native", "converted"),
    )
    session_id: bool = setting(
        True, "Send X-Session-ID, so that GigaChat's prompt cache works; off: do not send it", boolean
    )
    fetch_urls: bool = setting(True, "Fetch images and files given by URL, from public hosts only", boolean)
    delete_files: bool = setting(False, "Delete uploaded images and files from GigaChat after the answer", boolean)
    blacklist_finish_reason: str = setting(
        "stop",
        "finish_reason of a text that GigaChat's filter stopped; most clients discard the text at content_filter",
        one_of("stop", "content_filter"),
    )
    ignore_hosted_tools: bool = setting(
        True, "Ignore tools that OpenAI or Anthropic run themselves and GigaChat does not; False: refuse them", boolean
    )


@dataclass(frozen=True)
class Settings:
    """account: the first, or only one; more_keys: of the others that GIGACHAT_CREDENTIALS names."""

    account: AccountSettings = AccountSettings()
    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    translation: TranslationSettings = TranslationSettings()
    store: StoreSettings = StoreSettings()
    speech: SpeechSettings = SpeechSettings()
    more_keys: tuple[AccountKey, ...] = ()

    @property
    def accounts(self) -> dict[str, AccountSettings]:
        """The service's own, by their names."""
        first = {"1": self.account} if self.account.has_account else {}
        return first | {key.name: self.account.of_key(key) for key in self.more_keys}

    @property
    def backend(self) -> str:
        """What answers: the sandbox, or GigaChat's host."""
        return N_("sandbox (not GigaChat)") if self.server.sandbox else str(urlsplit(self.account.base_url).hostname)

    @property
    def default_models(self) -> dict[str, str]:
        """What clients are told to ask for."""
        return {"model": self.account.model, "embeddings": self.translation.embeddings}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
