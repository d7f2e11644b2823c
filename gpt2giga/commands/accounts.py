"""`gpt2giga accounts`: GigaChat accounts beside those of GIGACHAT_CREDENTIALS; a running service takes them at once."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gpt2giga.commands.command_line import CommandLine, Failure, has_terminal, no_database, Subverbs
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import AccountKey, scoped_key, SCOPES
from gpt2giga.config.settings import Settings, SettingsError
from gpt2giga.errors import NotAuthenticated, ProxyError
from gpt2giga.language import _

if TYPE_CHECKING:
    from gpt2giga.store.database import Database

# Numbers are the names of those in GIGACHAT_CREDENTIALS.
NAME = re.compile(r"(?!\d+$)[A-Za-z0-9_.-]{1,64}")


@click.group(cls=Subverbs)
def accounts() -> None:
    """GigaChat accounts that share the work, beside those of GIGACHAT_CREDENTIALS."""


@accounts.command()
@click.argument("name")
@click.option("--scope", help="GIGACHAT_API_PERS, _B2B or _CORP (default: the one that the key is good for).")
@click.option("--no-check", is_flag=True, help="Do not try the key at GigaChat.")
@click.pass_obj
def add(command_line: CommandLine, name: str, scope: str | None, no_check: bool) -> None:
    """Add the account NAME. Its key is asked for, or read from standard input.

    The key is stored as it is, readable for whoever may read the database. A running service uses it within seconds.
    """
    from gpt2giga.store.accounts import add_account, read_accounts

    settings = command_line.unchecked_settings()
    if not NAME.fullmatch(name):
        raise Failure(_("a name has letters, digits and .-_ and is no number: {name}", name=repr(name)))
    if scope and scope not in SCOPES:
        raise Failure(_("the scope is one of: {names}", names=", ".join(SCOPES)))
    key, own_scope = _read_key()
    if key in {account.credentials for account in settings.accounts.values()}:
        raise Failure(_("GIGACHAT_CREDENTIALS has this key already"))
    account = settings.account.of_key(AccountKey(name, key, scope or own_scope))
    found = account.scope if no_check else _try(account)
    with _database(settings, creates=True) as database:
        if database is not None and (owner := _owner(read_accounts(database), key)):
            raise Failure(_("the account {name} has this key already", name=owner))
        if database is None or not add_account(database, AccountKey(name, key, found)):
            raise Failure(_("there is an account {name} already: remove it first", name=name))
    click.echo(_("The account {name} is added ({scope}).", name=name, scope=found))


@accounts.command("list")
@click.pass_obj
def list_(command_line: CommandLine) -> None:
    """Name, scope and origin of each account; keys are never shown."""
    from gpt2giga.store.accounts import read_accounts

    settings = command_line.unchecked_settings()
    found = [(name, account.scope, _("from the settings")) for name, account in settings.accounts.items()]
    with _database(settings) as database:
        if database is not None:
            found += [(key.name, key.scope, _("added")) for key in read_accounts(database)]
    widths = [max((len(row[column]) for row in found), default=0) for column in range(2)]
    for name, scope, origin in found:
        click.echo(f"{name:{widths[0]}}  {scope:{widths[1]}}  {origin}")


@accounts.command()
@click.argument("name")
@click.pass_obj
def remove(command_line: CommandLine, name: str) -> None:
    """Remove the account NAME. What it has in work is finished."""
    from gpt2giga.store.accounts import remove_account

    settings = command_line.unchecked_settings()
    if name in settings.accounts:
        raise Failure(_("the account {name} stands in the settings (GIGACHAT_CREDENTIALS)", name=name))
    with _database(settings) as database:
        if database is None or not remove_account(database, name):
            raise Failure(_("there is no account {name}", name=name))
    click.echo(_("The account {name} is removed.", name=name))


def _owner(found: Iterable[AccountKey], key: str) -> str:
    return next((account.name for account in found if account.key == key), "")


def _read_key() -> tuple[str, str]:
    """With its scope. Never an argument, which everybody on the machine could see."""
    if has_terminal():
        text = str(click.prompt(_("Authorization Key from Sber Studio (not shown)"), hide_input=True))
    else:
        text = sys.stdin.read() if sys.stdin else ""
    try:
        return scoped_key(text.strip())
    except ValueError as error:
        raise Failure(_("this is not {allowed}", allowed=error)) from None


def _try(account: AccountSettings) -> str:
    """The scope that the key is good for. Raises Failure for a refused key."""
    from gpt2giga.upstream.transport.diagnosis import scope_of_key

    logging.disable()  # what goes wrong is told in a sentence here
    try:
        return scope_of_key(account)
    except NotAuthenticated as error:
        raise Failure(_("{error} With --no-check it is added all the same.", error=error)) from None
    except (ProxyError, SettingsError) as error:
        click.echo(_("The key was not tried: {error}", error=error), err=True)
        return account.scope


@contextmanager
def _database(settings: Settings, *, creates: bool = False) -> Iterator[Database | None]:
    """Raises Failure."""
    from gpt2giga.store.choice import database_of, existing_database
    from gpt2giga.store.database import Unusable

    database = database_of(settings.store) if creates else existing_database(settings.store)
    if database is None and creates:
        raise Failure(no_database(settings.store))
    try:
        yield database
    except Unusable as unusable:
        raise Failure(_("the database cannot be used: {why}", why=str(unusable))) from None
    finally:
        if database is not None:
            database.close()
