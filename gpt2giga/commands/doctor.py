"""`gpt2giga doctor`: what is wrong, and what to do about it, in the order in which things must work."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from gpt2giga.commands.command_line import CommandLine, service_url
from gpt2giga.commands.key_checks import check_keys
from gpt2giga.commands.report import CheckFailed, Report
from gpt2giga.commands.stream_timing import StreamTiming
from gpt2giga.config.settings import ServerSettings, SettingsError
from gpt2giga.language import _
from gpt2giga.serving.probe import answers


@click.command()
@click.option(
    "--url", help="Where clients find the service, such as https://ai.example.com (default: by the settings)."
)
@click.option("--api-key", help="The key to show to the service (default: the first of GPT2GIGA_API_KEY).")
@click.option("--no-service", is_flag=True, help="Check the way to GigaChat only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.option("--learn", is_flag=True, help="Ask GigaChat what its models can, instead; says first what that costs.")
@click.option(
    "--models", default="", help="With --learn: these, separated by commas, or all (default: GIGACHAT_MODEL)."
)
@click.option("--window", is_flag=True, help="With --learn: also how large the window is; may cost 400,000 tokens.")
@click.option("--again", is_flag=True, help="With --learn: also what is known already.")
@click.option("--yes", is_flag=True, help="With --learn: agree to the cost.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --learn: a file for all answers, fit to be shown to others.",
)
@click.pass_context
def doctor(
    context: click.Context,
    /,
    url: str | None,
    api_key: str | None,
    no_service: bool,
    as_json: bool,
    learn: bool,
    **learning: Any,
) -> None:
    """Check settings, key, network, GigaChat and the running service, one line each.

    Costs the account about 500 tokens. The exit code is 0 when nothing failed; what is only doubtful says warn.
    """
    command_line: CommandLine = context.obj
    logging.disable()  # what a check finds is told in its line
    if learn and (url or no_service):
        option = "--url" if url else "--no-service"
        raise click.UsageError(_("{option} does not go with --learn", option=option))
    if learn:
        is_well = _learn(command_line, as_json=as_json, **learning)
    elif given := [name for name, value in learning.items() if value]:
        raise click.UsageError(_("--{option} goes with --learn only", option=given[0]))
    else:
        is_well = _check(command_line, url, api_key, no_service=no_service, as_json=as_json)
    if not is_well:
        context.exit(2)


def _learn(command_line: CommandLine, **options: Any) -> bool:
    from gpt2giga.commands.learn import learn, LearnOptions

    return learn(command_line, LearnOptions(**options))


def _check(command_line: CommandLine, url: str | None, api_key: str | None, *, no_service: bool, as_json: bool) -> bool:
    from gpt2giga.commands.gigachat_checks import GigaChatChecks

    report = Report(as_json=as_json)
    with closing(GigaChatChecks(command_line)) as checks:
        checks.run(report)
    check_keys(report, command_line)
    if not no_service:
        _check_service(report, command_line, checks.timing, url, api_key)
    report.close()
    return report.is_well


def _check_service(
    report: Report, command_line: CommandLine, direct: StreamTiming | None, url: str | None, api_key: str | None
) -> None:
    from gpt2giga.commands.gigachat_checks import COUNTING, COUNTING_TOKENS
    from gpt2giga.commands.service_checks import ServiceChecks

    question = {"messages": [{"role": "user", "content": COUNTING}], "max_tokens": COUNTING_TOKENS, "stream": True}
    try:
        settings = command_line.unchecked_settings()
    except SettingsError as error:
        report.skip("service", str(error))
        return
    if settings.server.host.startswith("unix:") and not url:
        report.run("service", lambda: _check_socket(settings.server))
        return
    root, key = service_url(settings.server, url), api_key or settings.server.first_key
    with closing(ServiceChecks(root, key, settings, question, direct)) as checks:
        checks.run(report)


def _check_socket(server: ServerSettings) -> str:
    if not answers(server, 5):
        raise CheckFailed(
            _(
                "nothing answers on {address}: start the service, or compare GPT2GIGA_HOST with its own.",
                address=server.address,
            )
        )
    return _(
        "{address} answers; name the web server before it with --url to check key and streams too",
        address=server.address,
    )
