"""`gpt2giga connect`: tells clients where the service is. OpenClaw's file is written, others get text to paste."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from gpt2giga.commands import openclaw
from gpt2giga.commands.command_line import CommandLine, Failure, key_of_client, service_url
from gpt2giga.commands.openclaw_config import choose_models, Connection
from gpt2giga.commands.snippets import fill_snippet, SNIPPETS
from gpt2giga.language import _, chosen
from gpt2giga.upstream.contract.models import Model

OPENCLAW = "openclaw"


class Client(click.Choice[str]):
    """Shells complete it as any choice, but there are too many to name them all where one is mistyped."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.choices:
            return str(value)
        close = get_close_matches(value, self.choices, n=1)
        hint = _(" The closest one is {close}.", close=close[0]) if close else ""
        raise Failure(
            _("{name!r} is no client known here.{hint} List them all: gpt2giga connect", name=value, hint=hint)
        )


@click.command()
@click.argument("client", type=Client([OPENCLAW, *SNIPPETS]), metavar="[CLIENT]", required=False)
@click.option("--url", help="Where the client finds the service (default: by the settings).")
@click.option("--api-key", help="The key that the service asks for (default: the first of GPT2GIGA_API_KEY).")
@click.option("--file", type=click.Path(path_type=Path), help="OpenClaw's file (default: the one it names itself).")
@click.option("--print", "only_print", is_flag=True, help="Print the configuration for OpenClaw; write nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would change in OpenClaw's file; write nothing.")
@click.option("--voice", is_flag=True, help="OpenClaw: voice messages too, and with SaluteSpeech spoken answers.")
@click.pass_obj
def connect(
    command_line: CommandLine,
    client: str | None,
    url: str | None,
    api_key: str | None,
    file: Path | None,
    only_print: bool,
    dry_run: bool,
    voice: bool,
) -> None:
    """Connect CLIENT to the service; without a name, list the clients."""
    if client is None:
        _list()
        return
    settings = command_line.unchecked_settings()
    root = service_url(settings.server, url)
    key = key_of_client(settings, api_key)
    if client == OPENCLAW:
        models = _live_models(command_line, root, key)
        connection = choose_models(root, key, models, **settings.default_models)
        if voice:
            connection = replace(connection, hears=True, speaks=bool(settings.speech.credentials))
        _connect_openclaw(connection, file, only_print=only_print, dry_run=dry_run)
    else:
        click.echo(fill_snippet(client, root=root, key=key, **settings.default_models), nl=False)


def _list() -> None:
    abouts = {name: f"{snippet.title}: {snippet.about[chosen()]}" for name, snippet in SNIPPETS.items()}
    for name, about in {OPENCLAW: _("OpenClaw: writes its configuration"), **abouts}.items():
        click.echo(f"gpt2giga connect {name:14} {about}")


def _connect_openclaw(connection: Connection, file: Path | None, *, only_print: bool, dry_run: bool) -> None:
    if not connection.models:
        raise Failure(_("the list of models has no chat model"))
    if only_print:
        click.echo(openclaw.new_config(connection), nl=False)
    else:
        openclaw.write(file or openclaw.config_path(), connection, dry_run=dry_run)


def _live_models(command_line: CommandLine, root: str, key: str) -> list[Model]:
    """As the service lists them; where it does not run yet, as GigaChat does."""
    from gpt2giga.commands.service_client import list_models

    found = list_models(root, key)
    if found is not None:
        return found
    if not command_line.unchecked_settings().account.has_account:
        raise Failure(
            _(
                "nothing answers on {url}, and no account is set to ask GigaChat itself: start the service first",
                url=root,
            )
        )
    with closing(command_line.upstream()) as upstream:
        return upstream.catalog.models()
