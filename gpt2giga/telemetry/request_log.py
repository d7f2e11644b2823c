"""One line a request, on stderr. Never prompts, answers or keys, unless GPT2GIGA_LOG_CONTENT says so."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from gpt2giga.chat import Event, HostedCall, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from gpt2giga.config.settings import Settings
from gpt2giga.upstream.pool.own_accounts import OwnAccounts
from gpt2giga.web.exchange import Exchange

log = logging.getLogger(__name__)

# Asked again and again by machines, or by the page itself: of no interest as long as it goes well.
QUIET_ROUTES = frozenset(prefix + path for prefix in ("", "/v1") for path in ("/", "/health", "/ready", "/metrics"))


class RequestLog:
    def __init__(self, settings: Settings, accounts: OwnAccounts | None) -> None:
        self._backend, self._accounts = settings.backend, accounts
        # Where it need not be the one that was asked for.
        self._names_model = bool(settings.translation.fallback)

    def write(self, exchange: Exchange) -> None:
        """When the exchange is over."""
        asked_often = exchange.route in QUIET_ROUTES or exchange.path.startswith("/ui/")
        # Who guesses keys at one of these is told of; every browser asks for an icon.
        is_quiet = (asked_often and exchange.status < 400) or exchange.path == "/favicon.ico"
        level = logging.DEBUG if is_quiet else logging.INFO
        if log.isEnabledFor(level):
            log.log(level, "request", extra={"fields": self._fields(exchange)})

    def _fields(self, exchange: Exchange) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "id": exchange.id,
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status,
        }
        work = exchange.asker.work if exchange.asker else ""
        who = {"client": exchange.client, "for": work, "key": exchange.key_name}
        fields |= {name: value for name, value in who.items() if value}
        if exchange.model:
            fields |= {"model": exchange.model, "stream": exchange.stream, "backend": self._backend}
        if self._names_model and exchange.answering_model and exchange.status < 400:
            fields["answered_by"] = exchange.answering_model
        if self._accounts and self._accounts.are_several and exchange.account:
            fields["account"] = exchange.account
        if usage := exchange.usage:
            fields |= {"in": usage.prompt, "out": usage.completion, "cached": usage.cached}
        if exchange.is_filtered:
            fields["filtered"] = True
        if exchange.cause:
            fields["cause"] = exchange.cause
        if exchange.queued:
            fields["queue_ms"] = round(exchange.queued * 1000, 1)
        if exchange.first_ms is not None:
            fields["first_ms"] = exchange.first_ms
        if exchange.keeps_content:
            fields |= {"request": exchange.body, "answer": "".join(map(_said, exchange.answer))}
        fields["ms"] = exchange.ms()
        return fields


def _said(event: Event) -> str:
    match event:
        case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
            return text
        case ToolCall():
            return f"{event.name}({orjson.dumps(event.arguments).decode()})"
        case HostedCall(_, tool, "running"):
            return f"[{tool}]"
    return ""
