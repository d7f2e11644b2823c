"""`gpt2giga models`: what GigaChat offers this account."""

from __future__ import annotations

from contextlib import closing

import click

from gpt2giga.commands.command_line import CommandLine
from gpt2giga.commands.package_words import package_states, table
from gpt2giga.language import _


@click.command()
@click.pass_obj
def models(command_line: CommandLine) -> None:
    """The models of this account: id, kind, and what an alias stands for; then the tokens left of each package."""
    with closing(command_line.accounts()) as accounts:
        found = accounts.chosen.catalog.models()
        width = max((len(model.id) for model in found), default=0)
        for model in found:
            click.echo(f"{model.id:{width}}  {model.kind}{f'  = {model.alias_of}' if model.alias_of else ''}")
        left = table(package_states(accounts.packages(), command_line.settings()))
    if left:
        click.echo()
        click.echo(_("Tokens left"))
        for line in left:
            click.echo(line)
