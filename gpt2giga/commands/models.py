"""`gpt2giga models`: what GigaChat offers this account."""

from __future__ import annotations

from contextlib import closing

import click

from gpt2giga.commands.command_line import CommandLine


@click.command()
@click.pass_obj
def models(command_line: CommandLine) -> None:
    """The models of this account: id, kind, and what an alias stands for."""
    with closing(command_line.upstream()) as upstream:
        found = upstream.catalog.models()
    width = max((len(model.id) for model in found), default=0)
    for model in found:
        click.echo(f"{model.id:{width}}  {model.kind}{f'  = {model.alias_of}' if model.alias_of else ''}")
