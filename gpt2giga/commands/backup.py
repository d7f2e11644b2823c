"""`gpt2giga backup`: the state folder as one archive, while the service goes on."""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

import click

from gpt2giga.commands.command_line import CommandLine, Failure, no_database
from gpt2giga.language import _


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(command_line: CommandLine, file: Path) -> None:
    """Save what the service keeps (responses, usage, keys, accounts, owners of files, facts) as FILE, a .tar.gz."""
    from gpt2giga.store.sqlite import FILE

    store = command_line.unchecked_settings().store
    if store.database_url:
        raise Failure(_("the database is PostgreSQL's: pg_dump saves it"))
    folder = Path(store.state_dir or "")
    if not (folder / FILE).exists():
        raise Failure(no_database(store))
    # Beside its place first: yesterday's backup is not lost when there is no room for today's.
    with tempfile.TemporaryDirectory(dir=file.absolute().parent) as scratch:
        copy, archive = Path(scratch, FILE), Path(scratch, "archive")
        copy.touch(0o600)  # the archive keeps the mode, and who unpacks it gets it
        _copy_database(folder / FILE, copy)
        with open(archive, "wb", opener=_private) as target, tarfile.open(fileobj=target, mode="w:gz") as members:
            members.add(copy, FILE)
            for kept in sorted(folder.iterdir()):
                if ".sqlite3" not in kept.name:  # side files of the database, and former and broken ones
                    members.add(kept, kept.name)
        archive.replace(file)
    click.echo(_("saved as {file}", file=file))


def _private(path: str, flags: int) -> int:
    """What is in it is nobody else's business."""
    return os.open(path, flags, 0o600)


def _copy_database(path: Path, copy: Path) -> None:
    """As it is at one moment, whoever writes to it meanwhile. Raises Failure."""
    try:
        source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise Failure(_("the database cannot be read: {why}", why=str(error))) from None
