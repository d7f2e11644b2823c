"""`gpt2giga init`: the file .env with the key in it, readable by its owner only."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from gpt2giga.commands.command_line import CommandLine, Failure, has_terminal
from gpt2giga.config.account import AccountSettings
from gpt2giga.config.parsers import authorization_key, SCOPES
from gpt2giga.config.settings import ServerSettings, SettingsError, TranslationSettings
from gpt2giga.config.sources import environment
from gpt2giga.config.variables import parse
from gpt2giga.errors import NotAuthenticated, ProxyError
from gpt2giga.language import _, chosen, reason

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

# Ключ для клиентов; без него сервис отвечает всем, кто может к нему подключиться
{api_key}

# Модель для запросов, в которых она не указана
# GIGACHAT_MODEL={model}

# Модель для эмбеддингов: EmbeddingsGigaR (2560 чисел) или Embeddings (1024)
# GPT2GIGA_EMBEDDINGS={embeddings}
"""
# What of the environment matters before there is a file.
WAY_TO_GIGACHAT = ("GIGACHAT_BASE_URL", "GIGACHAT_AUTH_URL", "GIGACHAT_CA_BUNDLE_FILE", "GIGACHAT_VERIFY_SSL_CERTS")
# Means the same to systemd, to containers and to a shell that reads the file.
PLAIN_WORD = re.compile(r"[\w.,:/@%+=~-]+", re.ASCII)


def _key(value: str) -> str:
    try:
        return authorization_key(value)
    except ValueError as error:
        raise click.UsageError(_("this is not {allowed}", allowed=error)) from None


def _scope(value: str) -> str:
    """Also in small letters, and without what all three begin with."""
    name = value.strip().upper()
    for scope in SCOPES:
        if name in (scope, scope.removeprefix("GIGACHAT_API_")):
            return scope
    raise click.UsageError(_("the scope is one of: {names}", names=", ".join(SCOPES)))


@click.command()
@click.option("--credentials", metavar="KEY", help="Authorization Key from Sber Studio; -: read it from stdin.")
@click.option("--scope", help="GIGACHAT_API_PERS, _B2B or _CORP (default: the one that the key is good for).")
@click.option("--api-key", default="", metavar="KEY", help="A key of your choice that clients must show.")
@click.option("--port", type=click.IntRange(1, 65535), default=ServerSettings.port, show_default=True)
@click.option("--no-check", is_flag=True, help="Do not try the key at GigaChat.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.pass_obj
def init(
    command_line: CommandLine,
    credentials: str | None,
    scope: str | None,
    api_key: str,
    port: int,
    no_check: bool,
    force: bool,
) -> None:
    """Write .env (or --env-file) with the key and the scope of your account; asks for what you leave out.

    The key is tried at GigaChat, which also tells its scope.
    """
    path = command_line.env_file or Path(".env")
    if path.exists() and not force:
        raise Failure(_("{path} exists already; --force replaces it", path=path))
    if api_key and not PLAIN_WORD.fullmatch(api_key):
        raise Failure(
            _("--api-key: letters, digits and .,:/@%+=~_- only, which mean the same to whatever reads the file")
        )
    scope = scope and _scope(scope)
    key = _read_key(credentials)
    found = "" if no_check else _try(command_line, key, scope or AccountSettings.scope)
    if scope and found and found != scope:
        click.echo(_("The key belongs to {found}, not to {scope}.", found=found, scope=scope))
    text = TEMPLATE.format(
        credentials=key,
        scope=found or _read_scope(scope),
        port=port,
        api_key=f"GPT2GIGA_API_KEY={api_key}" if api_key else "# GPT2GIGA_API_KEY=",
        model=AccountSettings.model,
        embeddings=TranslationSettings.embeddings,
    )
    _write(path, text)
    _say_what_is_next(path, command_line.env_file)


def _try(command_line: CommandLine, key: str, scope: str) -> str:
    """The scope that the key is good for; empty where GigaChat cannot be asked. Raises Failure for a refused key."""
    from gpt2giga.upstream.transport.diagnosis import scope_of_key

    logging.disable()  # what goes wrong is told in a sentence here

    variables = {name: value for name, value in environment().items() if name in WAY_TO_GIGACHAT}
    account = replace(parse({**variables, **command_line.overrides}).account, credentials=key, scope=scope)
    try:
        found = scope_of_key(account)
    except NotAuthenticated as error:
        raise Failure(_("{error} With --no-check it is written all the same.", error=error)) from None
    except (ProxyError, SettingsError) as error:
        click.echo(_("The key was not tried: {error}", error=error), err=True)
        return ""
    click.echo(_("GigaChat accepts the key ({scope}).", scope=found))
    return found


def _say_what_is_next(path: Path, env_file: Path | None) -> None:
    """In a terminal the service may also be started at once."""
    command = f"gpt2giga --env-file {env_file}" if env_file else "gpt2giga"
    click.echo(_("{path} is written. Next:", path=path))
    for line, about in (
        (command, _("starts the service")),
        (f"{command} doctor", _("checks everything, from the key to a stream")),
        (f"{command} connect", _("shows how to connect clients")),
    ):
        click.echo(f"  {line:{len(command) + 9}} {about}")
    if has_terminal() and click.confirm(_("Start the service now?")):
        sys.stdout.flush()
        options = ["--env-file", str(env_file)] if env_file else []
        os.execv(sys.executable, [sys.executable, "-m", "gpt2giga", "--lang", chosen(), *options])


def _read_key(option: str | None) -> str:
    if option:
        return _key(sys.stdin.read() if option == "-" else option)
    if not has_terminal():
        raise Failure(_("there is no terminal to ask on: use --credentials"))
    return str(click.prompt(_("Authorization Key from Sber Studio (not shown)"), hide_input=True, value_proc=_key))


def _read_scope(option: str | None) -> str:
    """With neither option nor terminal it is the one that most people have."""
    if option or not has_terminal():
        return _scope(option or AccountSettings.scope)
    question = _("Scope: PERS (people), B2B or CORP (companies)")
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
        raise Failure(_("{path} cannot be written: {why}", path=path, why=reason(error))) from None
