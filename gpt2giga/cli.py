"""The command `gpt2giga`. Nothing heavy is imported until a verb needs it: gevent must patch first."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click

from gpt2giga.commands.command_line import CommandLine, Failure, Verbs, with_language, with_version
from gpt2giga.config.settings import Settings, SettingsError
from gpt2giga.config.sources import environment
from gpt2giga.config.variables import table
from gpt2giga.language import _, choose, chosen, ENGLISH, reason
from gpt2giga.serving import process_log
from gpt2giga.serving.address import banner, check_address
from gpt2giga.serving.current_settings import CurrentSettings
from gpt2giga_sandbox.character import CHARACTERS


class Gpt2giga(Verbs):
    """Its help ends with all settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(_("Settings, from the environment or .env")):
            for variable, default, doc in table():
                formatter.write_text(f"{variable} [{default}]" if default else variable)
                with formatter.indentation():
                    formatter.write_text(_(doc))


@click.group(cls=Gpt2giga, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", help="Address to listen on (GPT2GIGA_HOST).")
@click.option("--port", help="Port to listen on (GPT2GIGA_PORT).")
@click.option("--workers", help="Worker processes (GPT2GIGA_WORKERS).")
@click.option("--env-file", type=click.Path(path_type=Path), help="File with settings instead of .env.")
@click.option("--sandbox", is_flag=True, help="Answer from the built-in sandbox instead of GigaChat; needs no key.")
@with_language
@with_version
@click.pass_context
def main(
    context: click.Context,
    host: str | None,
    port: str | None,
    workers: str | None,
    env_file: Path | None,
    sandbox: bool,
) -> None:
    """GigaChat behind OpenAI's API. Without a command: serve, in the foreground."""
    options = {"GPT2GIGA_HOST": host, "GPT2GIGA_PORT": port, "GPT2GIGA_WORKERS": workers}
    overrides = {variable: value for variable, value in options.items() if value is not None}
    form = "plain" if context.invoked_subcommand not in (None, "serve") else process_log.wanted_form(env_file)
    if not context.invoked_subcommand:
        _begin_log(form)
    if sandbox:
        overrides["GPT2GIGA_SANDBOX"] = _start_sandbox(context, form)
    context.obj = CommandLine(env_file, overrides)
    if not context.invoked_subcommand:
        _serve(env_file, overrides)


@main.command()
@click.pass_obj
def serve(command_line: CommandLine) -> None:
    """Serve in the foreground, as without a command."""
    _begin_log(process_log.wanted_form(command_line.env_file))
    _serve(command_line.env_file, command_line.overrides)


def _begin_log(form: str) -> None:
    """Programs that read a log in JSON match what it says, from its first line on."""
    process_log.begin(form)
    if form == "json":
        choose(ENGLISH)


def _serve(env_file: Path | None, overrides: Mapping[str, str]) -> None:
    """Raises SettingsError."""
    current = CurrentSettings(env_file, overrides)  # before gunicorn's import, which reads WEB_CONCURRENCY
    check_address(current.settings.server)
    try:
        from gpt2giga.serving.server import raise_file_limit, Server
    except ImportError:  # gunicorn needs fork and fcntl, which Windows does not have
        _serve_with_gevent(current.settings)
        return
    raise_file_limit()
    server = Server(current)
    choose(ENGLISH)
    server.run()


def _serve_with_gevent(settings: Settings) -> None:
    """One process, and no reload."""
    if settings.server.host.startswith("unix:"):
        raise SettingsError(_("GPT2GIGA_HOST: a unix socket needs gunicorn, which does not run here"))
    from gevent import monkey

    monkey.patch_all()
    process_log.adopt_gevent()
    from gevent import signal_handler
    from gevent.pool import Pool
    from gevent.pywsgi import WSGIServer

    from gpt2giga.factory import create_app

    # Its own lines quote what it cannot read, which may be a header with a key.
    server = WSGIServer(
        (settings.server.host, settings.server.port), create_app(settings), log=None, error_log=None, spawn=Pool()
    )
    signal_handler(signal.SIGINT, server.stop, 0)
    signal_handler(signal.SIGTERM, server.stop, settings.server.graceful_timeout)
    server.start()
    click.echo(banner(settings))
    choose(ENGLISH)
    server.serve_forever()


def _start_sandbox(context: click.Context, log_format: str) -> str:
    """The sandbox in a process of its own; returns its address. It ends when this process does, however it ends:
    its standard input is a pipe that closes then."""
    command = [sys.executable, "-m", "gpt2giga", "--lang", chosen(), "sandbox", "--port", "0", "--demo", "--until-eof"]
    child = subprocess.Popen(
        command,
        env={**environment(), "GPT2GIGA_LOG_FORMAT": log_format},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    context.call_on_close(lambda: _release(child))
    assert child.stdout is not None
    address = re.search(r"http://[^\s\"]+", child.stdout.readline())
    if not address:
        raise Failure(_("the sandbox did not start"))
    return address[0]


def _release(child: subprocess.Popen[str]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):  # a worker of gunicorn, which is not its parent, does not wait at all
        child.wait(5)


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0: any free one.")
@click.option(
    "--character",
    type=click.Choice(sorted(CHARACTERS)),
    default="strict",
    show_default=True,
    help="strict: takes only what passes everywhere; tolerant: like GigaChat-3.",
)
@click.option("--demo", is_flag=True, help="Talk as a model would, at its pace, instead of quoting the request.")
@click.option("--until-eof", is_flag=True, hidden=True, help="Stop when standard input closes.")
@click.pass_obj
def sandbox(command_line: CommandLine, port: int, character: str, demo: bool, until_eof: bool) -> None:
    """A sandbox that plays GigaChat on this machine, for trying out and for tests."""
    _begin_log(process_log.wanted_form(command_line.env_file))
    from gpt2giga_sandbox.demo import demo_settings
    from gpt2giga_sandbox.server import SandboxServer

    try:  # werkzeug would tell it in two lines, with advice of its own
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Failure(_("cannot listen on 127.0.0.1:{port} (--port): {why}", port=port, why=reason(error))) from None
    played = CHARACTERS[character]
    server = SandboxServer(port, **(demo_settings(played) if demo else {"character": played}))
    click.echo(_("Sandbox (not GigaChat) listens on {url}", url=server.url))
    with suppress(KeyboardInterrupt):
        if until_eof:
            server.start()
            sys.stdin.read()
        else:
            server.serve_forever()


@main.command()
@click.option("--seconds", type=click.FloatRange(0), default=30, show_default=True, help="How long to wait for it.")
@click.pass_obj
def probe(command_line: CommandLine, seconds: float) -> None:
    """Ask whether the service that these settings describe answers; exit code 2 if not."""
    from gpt2giga.serving.probe import answers

    server = command_line.unchecked_settings().server
    if not answers(server, seconds):
        raise Failure(_("nothing answers on {address}", address=server.address))
