"""What `gpt2giga doctor --learn` asked and got, as Markdown that may be pasted anywhere: no key, no token, no id of the
account, and nothing of what a user said, for all questions are ours."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from importlib.metadata import version
from itertools import groupby

from gpt2giga import __version__
from gpt2giga.commands.fact_words import LABELS, value_in_words
from gpt2giga.commands.learning import Outcome
from gpt2giga.config.account import AccountSettings
from gpt2giga.upstream.asking import Exchange
from gpt2giga.upstream.contract.facts import ANY_MODEL

# Ids of any kind, or keys: nothing that an account could be known by is shown to others.
OPAQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\w+/=-]{40,}", re.IGNORECASE)


def markdown(account: AccountSettings, outcomes: Iterable[Outcome], exchanges: list[Exchange]) -> str:
    text = "\n".join([*_head(account, exchanges), *_found(outcomes), *_asked(exchanges)]) + "\n"
    for secret in filter(None, (account.credentials, account.access_token, account.user, account.password)):
        text = text.replace(secret, "…")
    return text


def _head(account: AccountSettings, exchanges: list[Exchange]) -> Iterator[str]:
    releases = {exchange.model: exchange.model for exchange in exchanges}
    releases |= {exchange.model: exchange.release for exchange in exchanges if exchange.release}
    yield "# What GigaChat answered"
    yield ""
    yield f"- {datetime.now(timezone.utc).date()}, host {account.host}, scope {account.scope}"
    yield f"- gpt2giga {__version__}, gigachat {version('gigachat')}, Python {platform.python_version()}"
    yield f"- models: {', '.join(releases.values()) or 'none was asked'}"


def _found(outcomes: Iterable[Outcome]) -> Iterator[str]:
    yield from ("", "## Found", "", "| of | fact | value |", "|---|---|---|")
    for outcome in outcomes:
        about = "the account" if outcome.step.about == ANY_MODEL else outcome.step.about
        for name, value in outcome.values.items():
            yield f"| {about} | {name}: {LABELS[name]} | {value_in_words(value)} |"
        if not outcome.values:
            yield f"| {about} | {', '.join(outcome.step.topic.facts)} | {outcome.status}: {_cell(outcome.why)} |"


def _asked(exchanges: list[Exchange]) -> Iterator[str]:
    yield from ("", "## Asked")
    for model, of_model in groupby(exchanges, key=lambda exchange: exchange.model):
        yield from ("", f"### {model}")
        for exchange in of_model:
            yield ""
            yield f"**{exchange.what}** ({exchange.where}): {_cell(exchange.outcome)}"
            yield f"<br>{exchange.date}, x-request-id {exchange.request_id or 'none'}"
            if exchange.shapes:
                yield from ("", "```", *exchange.shapes, "```")


def _cell(words: str) -> str:
    """GigaChat's words must not end a row, start a tag or name the account."""
    return " ".join(OPAQUE.sub("…", words).split()).replace("|", "\\|").replace("<", "&lt;")
