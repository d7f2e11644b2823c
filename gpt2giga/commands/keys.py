"""`gpt2giga keys`: who may use the service, and how much of it. Running services see a change within seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click
import orjson

from gpt2giga.commands.command_line import CommandLine, Failure, Subverbs
from gpt2giga.commands.key_options import as_json_option, Grace, limits, Name, NONE
from gpt2giga.commands.key_words import told, write_key, write_table
from gpt2giga.config.settings import Settings
from gpt2giga.language import _
from gpt2giga.store import keys as store
from gpt2giga.store import spending
from gpt2giga.store.choice import database_of, existing_database, key_store_of
from gpt2giga.store.database import Unusable
from gpt2giga.store.key_store import KeyStore
from gpt2giga.store.keys import StoredKey
from gpt2giga.store.orm import Connection

T = TypeVar("T")


@click.group(cls=Subverbs, invoke_without_command=True)
@click.pass_context
def keys(context: click.Context) -> None:
    """Make keys for others, say what each may spend, and take them back.

    Running services see a change within seconds. A limit that is `none` is taken away.
    """
    if not context.invoked_subcommand:
        click.echo(context.get_help())


@keys.command()
@click.argument("name", type=Name())
@limits
@click.option("--adopt", is_flag=True, help="Take the key of this name from GPT2GIGA_API_KEY instead of a new one.")
@as_json_option
@click.pass_obj
def add(command_line: CommandLine, /, name: str, adopt: bool, as_json: bool, **given: Any) -> None:
    """Make a key with the name NAME, and print it: this once, for only its hash is kept."""
    settings = _settings(command_line)
    secret = _own_secret(settings, name) if adopt else store.new_secret()
    if not adopt and name in {key.name for key in settings.server.api_key}:
        raise Failure(_("GPT2GIGA_API_KEY has a key with the name {name} already (--adopt takes it over)", name=name))
    made = _do(settings, lambda book: book.add(lambda connection: store.add(connection, name, secret, _rights(given))))
    _hand_over(
        made,
        secret,
        as_json=as_json,
        words=_("The key of {name}, kept in {place}. It is shown only now.", name=name, place=_place(settings)),
    )
    if adopt:
        click.echo(_("Take it out of GPT2GIGA_API_KEY now: what is there has no limits."), err=True)


@keys.command("list")
@as_json_option
@click.pass_obj
def list_keys(command_line: CommandLine, as_json: bool) -> None:
    """List all keys, with their limits and what they have spent of them."""
    now = time.time()
    found, spent = _read(
        _settings(command_line), lambda connection: (store.keys(connection), spending.spent(connection, now))
    )
    rows = [told(key, spent, now) for key in found]
    if as_json:
        _echo_json(rows)
    elif rows:
        write_table(rows)
    else:
        click.echo(_("No key was made yet."))


@keys.command()
@click.argument("name", type=Name())
@as_json_option
@click.pass_obj
def show(command_line: CommandLine, name: str, as_json: bool) -> None:
    """Show what the key NAME may do and what it has spent."""
    now = time.time()

    def look(connection: Connection) -> tuple[StoredKey, Any]:
        key = store.find(connection, name)
        return key, spending.spent(connection, now, key.id)

    key, spent = _read(_settings(command_line), look)
    row = told(key, spent, now)
    _echo_json(row) if as_json else write_key(row)


@keys.command("set")
@click.argument("name", type=Name())
@limits
@click.pass_obj
def set_limits(command_line: CommandLine, /, name: str, **given: Any) -> None:
    """Change what the key NAME may do; what is not named stays as it is."""
    context = click.get_current_context()
    named = {right: value for right, value in given.items() if context.get_parameter_source(right).name != "DEFAULT"}  # type: ignore[union-attr]
    if not named:
        raise Failure(_("say what is to change, such as --tokens-per-day 100000"))
    rights = {**given, "models": given["models"] or (), "priority": _priority(given["priority"])}
    wanted = {right: rights[right] for right in named}
    _change(command_line, lambda connection: store.change(connection, name, wanted))
    click.echo(_("{name} is changed.", name=name))


@keys.command()
@click.argument("name", type=Name())
@click.option(
    "--grace", type=Grace(), default="24h", show_default=True, help="So long the former secret goes on working."
)
@as_json_option
@click.pass_obj
def rotate(command_line: CommandLine, name: str, grace: int, as_json: bool) -> None:
    """Give the key NAME a new secret, and print it this once. Limits, files and conversations stay."""
    secret = store.new_secret()
    made = _change(command_line, lambda connection: store.rotate(connection, name, secret, grace))
    _hand_over(made, secret, as_json=as_json, words=_("The new key of {name}. It is shown only now.", name=name))


@keys.command()
@click.argument("name", type=Name())
@click.pass_obj
def revoke(command_line: CommandLine, name: str) -> None:
    """Take the key NAME back for good. Nobody else comes in for that, not even after the last one."""
    _change(command_line, lambda connection: store.revoke(connection, name))
    click.echo(_("{name} is revoked.", name=name))


@keys.command()
@click.option("--yes", is_flag=True, help="Agree.")
@click.pass_obj
def clear(command_line: CommandLine, yes: bool) -> None:
    """Forget all keys: the service then asks for those of GPT2GIGA_API_KEY, and for none where that is empty."""
    if not yes:
        raise Failure(_("all keys would be forgotten, and without GPT2GIGA_API_KEY no key is asked for: add --yes"))
    gone = _do(_settings(command_line), KeyStore.clear, only_read=True)
    click.echo(_("keys forgotten: {count}", count=gone))


def _settings(command_line: CommandLine) -> Settings:
    settings = command_line.unchecked_settings()
    if settings.server.pass_token:
        raise Failure(_("with GPT2GIGA_PASS_TOKEN clients show accounts of their own, and no keys of this service"))
    return settings


def _place(settings: Settings) -> str:
    """For whoever has asked in the wrong one: with systemd the service's own is not that of a shell."""
    return "PostgreSQL" if settings.store.database_url else str(settings.store.state_dir)


