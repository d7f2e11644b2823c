"""What an answer rests on: `[sources=[1,2]]` in its text, and the pages behind the numbers (contract 5.22). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import Citation

OPENING = "[sources=["
MARKER = re.compile(r"\[sources=\[(\d{1,9}(?: ?, ?\d{1,9}){0,19})\]\]")
# What may still become a marker. It is waited for no longer than so many characters of numbers.
UNFINISHED = re.compile(
    rf"(?:\[sources=\[[\d, ]{{0,240}}\]?|{'|'.join(re.escape(OPENING[:end]) for end in range(1, len(OPENING)))})\Z"
)
# Characters of it.
LONGEST_UNFINISHED = len(OPENING) + 241
NUMBER = re.compile(r"\d+")
# Of an answer. Further pages are not told of, and further markers stay as they are.
MOST_PAGES, MOST_MARKS = 1000, 1000
# What clients show as a link.
ADDRESS = re.compile(r"https?://\S", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Mark:
    number: str
    start: int
    end: int


class Citations:
    """Writes markers as people do, `[1][2]`, and tells of their pages once these are known, in pieces of any size."""

    def __init__(self) -> None:
        self.held = ""
        # Marks whose pages are not known yet.
        self._waiting: list[_Mark] = []
        self._marked = 0
        self._pages: dict[str, tuple[str, str]] = {}
        self._titles: dict[str, str] = {}
        self._cited: set[str] = set()

    def feed(self, text: str, at: int) -> tuple[str, list[Citation]]:
        """The text to pass on, and what is to be cited after it. at: how many characters were passed on before."""
        text, self.held = self.held + text, ""
        if unfinished := UNFINISHED.search(text, max(0, len(text) - LONGEST_UNFINISHED)):
            text, self.held = text[: unfinished.start()], unfinished[0]
        written: list[str] = []
        marks: list[_Mark] = []
        done = 0
        for found in MARKER.finditer(text):
            if self._marked + len(marks) >= MOST_MARKS:
                break
            words = text[done : found.start()]
            written.append(words)
            at, done = at + len(words), found.end()
            for number in NUMBER.findall(found[1]):
                mark = f"[{number}]"
                written.append(mark)
                marks.append(_Mark(number, at, at + len(mark)))
                at += len(mark)
        self._marked += len(marks)
        return "".join((*written, text[done:])), self._cite(marks)

    def learn(self, sources: Any) -> list[Citation]:
        """What its pages are for. What has no address is no page. Frames may tell the same ones again and again."""
        known = len(self._pages)
        for number, source in sources.items() if isinstance(sources, dict) else ():
            if number in self._pages or len(self._pages) >= MOST_PAGES:
                continue
            url, title = (source.get("url"), source.get("title")) if isinstance(source, dict) else (None, None)
            if isinstance(url, str) and ADDRESS.match(url):
                self._titles[url] = title if isinstance(title, str) else ""
                self._pages[number] = url, self._titles[url]
        if len(self._pages) == known:
            return []
        waiting, self._waiting = self._waiting, []
        return self._cite(waiting)

    @property
    def has_pages(self) -> bool:
        return bool(self._pages)

    def end(self, at: int) -> list[Citation]:
        """Pages that no marker names belong to the whole of the text."""
        return [Citation(url, title, at, at) for url, title in self._titles.items() if url not in self._cited]

    def _cite(self, marks: list[_Mark]) -> list[Citation]:
        cited: list[Citation] = []
        for mark in marks:
            if page := self._pages.get(mark.number):
                cited.append(Citation(*page, mark.start, mark.end))
                self._cited.add(page[0])
            else:
                self._waiting.append(mark)
        return cited
