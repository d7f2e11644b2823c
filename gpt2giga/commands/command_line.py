"""What the verbs of the command share. Light: a verb's module is imported when that verb is asked for."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TYPE_CHECKING

import click

from gpt2giga import __version__
from gpt2giga.config.settings import ServerSettings, Settings, SettingsError
from gpt2giga.config.sources import read_variables
from gpt2giga.config.variables import parse
from gpt2giga.errors import ProxyError
from gpt2giga.serving.address import on_loopback
from gpt2giga.serving.current_settings import load_settings

if TYPE_CHECKING:
    from gpt2giga.upstream.client import Upstream

# Each is a module beside this one, holding a click command of the same name.
VERBS = ("init", "doctor", "connect", "models", "chat", "launch")


# What a shell gives for a program that Ctrl-C ended.
INTERRUPTED = 128 + signal.SIGINT
MOST_LETTERS = 1000
with_version = click.version_option(__version__, prog_name="gpt2giga")


class Failure(click.ClickException):
    """One sentence on stderr and exit code 2."""

    exit_code = 2

    def show(self, file: object = None) -> None:
        click.echo(f"gpt2giga: {' '.join(self.message.split())}", err=True)


class Verbs(click.Group):
    """Failures that we know end as one sentence, whatever verb meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *VERBS])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return super().get_command(ctx, name)
        command: click.Command = getattr(importlib.import_module(f"gpt2giga.commands.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if command and all(parameter.name != "version" for parameter in command.params):
            with_version(command)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """With whole sentences, where click would cut them off."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, command.get_short_help_str(MOST_LETTERS)) for name, command in commands.items() if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        _never_fail_over_a_letter()
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise Failure(_in_words_of_options(str(error), ctx.params)) from None
        except ProxyError as error:
            raise Failure(str(error)) from None
        except click.UsageError as error:  # click would tell it in four lines
            verb = error.ctx.command_path if error.ctx else "gpt2giga"
            raise Failure(f"{error.format_message().rstrip('.')} (see {verb} --help)") from None
        except BrokenPipeError:  # who reads has seen enough, which click knows how to end
            raise
        except OSError as error:
            raise Failure(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None


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
        """Checked, with an account. Raises SettingsError."""
        settings = load_settings(self.env_file, self.overrides)
        if not settings.account.has_account:
            raise SettingsError("with GPT2GIGA_PASS_TOKEN the accounts are the clients', and there is none to ask with")
        return settings

    def unchecked_settings(self) -> Settings:
        """For what needs no account. Raises SettingsError."""
        return parse(self.variables())

    def variables(self) -> dict[str, str]:
        return {**read_variables(self.env_file)[0], **self.overrides}

    def upstream(self) -> Upstream:
        """Raises SettingsError. What goes wrong is told once, by whoever asked, and not by the log as well."""
        from gpt2giga.upstream.client import Upstream
        from gpt2giga.upstream.fact_book import fact_book

        settings = self.settings()
        logging.disable()
        return Upstream(settings.account, settings.limits, settings.translation, settings.server, fact_book(settings))


def service_url(server: ServerSettings, url: str | None) -> str:
    """Where clients find the service: without a slash or /v1 at its end. Raises SettingsError."""
    if url:
        return (url if "://" in url else f"http://{url}").rstrip("/").removesuffix("/v1")
    if server.host.startswith("unix:"):
        raise SettingsError(f"the service listens on {server.address}: name the web server before it with --url")
    return f"http://{on_loopback(server).address}"
