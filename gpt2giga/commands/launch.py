"""`gpt2giga launch`: a program connected to the service for one run, its own configuration untouched."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, ExitStack
from pathlib import Path
from types import FrameType

import click

from gpt2giga.commands.command_line import CommandLine, Failure, key_of_client, service_url
from gpt2giga.commands.launch_programs import Program, PROGRAMS, Target
from gpt2giga.config.sources import environment
from gpt2giga.language import _, reason

# Of POSIX; Windows has the second only.
PASSED_ON = [getattr(signal, name) for name in ("SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2") if hasattr(signal, name)]


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("program", type=click.Choice([*PROGRAMS]))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--model", help="Instead of GIGACHAT_MODEL.")
@click.option("--url", help="Where the service runs (default: by the settings).")
@click.option("--api-key", help="The key that the service asks for (default: the first of GPT2GIGA_API_KEY).")
@click.pass_context
def launch(
    context: click.Context,
    program: str,
    arguments: tuple[str, ...],
    model: str | None,
    url: str | None,
    api_key: str | None,
) -> None:
    """Start PROGRAM with ARGUMENTS, connected to the service for this run alone.

    Its own configuration stays as it is; OpenClaw gets a state of its own for the run. Where no service runs, one is
    started and ended with the program. Options of this command come before PROGRAM.
    """
    from gpt2giga.commands.running_service import running_service
    from gpt2giga.commands.service_client import list_models

    command_line: CommandLine = context.obj
    for number in PASSED_ON:  # until the program is there to get them
        signal.signal(number, _end)
    found = shutil.which(PROGRAMS[program].command)
    if not found:
        raise Failure(_("{program} is not installed: {command}", program=program, command=PROGRAMS[program].install))
    settings = command_line.unchecked_settings()
    key = key_of_client(settings, api_key)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gpt2giga-", ignore_cleanup_errors=True)))
        root = service_url(settings.server, url) if url else stack.enter_context(running_service(command_line, folder))
        models = list_models(root, key)
        if models is None:
            raise Failure(_("nothing answers on {address}", address=root))
        names = {**settings.default_models, **({"model": model} if model else {})}
        code = _run(
            found, PROGRAMS[program], arguments, Target(root, key, **names, models=tuple(models), folder=folder)
        )
    context.exit(code)


def _run(path: str, program: Program, arguments: tuple[str, ...], target: Target) -> int:
    """Its exit code, as a shell tells it."""
    start = program.prepare(target, arguments)
    variables = {name: value for name, value in environment().items() if name not in start.removed}
    try:
        process = subprocess.Popen([path, *start.options, *arguments], env={**variables, **start.variables})
    except OSError as error:
        raise Failure(_("{path} cannot be started: {why}", path=path, why=reason(error))) from None
    with _passing_signals(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


@contextmanager
def _passing_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever ends this process is for the program, which then ends, and all is tidied up.

    The keys of a terminal reach the program without help, and twice would be too much: twice Ctrl-C ends an agent.
    """

    def pass_on(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or not (sys.stdin and sys.stdin.isatty()):
            process.send_signal(number)

    former = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, *PASSED_ON)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