def _change(command_line: CommandLine, work: Callable[[Connection], StoredKey]) -> StoredKey:
    return _read(_settings(command_line), work)


def _read(settings: Settings, work: Callable[[Connection], T]) -> T:
    """What deals with keys that there are. Where they are lost with their database, it says so."""

    def look(book: KeyStore) -> T:
        book.look(None)
        return book.database.do(work)

    return _do(settings, look, only_read=True)


def _do(settings: Settings, work: Callable[[KeyStore], T], *, only_read: bool = False) -> T:
    """only_read: no database is made for it."""
    database = (existing_database if only_read else database_of)(settings.store)
    book = key_store_of(settings.store, database)
    if book is None:
        raise Failure(_("no key was ever made in {folder} (GPT2GIGA_STATE_DIR)", folder=settings.store.state_dir))
    try:
        return work(book)
    except store.NoSuchKey as problem:
        raise Failure(_("there is no key with the name {name}", name=problem.name)) from None
    except store.NameTaken as problem:
        raise Failure(_("there is a key with the name {name} already", name=problem.name)) from None
    except store.IsRevoked as problem:
        raise Failure(_("{name} is revoked: add makes a new key of that name", name=problem.name)) from None
    except Unusable as unusable:
        raise Failure(_("the database cannot be used: {why}", why=str(unusable))) from None
    finally:
        book.database.close()


def _own_secret(settings: Settings, name: str) -> str:
    """Of GPT2GIGA_API_KEY."""
    own = settings.server.api_key
    found = [key.key for key in own if key.name == name or (len(own) == 1 and not key.name)]
    if not found:
        raise Failure(_("GPT2GIGA_API_KEY has no key with the name {name}", name=name))
    least = store.LEAST_OWN
    if len(found[0]) < least:
        raise Failure(
            _("the key of {name} is too short for a hash to hide it: less than {least} letters", name=name, least=least)
        )
    return found[0]


def _rights(given: dict[str, Any]) -> store.Rights:
    return store.Rights(**{**given, "models": given["models"] or (), "priority": _priority(given["priority"])})


def _priority(given: str | None) -> str:
    return "" if given in (None, NONE) else str(given)


def _hand_over(key: StoredKey, secret: str, *, as_json: bool, words: str) -> None:
    """On standard output nothing but the key, for scripts."""
    if as_json:
        _echo_json({**told(key, {}, time.time()), "key": secret})
        return
    click.echo(words, err=True)
    click.echo(secret)


def _echo_json(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
