"""`gpt2giga chat` without a question: a conversation in the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from gpt2giga.chat import ChatRequest, Event, File, Image, Message, Text
from gpt2giga.commands.chat_answer import Screen
from gpt2giga.commands.chat_input import clean, read_attachment
from gpt2giga.commands.command_line import Failure
from gpt2giga.errors import ProxyError
from gpt2giga.language import _, N_
from gpt2giga.upstream.listener import Listener

if TYPE_CHECKING:
    from gpt2giga.upstream.gigachat import GigaChat

PROMPT = "> "
# Seconds of silence after which it is told what is waited for.
TICK = 1.0
HELP = N_("""\
/model [NAME]   the model that answers from now on; without a name: list the models
/system [TEXT]  what the model is told before the conversation; without a text: nothing
/file PATH      an image or a document for the next question
/clear          forget the conversation
/exit           end the chat; so does Ctrl-D. Ctrl-C stops an answer""")


class Queue(Listener):
    """Whether the question stands in line for its turn."""

    is_waiting = False

    def on_wait_begun(self) -> None:
        self.is_waiting = True

    def on_wait_over(self) -> None:
        self.is_waiting = False


class ChatSession:
    """What was said, and what the next question goes with."""

    def __init__(
        self, upstream: GigaChat, queue: Queue, model: str, system: str, attached: Iterable[Image | File]
    ) -> None:
        self._upstream, self._queue = upstream, queue
        self._model, self._system = model, system
        self._attached = [*attached]
        self._messages: list[Message] = []
        self._id = uuid4().hex
        self._commands: dict[str, Callable[[str], None]] = {
            "/model": self._choose_model,
            "/system": self._set_system,
            "/file": self._attach,
            "/clear": self._clear,
            "/help": lambda rest: click.echo(_(HELP)),
        }

    def run(self) -> None:
        with suppress(ImportError):  # Windows has none
            import readline  # noqa: F401  line editing and history of input()
        model = self._upstream.catalog.resolve(self._model)
        hint = _("{model}. /help lists the commands, Ctrl-D ends the chat.", model=model)
        click.secho(hint, err=True, dim=True)
        while True:
            try:
                if (line := self._read()) is None:
                    return
                self._take(line)
            except KeyboardInterrupt:
                click.secho("\n" + _("(Ctrl-D or /exit ends the chat)"), err=True, dim=True)
            except (Failure, ProxyError) as error:
                click.secho(f"gpt2giga: {error}", err=True, fg="red")

    def _read(self) -> str | None:
        """None at the end."""
        try:
            line = clean(input(PROMPT)).strip()
        except EOFError:
            click.echo()
            return None
        return None if line == "/exit" else line

    def _take(self, line: str) -> None:
        """Raises Failure or ProxyError."""
        word, _space, rest = line.partition(" ")
        if command := self._commands.get(word):
            command(rest.strip())
        elif word.startswith("/") and "/" not in word[1:]:  # a path may well be asked about
            raise Failure(_("{word} is not a command; /help lists them", word=word))
        elif line:
            self._ask(line)

    def _ask(self, text: str) -> None:
        """A question without an answer is as if it had not been asked; its files stay for the next."""
        question = Message("user", (Text(text), *self._attached))
        request = chat_request(self._upstream, self._model, self._system, (*self._messages, question), session=self._id)
        screen = Screen()
        try:
            show_answer(self._upstream, request, self._queue, screen)
        except KeyboardInterrupt:
            click.secho(_("(stopped)"), err=True, dim=True)
        else:
            screen.sum_up(self._upstream.catalog.resolve(self._model))
        if said := screen.answer.text or "\n".join(f"[{name}]" for name in screen.answer.pictures):
            self._messages += [question, Message("assistant", (Text(said),))]
            self._attached.clear()

    def _choose_model(self, name: str) -> None:
        catalog = self._upstream.catalog
        if name:
            self._model = catalog.model(name).id
            answers = _("{model} answers from now on.", model=catalog.resolve(self._model))
            click.secho(answers, err=True, dim=True)
        else:
            click.echo("\n".join(model.id for model in catalog.models() if model.kind == "chat"))

    def _set_system(self, text: str) -> None:
        self._system = text

    def _attach(self, path: str) -> None:
        """Terminals quote what is dragged into them."""
        try:
            [name] = shlex.split(path) if path.startswith(("'", '"')) or "\\" in path else [path]
        except ValueError:
            name = path
        if not name:
            raise Failure(_("/file needs a path"))
        self._attached.append(read_attachment(Path(name)))
        goes = _("{file} goes with the next question.", file=Path(name).name)
        click.secho(goes, err=True, dim=True)

    def _clear(self, rest: str) -> None:
        self._messages.clear()
        self._attached.clear()
        self._id = uuid4().hex
        click.secho(_("The conversation is forgotten."), err=True, dim=True)


def chat_request(
    upstream: GigaChat, model: str, system: str, messages: Iterable[Message], session: str = ""
) -> ChatRequest:
    """GigaChat may use all that it is known to do for the model by itself."""
    first = (Message("system", (Text(system),)),) if system else ()
    hosted = tuple(sorted(upstream.hosted_tools(model)))
    return ChatRequest(model, (*first, *messages), hosted=hosted, session=session)


def show_answer(upstream: GigaChat, request: ChatRequest, queue: Queue, screen: Screen) -> None:
    """Raises ProxyError. However it ends, GigaChat's stream is closed."""

    def events(batches: Iterable[list[Event]]) -> Iterator[Event]:
        has_told = False
        for batch in batches:
            if queue.is_waiting and not has_told:
                has_told = True
                click.secho(
                    _("(another request of this account is running; this one waits for its turn)"), err=True, dim=True
                )
            yield from batch

    with closing(upstream.answer(request, stream=True, tick=TICK)) as batches:
        screen.show(events(batches))
