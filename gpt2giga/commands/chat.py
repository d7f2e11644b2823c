"""`gpt2giga chat`: GigaChat in the terminal, one question or a conversation. A check without curl."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpt2giga.chat import ChatRequest, File, Image, Message, Text
from gpt2giga.commands.chat_answer import Answer, Screen
from gpt2giga.commands.chat_input import clean, read_attachment, read_image, read_piped
from gpt2giga.commands.chat_session import chat_request, ChatSession, Queue, show_answer
from gpt2giga.commands.command_line import CommandLine, Failure, has_terminal
from gpt2giga.language import _

if TYPE_CHECKING:
    from gpt2giga.upstream.gigachat import GigaChat

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("text", default="")
@click.option("--model", default="", help="Instead of GIGACHAT_MODEL.")
@click.option("--system", default="", metavar="TEXT", help="What the model is told before the question.")
@click.option("--image", "images", multiple=True, type=READABLE, help="An image to ask about; may be repeated.")
@click.option("--file", "files", multiple=True, type=READABLE, help="A document or a recording to ask about.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: text, model, usage, finish.")
@click.pass_obj
def chat(
    command_line: CommandLine,
    text: str,
    model: str,
    system: str,
    images: tuple[Path, ...],
    files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Ask GigaChat TEXT; the answer streams to the terminal. What is piped in is asked too, after TEXT.

    Without TEXT, in a terminal: a conversation. -: TEXT is what comes on standard input.
    """
    is_conversation = not (text or as_json) and has_terminal()
    attached = [*map(read_image, images), *map(read_attachment, files)]
    question = None if is_conversation else _question(text, attached)
    queue = Queue()
    with closing(command_line.upstream(queue)) as upstream:
        if question is None:
            ChatSession(upstream, queue, model, clean(system), attached).run()
        else:
            _ask(upstream, chat_request(upstream, model, clean(system), [question]), queue, as_json=as_json)


def _question(text: str, attached: list[Image | File]) -> Message:
    """Raises Failure when there is none."""
    piped = read_piped(is_asked_for=text in ("", "-"))
    texts = [] if text == "-" or not text.strip() else [clean(text)]
    if isinstance(piped, Text):
        texts.append(piped.text)
    elif piped:
        attached = [*attached, piped]
    if not texts:
        raise Failure(_("there is nothing to ask: the text is empty"))
    return Message("user", (Text("\n\n".join(texts)), *attached))


def _ask(upstream: GigaChat, request: ChatRequest, queue: Queue, *, as_json: bool) -> None:
    model = upstream.catalog.resolve(request.model)
    if as_json:
        answer = Answer()
        for event in upstream.complete(request):
            answer.add(event)
        click.echo(json.dumps(answer.to_json(model), ensure_ascii=False))
        return
    screen = Screen()
    show_answer(upstream, request, queue, screen)
    screen.sum_up(model)
