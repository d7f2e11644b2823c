"""`gpt2giga chat`: one question to GigaChat, answered in the terminal as it comes. A check without curl."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import closing
from itertools import chain

import click

from gpt2giga.chat import ChatRequest, Done, Event, Message, Text, TextDelta
from gpt2giga.commands.command_line import CommandLine, Failure

# An answer must not be able to move the cursor or to name the window.
CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
WARNINGS = {
    "length": "The answer was cut: it reached the model's limit of tokens.",
    "content_filter": "GigaChat's filter stopped the answer.",
}


@click.command()
@click.argument("text")
@click.option("--model", default="", help="Instead of GIGACHAT_MODEL.")
@click.pass_obj
def chat(command_line: CommandLine, text: str, model: str) -> None:
    """Ask GigaChat TEXT (-: what comes on standard input); the answer streams to the terminal."""
    question = sys.stdin.read() if text == "-" else text
    if not question.strip():
        raise Failure("there is nothing to ask: the text is empty")
    upstream = command_line.upstream()
    request = ChatRequest(model, (Message("user", (Text(question),)),))
    with closing(upstream):
        done, first, last = _show(chain.from_iterable(upstream.answer(request, stream=True)))
    _sum_up(upstream.catalog.resolve(model), done, first, last)


def _show(events: Iterable[Event]) -> tuple[Done | None, float, float]:
    """How it ended, and the seconds to its first word and its last."""
    started, first, done = time.monotonic(), 0.0, None
    line_is_open = False
    try:
        for event in events:
            if isinstance(event, TextDelta):
                first = first or time.monotonic() - started
                click.echo(event.text.translate(CONTROLS), nl=False)
                line_is_open = not event.text.endswith("\n")
            elif isinstance(event, Done):
                done = event
    finally:
        if line_is_open:
            click.echo()
    return done, first, time.monotonic() - started


def _sum_up(model: str, done: Done | None, first: float, last: float) -> None:
    """On stderr, so that a pipe gets the answer only."""
    if done and done.finish in WARNINGS:
        click.echo(WARNINGS[done.finish], err=True)
    usage = f"{done.usage.prompt} + {done.usage.completion} tokens, " if done and done.usage else ""
    click.secho(f"{model}: {usage}first word after {first:.1f} s, all in {last:.1f} s", err=True, dim=True)
