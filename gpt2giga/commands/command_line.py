"""What the verbs of the command share. Light: a verb's module is imported when that verb is asked for."""

from __future__ import annotations

import copy
import importlib
import locale
import logging
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Any, TYPE_CHECKING, TypeVar

import click

from gpt2giga import __version__
from gpt2giga.config.settings import ServerSettings, Settings, SettingsError
from gpt2giga.config.sources import environment, from_variables, read_variables, set_language
from gpt2giga.config.store import StoreSettings
from gpt2giga.errors import ProxyError
from gpt2giga.language import _, choose, language_of, LANGUAGES, reason
from gpt2giga.serving.address import on_loopback
from gpt2giga.serving.current_settings import load_settings

if TYPE_CHECKING:
    from gpt2giga.upstream.gigachat import GigaChat
    from gpt2giga.upstream.listener import Listener
    from gpt2giga.upstream.pool.own_accounts import OwnAccounts

# Each is a module beside this one, holding a click command of the same name.
VERBS = ("init", "accounts", "doctor", "connect", "models", "chat", "launch", "usage", "keys", "backup")


# What a shell gives for a program that Ctrl-C ended.
INTERRUPTED = 128 + signal.SIGINT
MOST_LETTERS = 1000
# A word that stands for a value, in a usage line or beside an option.
METAVAR = re.compile(r"[A-Z]{2,}( RANGE)?")
SomeCommand = TypeVar("SomeCommand", bound=click.Command)


with_version = click.version_option(__version__, prog_name="gpt2giga")
with_language = click.option(
    "--lang",
    type=click.Choice(LANGUAGES),
    expose_value=False,
    help="Language of this command (default: that of your locale).",
)


def choose_language(arguments: list[str]) -> None:
    """Before the arguments are parsed, since what is wrong with them is told in that language too."""
    pairs = pairwise([*arguments, ""])
    wanted = next((word[7:] or following for word, following in pairs if word[:7] in ("--lang", "--lang=")), "")
    environ = environment()
    language = wanted if wanted in LANGUAGES else language_of(environ, locale.setlocale(locale.LC_CTYPE))
    if language != language_of(environ):
        set_language(language)
    choose(language)


def translated(command: SomeCommand) -> SomeCommand:
    """A copy whose help is in the chosen language: decorators run before there is one."""
    found = copy.copy(command)
    found.help = command.help and _(cleandoc(command.help))
    found.options_metavar = _metavar(command.options_metavar or "")
    found.params = [_translated_parameter(parameter) for parameter in command.params]
    if isinstance(found, click.Group):
        found.subcommand_metavar = _metavar(found.subcommand_metavar or "")
    return found


def _translated_parameter(parameter: click.Parameter) -> click.Parameter:
    found = copy.copy(parameter)
    if isinstance(found, click.Option):
        found.help = found.help and _(found.help)
    if not (isinstance(found, click.Option) and found.is_flag):
        found.metavar = _metavar(parameter.make_metavar(click.Context(click.Command(None))))
    return found


def _metavar(words: str) -> str:
    return METAVAR.sub(lambda found: _(found[0]), words)


class Failure(click.ClickException):
    """One sentence on stderr and exit code 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        click.echo(f"gpt2giga: {' '.join(self.message.split())}", err=True)


class Subverbs(click.Group):
    """What a verb has verbs for in turn: `gpt2giga keys add`. All is told in the user's language."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        found = super().get_command(ctx, name)
        return translated(found) if found else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, with_language(command) if command else None, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_commands(self, ctx, formatter)


def _write_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """With whole sentences, where click would cut them off."""
    commands = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    rows = [(name, command.get_short_help_str(MOST_LETTERS)) for name, command in commands.items() if command]
    with formatter.section(_("Commands")):
        formatter.write_dl(rows)


