"""The settings that bound what anybody may cost."""

from __future__ import annotations

from dataclasses import dataclass

from gpt2giga.config.parsers import seconds, size, statuses, whole_number
from gpt2giga.config.setting import MIB, setting


@dataclass(frozen=True)
class LimitSettings:
    """How much at a time, how long, and how often again."""

    PREFIX = "GPT2GIGA_"

    max_open_requests: int = setting(
        2000,
        "Requests in progress, per worker; further ones get 503 with Retry-After",
        whole_number(1, 100000),
        below="GPT2GIGA_WORKERS",
    )
    connections_per_address: int = setting(
        256,
        "Connections from one address, per worker; no limit for loopback and GPT2GIGA_TRUSTED_PROXIES",
        whole_number(1, 100000),
    )
    max_retries: int = setting(
        2,
        "Retries of a request that GigaChat could not serve just then, before anything was sent to the client",
        whole_number(0, 10),
        also="GIGACHAT_MAX_RETRIES",
        below="GPT2GIGA_API_KEY",
    )
    retry_backoff_factor: float = setting(
        0.5,
        "Seconds before the first retry, doubled for each next one",
        seconds(0, 60),
        variable="GIGACHAT_RETRY_BACKOFF_FACTOR",
    )
    retry_on_status_codes: tuple[int, ...] = setting(
        (429, 500, 502, 503, 504),
        "Statuses of GigaChat's that are worth a retry",
        statuses,
        variable="GIGACHAT_RETRY_ON_STATUS_CODES",
    )
    heartbeat: float = setting(20.0, "Seconds between signs of life in a silent stream; 0: none", seconds(0, 3600))
    max_concurrency: int | None = setting(
        None,
        "Concurrent requests to GigaChat of each account, across all workers; 0: no limit (default: 1 for "
        "GIGACHAT_API_PERS, else 10)",
        whole_number(0, 100000),
    )
    queue_timeout: float = setting(60.0, "Seconds that a request may wait in the queue", seconds(0, 86400))
    max_body: int = setting(
        32 * MIB, "Maximum size of a request body, in bytes or as 32MiB", size, below="GPT2GIGA_CORS_ORIGINS"
    )
    max_json_values: int = setting(
        1_000_000,
        "Maximum number of values in the JSON of a request or of GigaChat's answer",
        whole_number(1, 100_000_000),
    )
    max_messages: int = setting(
        10_000, "Maximum number of messages, input items or texts in a request", whole_number(1, 1_000_000)
    )
    max_parts: int = setting(
        20_000, "Maximum number of parts and tool calls in all messages together", whole_number(1, 10_000_000)
    )
    max_tools: int = setting(1000, "Maximum number of tools in a request", whole_number(1, 100_000))
    max_schema_values: int = setting(
        30_000,
        "Maximum number of values in the JSON Schemas of all tools together, or in that of the response format",
        whole_number(1, 10_000_000),
    )
    max_pixels: int = setting(
        25_000_000,
        "Maximum number of pixels in an image that has to be converted (webp, gif)",
        whole_number(1, 1_000_000_000),
    )
    max_answer: int = setting(64 * MIB, "Maximum size of GigaChat's answer, in bytes or as 64MiB", size)
    body_timeout: float = setting(
        30.0, "Seconds of silence before an incomplete request body gets 408", seconds(0.1, 86400)
    )

    def slots(self, scope: str, measured: int = 0) -> int:
        """Requests at GigaChat at a time; 0: no limit. The defaults are what the scopes allow (contract 3.4.6).

        measured: what the account has been seen to allow; 0: nobody has looked.
        """
        if self.max_concurrency is not None:
            return self.max_concurrency
        if measured:
            return measured
        return 1 if scope == "GIGACHAT_API_PERS" else 10
