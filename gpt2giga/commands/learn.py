"""`gpt2giga doctor --learn`: asks GigaChat what the documentation leaves open, and keeps the answers as facts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from gpt2giga.commands.account_choice import all_accounts, good_account
from gpt2giga.commands.command_line import CommandLine, Failure
from gpt2giga.commands.fact_words import effects, LABELS, value_in_words
from gpt2giga.commands.learn_report import markdown
from gpt2giga.commands.learning import Learning, Outcome
from gpt2giga.commands.report import CLEAR_LINE
from gpt2giga.config.settings import Settings
from gpt2giga.language import _, ENGLISH, number, speaking
from gpt2giga.upstream.asking import Asker
from gpt2giga.upstream.contract.facts import ANY_MODEL, default_facts, Facts
from gpt2giga.upstream.contract.models import Catalog, Model
from gpt2giga.upstream.fact_book import FactBook, to_entry
from gpt2giga.upstream.learning.plan import cost, plan, Step

MARKS = {
    "learned": ("ok  ", "green"),
    "known": ("ok  ", "green"),
    "unclear": ("?   ", "yellow"),
    "skipped": ("-   ", "yellow"),
    "needless": ("-   ", None),
}
# What settings may keep off.
OVERRULING = {"v2": "GPT2GIGA_GIGACHAT_API_MODE", "schema_keywords": "GPT2GIGA_TOOL_SCHEMAS"}


@dataclass(frozen=True)
class LearnOptions:
    """models: as the user named them; empty: those that the settings name; `all`: the live list."""

    models: str = ""
    window: bool = False
    again: bool = False
    yes: bool = False
    as_json: bool = False
    report: Path | None = None


def learn(command_line: CommandLine, options: LearnOptions) -> bool:
    """Whether nothing is missing. Raises Failure, SettingsError and ProxyError."""
    settings = _with_good_account(command_line.settings())
    if options.report:
        _try_report(options.report)
    with closing(command_line.upstream()) as upstream:
        steps = steps_of(upstream.catalog, settings, options)
        book = upstream.book
    _confirm(steps, book, options)
    with closing(Asker(settings, book.of(ANY_MODEL))) as asker:
        learning = Learning(asker, book, _show_progress, _ignore if options.as_json else _outcome_printer())
        try:
            learning.run(steps, again=options.again)
        finally:  # also of what was asked before somebody had enough of it
            _clear_progress()
            if options.report:
                with speaking(ENGLISH):
                    report = markdown(settings.account, learning.outcomes, asker.exchanges)
                options.report.write_text(report, encoding="utf-8")
    if options.as_json:
        click.echo(json.dumps(_document(learning, book, settings), ensure_ascii=False, indent=2))
    else:
        _print_findings(learning, book, settings, options)
    return not learning.missing and learning.is_kept


def _with_good_account(settings: Settings) -> Settings:
    """What is learned holds for all accounts. Says which of several is asked with, where that is not the first."""
    accounts = all_accounts(settings)
    if not accounts:
        return settings
    if (name := good_account(accounts)) != (first := next(iter(accounts))):
        sentence = _("GigaChat rejects the key of the account {first}: {name} is asked with.", first=first, name=name)
        click.echo(sentence, err=True)
    return replace(settings, account=accounts[name])


def _try_report(report: Path) -> None:
    """Before anything is paid for. Raises Failure."""
    try:
        report.touch()
    except OSError as error:
        raise Failure(f"--report {report}: {error.strerror}") from None


def steps_of(catalog: Catalog, settings: Settings, options: LearnOptions) -> list[Step]:
    """Raises ProxyError for a model that GigaChat's list does not have, and Failure where none is named."""
    default, embedder = catalog.resolve(""), catalog.embedder("")
    if options.models == "all":
        named = [model for model in catalog.models() if not model.alias_of]
        models = [*_ids(named, "chat"), embedder]
    elif options.models:
        models = [catalog.model(name.strip()).gigachats_id for name in options.models.split(",") if name.strip()]
        if not models:
            raise Failure(_("--models: there is no name in {models!r}", models=options.models))
    else:
        models = [default, embedder]
    found = [Model(model, "") for model in dict.fromkeys(models)]
    chats, embedders = _ids(found, "chat"), _ids(found, "embedder")
    return plan(
        chats,
        embedders,
        account_model=default if default in chats else next(iter(chats), ""),
        assumed_slots=settings.limits.slots(settings.account.scope),
        window=options.window,
    )


def _ids(models: Sequence[Model], kind: str) -> list[str]:
    return [model.id for model in models if model.kind == kind]


def _confirm(steps: Sequence[Step], book: FactBook, options: LearnOptions) -> None:
    """Says what it costs. Raises Failure, and Abort for a no."""
    left = Learning.left(steps, book, again=options.again)
    requests, tokens = cost(left)
    if not left:
        click.echo(_("All of it was measured within thirty days; --again asks anew."), err=True)
        return
    models = ", ".join(dict.fromkeys(step.model for step in left))
    click.echo(
        _(
            "GigaChat is asked up to {requests} questions with this account, for {tokens} tokens at "
            "most ({models}).\n"
            "Let the service be idle meanwhile: the questions take its turn, and its "
            "own requests spoil some answers.",
            requests=requests,
            tokens=number(tokens),
            models=models,
        ),
        err=True,
    )
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise Failure(_("nobody is there to agree to the cost: say --yes"))
    click.confirm(_("Ask?"), default=True, abort=True, err=True)


