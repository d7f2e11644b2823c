"""`gpt2giga connect openclaw`: the provider in OpenClaw's own file, with a copy of the file as it was."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from gpt2giga.commands.command_line import Failure
from gpt2giga.commands.openclaw_config import connect, Connection, WrongShape
from gpt2giga.language import _, N_, ngettext, reason

# Where OpenClaw has it unless told otherwise.
DEFAULT_PATH = "~/.openclaw/openclaw.json"
COMMAND_SECONDS = 60
HEARTBEAT_HINT = N_(
    "OpenClaw's gateway asks the model every 30 minutes by itself, at 10 to 20 thousand tokens a time; "
    'agents.defaults.heartbeat.every = "0m" stops that.'
)


def config_path() -> Path:
    """As OpenClaw itself says it, when its command is installed here."""
    paths = [DEFAULT_PATH]
    if openclaw := shutil.which("openclaw"):
        command = [openclaw, "config", "file"]
        with suppress(OSError, subprocess.TimeoutExpired):
            lines = subprocess.run(
                command, capture_output=True, text=True, timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL
            ).stdout.splitlines()
            paths += [line.strip() for line in lines if line.strip().endswith((".json", ".json5"))]
    return Path(paths[-1]).expanduser()


def write(path: Path, connection: Connection, *, dry_run: bool) -> None:
    """Raises Failure."""
    target = path.resolve()  # who keeps the file elsewhere and links to it wants the link to stay
    config, is_json = _read(target)
    try:
        connected = connect(config or {}, connection)
    except WrongShape as error:
        raise Failure(_("{path}: {mistake}, so it stays as it is", path=path, mistake=error)) from None
    if connected == config:
        click.echo(_("{path} is connected already.", path=path))
        return
    after = _dump(connected)
    if dry_run:
        click.echo("".join(_diff(path, _dump(config) if config else "", after)), nl=False)
        return
    copy = _replace(target, after, keep=config is not None)
    written = ngettext(
        "{path} is written: gigachat/{model} answers, {count} model is listed.",
        "{path} is written: gigachat/{model} answers, {count} models are listed.",
        len(connection.models),
        path=path,
        model=connection.default,
    )
    click.echo(written)
    if copy:
        lost = "" if is_json else _("; its comments are only there")
        click.echo(_("The file as it was: {copy}", copy=copy) + lost)
    click.echo(_(HEARTBEAT_HINT))


def new_config(connection: Connection) -> str:
    """What OpenClaw needs to know, for a file that holds nothing else."""
    return _dump(connect({}, connection))


def _read(path: Path) -> tuple[dict[str, Any] | None, bool]:
    """The content, None when there is no file yet; and whether it is JSON, without what only JSON5 allows: comments,
    names without quotes, commas at the end."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None, True
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise Failure(_("{path} cannot be read: {why}", path=path, why=why)) from None
    if not text.strip():
        return {}, True
    try:
        config, is_json = _parse(text)
    except (ValueError, RecursionError) as error:
        raise Failure(_("{path} is not JSON5, so it stays as it is: {error}", path=path, error=error)) from None
    if not isinstance(config, dict):
        raise Failure(_("{path} does not hold an object, so it stays as it is", path=path))
    return config, is_json


def _parse(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text), True
    except ValueError:
        import json5  # only now: it is slow to load

        return json5.loads(text), False


def _dump(config: dict[str, Any]) -> str:
    return json.dumps(config, ensure_ascii=False, indent=2) + "\n"


def _diff(path: Path, before: str, after: str) -> list[str]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return list(difflib.unified_diff(old, new, str(path), _("{path} (connected)", path=path)))


def _replace(path: Path, text: str, *, keep: bool) -> Path | None:
    """All of it or nothing; the file may hold keys, so nobody else can read it at any moment."""
    copy = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak") if keep else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if copy:
            shutil.copy2(path, copy)
            shutil.copymode(path, name)
        os.replace(name, path)
    except OSError as error:
        raise Failure(_("{path} cannot be written: {why}", path=path, why=reason(error))) from None
    return copy
