"""`gpt2giga connect`: tells clients where the service is. OpenClaw's file is written, others get text to paste."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpt2giga.commands.snippets import BY_NAME, CLIENTS, snippet
from gpt2giga.commands.verbs import Failure, Given, service_url
from gpt2giga.config.settings import Settings

if TYPE_CHECKING:
    from gpt2giga.upstream.contract.models import Model

OPENCLAW = "openclaw"


@click.command()
@click.argument("client", type=click.Choice([OPENCLAW, *BY_NAME]), required=False)
@click.option("--url", help="Where the client finds the service (default: by the settings).")
@click.option("--api-key", help="The key that the service asks for (default: the first of GPT2GIGA_API_KEY).")
@click.option("--file", type=click.Path(path_type=Path), help="OpenClaw's file (default: the one it names itself).")
@click.option("--print", "only_print", is_flag=True, help="Print what OpenClaw must be told; write nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would change in OpenClaw's file; write nothing.")
@click.pass_obj
def connect(
    given: Given,
    client: str | None,
    url: str | None,
    api_key: str | None,
    file: Path | None,
    only_print: bool,
    dry_run: bool,
) -> None:
    """Connect CLIENT to the service; without a name: which clients are known."""
    if client is None:
        _list()
        return
    settings = given.unchecked()
    root = service_url(settings.server, url)
    key = api_key or (settings.server.api_key or ("",))[0]
    if client == OPENCLAW:
        _connect_openclaw(given, settings, root, key, file, only_print=only_print, dry_run=dry_run)
        return
    click.echo(snippet(client, root=root, key=key, **settings.default_models), nl=False)


def _list() -> None:
    known = [(OPENCLAW, "OpenClaw: writes its configuration"), *((client.name, client.about) for client in CLIENTS)]
    for name, about in known:
        click.echo(f"gpt2giga connect {name:12} {about}")


def _connect_openclaw(
    given: Given, settings: Settings, root: str, key: str, file: Path | None, *, only_print: bool, dry_run: bool
) -> None:
    from gpt2giga.commands import openclaw, openclaw_config

    connection = openclaw_config.connection(root, key, _live_models(given, root, key), **settings.default_models)
    if not connection.models:
        raise Failure("the list of models holds none to chat with")
    if only_print:
        click.echo(openclaw.shown(connection), nl=False)
    else:
        openclaw.write(file or openclaw.config_path(), connection, dry_run=dry_run)


def _live_models(given: Given, root: str, key: str) -> list[Model]:
    """As the service lists them; where it does not run yet, as GigaChat does."""
    from gpt2giga.commands.service_models import from_service

    found = from_service(root, key)
    if found is not None:
        return found
    if not given.unchecked().account.has_account:
        raise Failure(
            f"nothing answers on {root}, and no account is set to ask GigaChat itself: start the service first"
        )
    with closing(given.upstream()) as upstream:
        return upstream.catalog.models()