def _ignore(outcome: Outcome) -> None:
    pass


def _show_progress(step: Step) -> None:
    if sys.stderr.isatty():
        click.echo(f"{CLEAR_LINE}     {_who(step)}  {_(step.topic.title)} ...", nl=False, err=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        click.echo(CLEAR_LINE, nl=False, err=True)


def _outcome_printer() -> Callable[[Outcome], None]:
    """What ends all questions is told once."""
    told: set[str] = set()

    def tell(outcome: Outcome) -> None:
        _clear_progress()
        mark, colour = MARKS[outcome.status]
        why = _("not asked") if outcome.status == "skipped" and outcome.why in told else outcome.why
        told.add(outcome.why)
        found = ", ".join(f"{value_in_words(value)}" for value in outcome.values.values())
        earlier = " " + _("(measured before)") if outcome.status == "known" else ""
        words = " ".join(f"{_(outcome.step.topic.title)}: {found or why}{earlier}".split())
        click.echo(f"{click.style(mark, fg=colour)} {_who(outcome.step)}  {words}")

    return tell


def _who(step: Step) -> str:
    return _("account") if step.about == ANY_MODEL else step.about


def _print_findings(learning: Learning, book: FactBook, settings: Settings, options: LearnOptions) -> None:
    width = max(len(_(label)) for label in LABELS.values())
    for about in learning.before:
        if rows := _rows(about, book, settings):
            click.echo(f"\n{_title(about)}")
            for label, value, default in rows:
                differs = "" if value == default else "  " + _("(default: {value})", value=default)
                click.echo(f"  {label:{width}}  {value}{differs}")
    if not learning.is_kept:
        click.echo("\n" + _("Not all of it could be kept for the service: see GPT2GIGA_STATE_DIR."), err=True)
    elif changes := [*_changes(learning, book, settings)]:
        click.echo("\n" + _("From now on:"))
        for about, change in changes:
            click.echo(f"  {_title(about)}: {change}")
    elif any(outcome.values for outcome in learning.outcomes):
        click.echo("\n" + _("Nothing changes: the service has known all this, or guessed right."))
    else:
        click.echo("\n" + _("Nothing changes, for nothing was learned."))
    for about, setting in _overruled(learning, book):
        click.echo("  " + _("{title} can do more than {setting} allows.", title=_title(about), setting=setting))
    if learning.missing:
        left: dict[str, list[str]] = {}
        for outcome in learning.missing:
            left.setdefault(_title(outcome.step.about), []).append(_(outcome.step.topic.title))
        words = "; ".join(f"{about} ({', '.join(titles)})" for about, titles in left.items())
        click.echo("\n" + _("Still unknown: {words}. The next run asks these again, and only these.", words=words))
    if options.report:
        sentence = _("{report} holds what was asked and answered, without anything of yours.", report=options.report)
        click.echo(f"\n{sentence}")


def _rows(about: str, book: FactBook, settings: Settings) -> list[tuple[str, str, str]]:
    """Label, value and default of what was measured of a model."""
    default = default_facts(about)
    return [
        (_(LABELS[name]), value_in_words(fact.value), value_in_words(_default(default, name, settings), name))
        for name, fact in book.known(about).items()
        if fact.source == "measured" and (name != "slots" or about == ANY_MODEL)
    ]


def _default(default: Facts, name: str, settings: Settings) -> Any:
    return settings.limits.slots(settings.account.scope) if name == "slots" else getattr(default, name)


def _changes(learning: Learning, book: FactBook, settings: Settings) -> Iterator[tuple[str, str]]:
    if not learning.is_kept:
        return
    slots = settings.limits.slots
    for about, before in learning.before.items():
        after = book.of(about)
        if about != ANY_MODEL:
            yield from ((about, change) for change in effects(before, after))
            continue
        was, now = (slots(settings.account.scope, facts.slots) for facts in (before, after))
        if was != now:
            yield about, _("{now} requests at a time instead of {was}, once the service is restarted", now=now, was=was)


def _overruled(learning: Learning, book: FactBook) -> Iterator[tuple[str, str]]:
    for about in learning.before:
        known, facts = book.known(about), book.of(about)
        for name, setting in OVERRULING.items():
            if name in known and known[name].value and getattr(facts, name) != known[name].value:
                yield about, setting


def _title(about: str) -> str:
    return _("The account") if about == ANY_MODEL else about


def _document(learning: Learning, book: FactBook, settings: Settings) -> dict[str, Any]:
    return {
        "ok": not learning.missing and learning.is_kept,
        "facts": {
            about: {name: to_entry(fact) for name, fact in book.known(about).items()} for about in learning.before
        },
        "changes": [{"about": about, "change": change} for about, change in _changes(learning, book, settings)],
        "questions": [
            {"about": outcome.step.about, "name": outcome.step.topic.name, "status": outcome.status, "why": outcome.why}
            for outcome in learning.outcomes
        ],
    }