class Verbs(click.Group):
    """Failures that we know end as one sentence, whatever verb meets them; and all is told in the user's language."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        choose_language(args)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise _in_one_line(error) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *VERBS])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in VERBS:
            command: click.Command = getattr(importlib.import_module(f"gpt2giga.commands.{name}"), name)
            return translated(command)
        own = super().get_command(ctx, name)
        return translated(own) if own else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click itself would suggest imported verbs only
            raise click.NoSuchCommand(error.command_name, possibilities=self.list_commands(ctx), ctx=ctx) from None
        return name, translated(with_version(with_language(command))) if command else None, rest

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        click.Group.format_help(translated(self), ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_commands(self, ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        _never_fail_over_a_letter()
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Failure(_in_words_of_options(str(error), ctx.params)) from None
        except ProxyError as error:
            raise Failure(str(error)) from None
        except click.UsageError as error:
            raise _in_one_line(error) from None
        except BrokenPipeError:  # who reads has seen enough, which click knows how to end
            raise
        except OSError as error:
            raise Failure(f"{error.filename}: {reason(error)}" if error.filename else reason(error)) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


def _in_one_line(error: click.UsageError) -> Failure:
    """click would tell it in four."""
    verb = error.ctx.command_path if error.ctx else "gpt2giga"
    return Failure(_("{mistake} (see {verb} --help)", mistake=error.format_message().rstrip("."), verb=verb))


def has_terminal() -> bool:
    """Somebody reads and can answer. A process may also have no standard input at all."""
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout and sys.stdout.isatty())


def _in_words_of_options(text: str, options: Mapping[str, Any]) -> str:
    """What was set on the command line is named as it was."""
    for option, value in options.items():
        if value is not None:
            variable = f"GPT2GIGA_{option.upper()}: "
            text = text.replace(variable, f"--{option} ({variable.removesuffix(': ')}): ")
    return text


def _never_fail_over_a_letter() -> None:
    """A terminal may be set to an encoding without the letters of an answer."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


@dataclass(frozen=True)
class CommandLine:
    """What the command line says before the verb."""

    env_file: Path | None
    overrides: Mapping[str, str]

    def settings(self) -> Settings:
        """Checked, with an account, though it may be one of the store. Raises SettingsError."""
        settings = load_settings(self.env_file, self.overrides)
        if settings.server.pass_token and not settings.account.has_account:
            raise SettingsError(
                _("with GPT2GIGA_PASS_TOKEN the accounts are the clients', and there is none to ask with")
            )
        return settings

    def unchecked_settings(self) -> Settings:
        """For what needs no account. Raises SettingsError."""
        return from_variables(self.variables())

    def variables(self) -> dict[str, str]:
        return {**read_variables(self.env_file)[0], **self.overrides}

    def upstream(self, listener: Listener | None = None) -> GigaChat:
        """All accounts of the service, as one. Raises SettingsError."""
        return self.accounts(listener).chosen

    def accounts(self, listener: Listener | None = None) -> OwnAccounts:
        """All of the service's. Raises SettingsError. What goes wrong is told once, by whoever asked, and not by
        the log as well."""
        from gpt2giga.store.accounts import stored_accounts
        from gpt2giga.upstream.fact_book import fact_book
        from gpt2giga.upstream.listener import Listener
        from gpt2giga.upstream.pool.own_accounts import OwnAccounts

        settings = self.settings()
        logging.disable()
        stored = () if settings.server.sandbox else stored_accounts(settings.store)
        accounts = OwnAccounts(settings, fact_book(settings), listener or Listener(), lambda: stored)
        accounts.refresh()
        return accounts


def service_url(server: ServerSettings, url: str | None) -> str:
    """Where clients find the service: without a slash or /v1 at its end. Raises SettingsError."""
    if url:
        return (url if "://" in url else f"http://{url}").rstrip("/").removesuffix("/v1")
    if server.host.startswith("unix:"):
        raise SettingsError(
            _("the service listens on {address}: name the web server before it with --url", address=server.address)
        )
    return f"http://{on_loopback(server).address}"


def key_of_client(settings: Settings, given: str | None) -> str:
    """What a client may show, empty where no key is asked for. Raises Failure: of the store's only hashes are known."""
    key = given or settings.server.first_key
    if not key and settings.store.keys_mark and settings.store.may_hold_keys:
        raise Failure(
            _("the service asks for a key of gpt2giga keys, which only its holder has: name it with --api-key")
        )
    return key


def no_database(store: StoreSettings) -> str:
    """What to say where a service has none, or has it elsewhere."""
    return _(
        "there is no database in {folder}: name the folder of the service with GPT2GIGA_STATE_DIR (with systemd "
        "/var/lib/gpt2giga)",
        folder=store.state_dir,
    )
