"""An answer in the terminal: its words as they come, what GigaChat does beside them, its sources and pictures."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import click

from gpt2giga.chat import Citation, Done, Event, HostedCall, Picture, ReasoningDelta, RefusalDelta, TextDelta, Usage
from gpt2giga.commands.command_line import Failure
from gpt2giga.language import _, N_, ngettext, reason

# An answer must not be able to move the cursor or to name the window.
CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
WARNINGS = {
    "length": N_("The answer was cut: it reached the model's limit of tokens."),
    "content_filter": N_("GigaChat's filter stopped the answer."),
}


class Answer:
    """What the events of one answer add up to.

    `sources` are titles by address, `pictures` the files they were written to. `first`: seconds to the first word.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.text = ""
        self.sources: dict[str, str] = {}
        self.pictures: list[str] = []
        self.done: Done | None = None
        self.first = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def add(self, event: Event) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                self.first = self.first or self.seconds
                self.text += event.text
            case Citation():
                self.sources.setdefault(event.url, event.title)
            case Picture(content=content) if content:
                self.pictures.append(_write(event))
            case Done():
                self.done = event

    def to_json(self, model: str) -> dict[str, object]:
        usage = self.done.usage if self.done else None
        return {
            "text": self.text,
            "model": model,
            "usage": _usage(usage) if usage else None,
            "finish": self.done.finish if self.done else None,
            "sources": [{"title": title, "url": url} for url, title in self.sources.items()],
            "pictures": self.pictures,
        }


class Screen:
    """Shows an answer as it comes. Only the answer itself goes to stdout, so that a pipe gets nothing else."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._line_is_open = False
        self._open_is_aside = False

    def show(self, events: Iterable[Event]) -> None:
        try:
            for event in events:
                self.answer.add(event)
                self._show(event)
            self._end_line()
            self._list_sources()
        finally:
            self._end_line()

    def sum_up(self, model: str) -> None:
        done, answer = self.answer.done, self.answer
        if done and done.finish in WARNINGS:
            click.echo(_(WARNINGS[done.finish]), err=True)
        usage = _tokens(done.usage) if done and done.usage else ""
        times = _("first word after {first:.1f} s, all in {all:.1f} s", first=answer.first, all=answer.seconds)
        click.secho(f"{model}: {usage}{times}", err=True, dim=True)

    def _show(self, event: Event) -> None:
        match event:
            case TextDelta() | RefusalDelta():
                self._write(event.text, aside=False)
            case ReasoningDelta():
                self._write(event.text, aside=True)
            case HostedCall(status="running"):
                self._end_line()
                self._write(f"[{event.tool}]\n", aside=True)
            case HostedCall(status="failed"):
                self._end_line()
                self._write(_("[{tool} failed]", tool=event.tool) + "\n", aside=True)
            case Picture(content=content):
                self._end_line()
                where = _("The picture is in {file}", file=self.answer.pictures[-1]) if content else ""
                self._write((where or _("The picture could not be downloaded")) + "\n", aside=True)

    def _write(self, text: str, *, aside: bool) -> None:
        text = text.translate(CONTROLS)
        if not text:
            return
        if self._line_is_open and aside != self._open_is_aside:
            self._end_line()
        click.secho(text, nl=False, err=aside, dim=aside)
        self._line_is_open, self._open_is_aside = not text.endswith("\n"), aside

    def _end_line(self) -> None:
        if self._line_is_open:
            click.echo(err=self._open_is_aside)
            self._line_is_open = False

    def _list_sources(self) -> None:
        for number, (url, title) in enumerate(self.answer.sources.items(), 1):
            self._write(f"[{number}] {' '.join(title.split())} {' '.join(url.split())}\n", aside=False)


def _tokens(usage: Usage) -> str:
    """As two figures, question and answer."""
    return ngettext(
        "{prompt} + {completion} token, ",
        "{prompt} + {completion} tokens, ",
        usage.completion,  # the figure beside the word
        prompt=usage.prompt,
        completion=usage.completion,
    )


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "cached_tokens": usage.cached,
        "reasoning_tokens": usage.reasoning,
    }


def _write(picture: Picture) -> str:
    """The name of a new file in the current folder, which it never takes from another. Raises Failure."""
    ending = mimetypes.guess_extension(picture.media_type) or ".jpg"
    for number in count(1):
        path = Path(f"picture-{number}{ending}")
        try:
            with path.open("xb") as file:
                file.write(picture.content)
        except FileExistsError:
            continue
        except OSError as error:
            raise Failure(_("{path} cannot be written: {why}", path=path, why=reason(error))) from None
        break
    return path.name
