"""What `gpt2giga doctor` asks of GigaChat itself, without the service: from the settings to an embedding."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, ExitStack
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from urllib.parse import SplitResult

from gpt2giga.chat import ChatRequest, Event, Message, Text, TextDelta, Tool, ToolCall, ToolChoice
from gpt2giga.commands.account_choice import all_accounts
from gpt2giga.commands.command_line import CommandLine
from gpt2giga.commands.package_words import package_states, summary
from gpt2giga.commands.report import ACCOUNTS_OF_CLIENTS, CheckFailed, Doubtful, not_tried_since, Report
from gpt2giga.commands.stream_timing import StreamTiming
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import comma_list
from gpt2giga.config.settings import KEY_IS_MISSING, Settings, SettingsError
from gpt2giga.config.sources import misnamed, read_settings
from gpt2giga.errors import NotFound, ProxyError
from gpt2giga.language import _, ngettext
from gpt2giga.serving.current_settings import has_stored_accounts
from gpt2giga.telemetry import log_format
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga.upstream.transport import diagnosis

GREETING = "Привет! Ответь одним словом."
# Long enough to see whether it flows, and always about as long.
COUNTING = "Посчитай словами от одного до тридцати."
COUNTING_TOKENS = 200
WEATHER = Tool(
    "get_weather",
    "Погода в городе",
    {"type": "object", "properties": {"city": {"type": "string", "description": "Город"}}, "required": ["city"]},
)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
KEY = "GIGACHAT_CREDENTIALS"
# Nobody waits ten minutes for a diagnosis.
MOST_SECONDS = 60.0
WORST_CLOCK_SECONDS = 60
# What all that comes after needs.
CONDITIONS = ("settings", "key", "dns", "tls", "oauth")


class GigaChatChecks:
    """In order, each on what the ones before it found; each gives its line or raises."""

    settings: Settings  # the check of the key reads them

    def __init__(self, command_line: CommandLine) -> None:
        self._command_line = command_line
        self.timing: StreamTiming | None = None
        self._first, self._others, self._are_several = "1", dict[str, AccountSettings](), False

    def run(self, report: Report) -> None:
        checks: dict[str, Callable[[], str]] = {
            "settings": self._check_settings,
            "key": self._check_key,
            "dns": lambda: diagnosis.names(self._hosts()),
            "tls": lambda: diagnosis.certificates(self.settings.account, self._hosts()),
            "clock": self._check_clock,
            "oauth": self._check_oauth,
            "models": self._check_models,
            "packages": self._check_packages,
            "chat": self._check_chat,
            "stream": self._check_stream,
            "tool call": self._check_tool_call,
            "embedding": self._check_embedding,
            "facts": self._check_facts,
        }
        obstacle = ""
        for name, check in checks.items():
            if obstacle:
                report.skip(name, obstacle)
            elif not report.run(name, check) and name in CONDITIONS:
                obstacle = "" if name == "oauth" and self._take_another(report) else not_tried_since(name)
            elif name == "key" and self.settings.server.pass_token and not self.settings.account.has_account:
                obstacle = _(ACCOUNTS_OF_CLIENTS)
            if name == "embedding" and not obstacle:
                for other, account in self._others.items():
                    report.run("account", partial(self._check_account, other, account))

    def _check_oauth(self) -> str:
        """Says whose key it is where there are several."""
        if not self._are_several:
            return diagnosis.token(self.settings.account)
        try:
            return f"{self._first}: {diagnosis.token(self.settings.account)}"
        except ProxyError as error:
            raise CheckFailed(f"{self._first}: {error}") from None

    def _take_another(self, report: Report) -> bool:
        """What follows is about the next account whose key is good, if any is."""
        while self._others:
            self._first = next(iter(self._others))
            self.settings = replace(self.settings, account=self._others.pop(self._first))
            if report.run(
                "oauth",
                lambda: _("{found}; what follows is about {first}", found=self._check_oauth(), first=self._first),
            ):
                return True
        return False

    def _check_account(self, name: str, account: AccountSettings) -> str:
        """Its key, and whether it has tokens for the usual model."""
        try:
            with closing(self._upstream_of(account)) as upstream:
                upstream.complete(_question(GREETING, max_tokens=16))
        except (ProxyError, SettingsError) as error:
            raise CheckFailed(f"{name}: {error}") from None
        model = self.settings.account.model
        return _("{name} ({scope}): {model} answers", name=name, scope=account.scope, model=model)

    def close(self) -> None:
        if "upstream" in vars(self):
            self.upstream.close()

    @cached_property
    def upstream(self) -> Upstream:
        return self._upstream_of(self.settings.account)

    def _upstream_of(self, account: AccountSettings) -> Upstream:
        settings = self.settings
        account = replace(account, timeout=min(account.timeout, MOST_SECONDS))
        return Upstream(account, settings.limits, settings.translation, settings.server, fact_book(settings))

    def _hosts(self) -> list[SplitResult]:
        return diagnosis.hosts_of(self.settings.account, pass_token=self.settings.server.pass_token)

    def _check_settings(self) -> str:
        """All but the key, which has a line of its own."""
        stand_in = {KEY: base64.b64encode(b"a:key").decode()}
        variables, settings, doubts = read_settings(
            self._command_line.env_file, {**self._command_line.overrides, **stand_in}
        )
        if settings.server.trusted_proxies and settings.server.lacks_key:
            raise CheckFailed(_(KEY_IS_MISSING))
        file = self._command_line.env_file or Path(".env")
        where = (
            _("from {file} and the environment") if file.exists() else _("from the environment only, no {file} here")
        )
        doubts += misnamed(file)
        answers = _("answers come from {backend}", backend=_(settings.backend))
        found = "; ".join([where.format(file=file), answers, *doubts])
        return Doubtful(found) if doubts else found

    def _check_key(self) -> str:
        raw = self._command_line.variables().get(KEY, "").strip()
        if any(map(UUID.fullmatch, comma_list(raw))):
            raise CheckFailed(
                _(
                    "{variable} is a client id, not the Authorization Key: Sber Studio shows both, copy the longer "
                    "one.",
                    variable=KEY,
                )
            )
        _variables, self.settings, _doubts = read_settings(
            self._command_line.env_file, self._command_line.overrides, has_stored_accounts
        )
        if self.settings.server.sandbox:
            return _("none needed for the sandbox")
        self._find_others()
        if not self.settings.account.has_account:
            return _("none of the service's own: each client brings its account (GPT2GIGA_PASS_TOKEN)")
        if self._others:
            count = len(self._others) + 1
            return ngettext(
                "{count} account; what follows is about {first}",
                "{count} accounts; what follows is about {first}",
                count,
                first=self._first,
            )
        if key := self.settings.account.credentials:
            return ngettext("looks right, {count} character", "looks right, {count} characters", len(key))
        return _("none, but another kind of account (token, password or certificate)")

    def _find_others(self) -> None:
        """All accounts of the service but the first, which has checks of its own."""
        found = all_accounts(self.settings)
        if found:
            self._first = next(iter(found))
            self.settings = replace(self.settings, account=found.pop(self._first))
        self._others, self._are_several = found, bool(found)

    def _check_clock(self) -> str:
        """One that is wrong spoils certificates and tokens."""
        lead = diagnosis.clock_lead(self.settings.account)
        if lead is None:
            return _("not compared: GigaChat does not tell its time")
        if abs(lead) < WORST_CLOCK_SECONDS:
            return _("agrees with GigaChat's")
        lag = _("{seconds:.0f} s behind GigaChat's") if lead < 0 else _("{seconds:.0f} s ahead of GigaChat's")
        cure = _("set it by the network, for example timedatectl set-ntp true")
        return Doubtful(f"{lag.format(seconds=abs(lead))}: {cure}")

    def _check_models(self) -> str:
        """Also those that the settings name must be there."""
        catalog = self.upstream.catalog
        named = {"GIGACHAT_MODEL": catalog.resolve(""), "GPT2GIGA_EMBEDDINGS": self.settings.translation.embeddings}
        for variable, wanted in named.items():
            try:
                catalog.model(wanted)
            except NotFound as error:
                raise CheckFailed(f"{variable}: {error}") from None
        return _(
            "{count}, with {model} and {embeddings}",
            count=len(catalog.models()),
            model=self.settings.account.model,
            embeddings=self.settings.translation.embeddings,
        )

    def _check_packages(self) -> str:
        """Chats and embeddings may be answered whatever is told here."""
        with ExitStack() as stack:
            found = [(self._first, self.upstream.packages)]
            for name, account in self._others.items():
                found.append((name, stack.enter_context(closing(self._upstream_of(account))).packages))
            states = package_states(found, self.settings)
        is_short = any(state.is_low for account in states for state in account.packages or ())
        is_known = not any(account.failure for account in states)
        return summary(states) if is_known and not is_short else Doubtful(summary(states))

    def _check_chat(self) -> str:
        text = "".join(_texts(self.upstream.complete(_question(GREETING, max_tokens=16))))
        if not text.strip():
            raise CheckFailed(
                _(
                    "{model} gave an empty answer: try once more, or set GIGACHAT_MODEL to another model.",
                    model=self.settings.account.model,
                )
            )
        words = log_format.printable(text[:60].strip())
        return _("{model} says: {words}", model=self.settings.account.model, words=words)

    def _check_stream(self) -> str:
        """The clock runs from the question; waiting for the account's turn counts."""
        timing = StreamTiming()
        question = _question(COUNTING, max_tokens=COUNTING_TOKENS)
        for _text in _texts(chain.from_iterable(self.upstream.answer(question, stream=True))):
            timing.note()
        if not timing.moments:
            raise CheckFailed(_("a stream without a word: ask once more."))
        self.timing = timing
        return str(timing)

    def _check_tool_call(self) -> str:
        choice = ToolChoice("named", WEATHER.name)
        question = replace(_question("Какая погода в Москве?"), tools=(WEATHER,), tool_choice=choice)
        for event in self.upstream.complete(question):
            if isinstance(event, ToolCall):
                return f"{event.name}({json.dumps(event.arguments, ensure_ascii=False)})"
        raise CheckFailed(
            _(
                "{model} answered in words instead of calling: set GIGACHAT_MODEL to a newer model.",
                model=self.settings.account.model,
            )
        )

    def _check_embedding(self) -> str:
        [embedding] = self.upstream.embed(["ping"], self.settings.translation.embeddings)
        count = len(embedding.vector)
        return ngettext(
            "{model} gives {count} number",
            "{model} gives {count} numbers",
            count,
            model=self.settings.translation.embeddings,
        )

    def _check_facts(self) -> str:
        dates = [fact.when for _model, _name, fact in self.upstream.book.all() if fact.source == "measured"]
        if not dates:
            return _("nothing measured yet: gpt2giga doctor --learn asks GigaChat what its models can do")
        return _(
            "{count} measured, the last on {date}", count=len(dates), date=datetime.fromtimestamp(max(dates)).date()
        )


def _texts(events: Iterable[Event]) -> Iterator[str]:
    return (event.text for event in events if isinstance(event, TextDelta))


def _question(text: str, max_tokens: int | None = None) -> ChatRequest:
    return ChatRequest("", (Message("user", (Text(text),)),), max_tokens=max_tokens)
