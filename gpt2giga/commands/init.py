"""`gpt2giga init`: the file .env with the key in it, readable by its owner only."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import click

from gpt2giga.commands.command_line import CommandLine, Failure
from gpt2giga.config.parsers import authorization_key
from gpt2giga.config.settings import AccountSettings, SCOPES, ServerSettings, TranslationSettings

# For people, as in Sber's own guides: the file is theirs to read and change.
TEMPLATE = """\
# === Обязательные ===

# Authorization Key из Sber Studio, одной строкой. Это пароль: никому не показывайте
GIGACHAT_CREDENTIALS={credentials}

# Тип аккаунта: GIGACHAT_API_PERS (физлица), GIGACHAT_API_B2B или GIGACHAT_API_CORP (компании)
GIGACHAT_SCOPE={scope}

# === Опциональные ===

# Порт и адрес (127.0.0.1: только с этой машины)
GPT2GIGA_PORT={port}
GPT2GIGA_HOST=127.0.0.1

# Ключ, который должны показывать клиенты; без него сервис открыт всем, кто до него дотянется
{api_key}

# Модель для запросов, которые её не называют
# GIGACHAT_MODEL={model}

# Модель для эмбеддингов: EmbeddingsGigaR (2560 чисел) или Embeddings (1024)
# GPT2GIGA_EMBEDDINGS={embeddings}
"""
# Means the same to systemd, to containers and to a shell that reads the file.
PLAIN_WORD = re.compile(r"[\w.,:/@%+=~-]+", re.ASCII)


def _key(value: str) -> str:
    try:
        return authorization_key(value)
    except ValueError as error:
        raise click.UsageError(f"this is not {error}") from None


def _scope(value: str) -> str:
    """Also in small letters, and without what all three begin with."""
    name = value.strip().upper()
    for scope in SCOPES:
        if name in (scope, scope.removeprefix("GIGACHAT_API_")):
            return scope
    raise click.UsageError(f"the scope is one of: {', '.join(SCOPES)}")


@click.command()
@click.option("--credentials", metavar="KEY", help="Authorization Key from Sber Studio; -: read it from stdin.")
@click.option("--scope", help="GIGACHAT_API_PERS, _B2B or _CORP.")
@click.option("--api-key", default="", metavar="KEY", help="A key of your choice that clients must show.")
@click.option("--port", type=click.IntRange(1, 65535), default=ServerSettings.port, show_default=True)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def init(
    command_line: CommandLine, credentials: str | None, scope: str | None, api_key: str, port: int, force: bool
) -> None:
    """Write .env (or --env-file) with the key and the scope of your account; asks for what you do not name."""
    path = command_line.env_file or Path(".env")
    if path.exists() and not force:
        raise Failure(f"{path} is there already; --force replaces it")
    if api_key and not PLAIN_WORD.fullmatch(api_key):
        raise Failure("--api-key: letters, digits and .,:/@%+=~_- only, which mean the same to all who read the file")
    text = TEMPLATE.format(
        credentials=_read_key(credentials),
        scope=_read_scope(scope),
        port=port,
        api_key=f"GPT2GIGA_API_KEY={api_key}" if api_key else "# GPT2GIGA_API_KEY=",
        model=AccountSettings.model,
        embeddings=TranslationSettings.embeddings,
    )
    _write(path, text)
    click.echo(f"{path} is written. Next: gpt2giga doctor --no-service checks it, gpt2giga starts the service.")


def _read_key(option: str | None) -> str:
    if option:
        return _key(sys.stdin.read() if option == "-" else option)
    if not sys.stdin.isatty():
        raise Failure("there is no terminal to ask on: use --credentials")
    return str(click.prompt("Authorization Key from Sber Studio (not shown)", hide_input=True, value_proc=_key))


def _read_scope(option: str | None) -> str:
    """With neither option nor terminal it is the one that most people have."""
    if option or not sys.stdin.isatty():
        return _scope(option or AccountSettings.scope)
    question = "Scope: PERS (people), B2B or CORP (companies)"
    return str(click.prompt(question, default=AccountSettings.scope, value_proc=_scope))


def _write(path: Path, text: str) -> None:
    """All of it or nothing, and nobody else can read it at any moment."""
    target = path.resolve()
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".env-")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, target)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
