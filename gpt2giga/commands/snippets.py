"""How clients are told where the service is: text to paste, for those whose configuration is short.

Each client is a file of `clients/`: a head of `name: value`, an empty line, and the text.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpt2giga.upstream.contract.facts import default_facts

FOLDER = Path(__file__).parent / "clients"
# The best known first; the others follow by name.
FIRST = ("openai", "codex", "claude-code", "cursor", "opencode", "aider", "continue", "cline", "vscode", "open-webui")
PLACEHOLDER = re.compile(r"\{(root|base|key|model|embeddings|window|longest_answer)\}")
# What a key must look like where it stands: in a shell, inside quotation marks, or alone.
QUOTING: dict[str, Callable[[str], str]] = {
    "shell": shlex.quote,
    "quoted": lambda key: json.dumps(key, ensure_ascii=False)[1:-1],
    "plain": str,
}


@dataclass(frozen=True)
class ClientSnippet:
    """In `text`, {root} is the service's address, {base} the same with /v1. `about` is in English and in Russian;
    `key` says how a key is quoted there."""

    title: str
    about: dict[str, str]
    key: str
    text: str

    def filled(self, values: dict[str, str]) -> str:
        """What `values` do not name stays as it is."""
        return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), self.text)


def _read(path: Path) -> ClientSnippet:
    head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return ClientSnippet(fields["title"], {"en": fields["en"], "ru": fields["ru"]}, fields["key"], text)


def _rank(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


SNIPPETS = {name: _read(FOLDER / f"{name}.txt") for name in sorted((it.stem for it in FOLDER.glob("*.txt")), key=_rank)}


def model_values(model: str, embeddings: str) -> dict[str, str]:
    """What snippets say of the models, as far as it is known without asking."""
    facts = default_facts(model)
    return {
        "model": model,
        "embeddings": embeddings,
        "window": str(facts.window),
        "longest_answer": str(facts.longest_answer),
    }


def fill_snippet(name: str, *, root: str, key: str, model: str, embeddings: str) -> str:
    """`key` may be empty; most clients insist on one, so they get a word that nobody checks."""
    snippet = SNIPPETS[name]
    quoted = QUOTING[snippet.key](key or "unused")
    return snippet.filled({"root": root, "base": f"{root}/v1", "key": quoted, **model_values(model, embeddings)})
