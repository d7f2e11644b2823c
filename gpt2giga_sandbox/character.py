"""What accounts and models of GigaChat differ in, or are said to: the switches of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from gpt2giga_sandbox.catalog import Model

# What `schemas` may name (contract 3.1.5, 3.1.6, 3.1.7): each lets one kind of schema pass.
SCHEMAS = (
    "unions",
    "references",
    "type_lists",
    "enums",
    "const",
    "formats",
    "additional_properties",
    "bare_objects",
    "other_keywords",
)


@dataclass(frozen=True)
class Character:
    """The values that stand here are those of `strict`: what passes with them passes everywhere. How many requests
    an account may have at a time is told by `max_streams` of the settings."""

    # Whether /v2/chat/completions is served, and which roles a result may have there (contract 5.6).
    v2: bool = False
    result_roles: tuple[str, ...] = ("function",)
    # On v2, whether a result may be any JSON rather than the text of one (contract 5.6).
    result_objects: bool = False
    # On v2, whether calls come with ids (contract 5.10).
    call_ids: bool = True
    # On v2, whether tool_config knows the mode `any`, and whether an answer may hold several calls (contract 5.3).
    any_mode: bool = False
    parallel_tool_calls: bool = True
    # On v2, the built-in tools that are open to the account (contract 5.11, 5.12).
    tools: tuple[str, ...] = ("web_search", "url_content_extraction", "image_generate")
    # The kinds of SCHEMAS that pass, for models whose id begins with one of `schema_models`.
    schemas: tuple[str, ...] = ()
    schema_models: tuple[str, ...] = ("GigaChat",)
    # Function names (contract 3.1.2, 3.1.3): the most characters, and what passes besides letters, digits and _.
    longest_name: int = 64
    name_marks: str = ""
    # temperature 0 (contract 3.0.7), and words beside a call in the history (contract 3.1.16).
    zero_temperature: bool = False
    text_beside_call: bool = True
    # On v1, whether a streamed call and its finish_reason come in one frame or in two (contract 4.13).
    call_frames: int = 1
    # The models that take an effort, by the beginning of their ids, and whether their thoughts come with the answer.
    reasoning_models: tuple[str, ...] = ("GigaChat-3",)
    reasoning_content: bool = False
    # The most texts of one request for embeddings (contract 10.7); tokens of a model's window or text, where they
    # are not those of the catalog.
    embeddings_batch: int | None = None
    windows: Mapping[str, int] = field(default_factory=dict)

    def passes(self, kind: str, model: Model) -> bool:
        return kind in self.schemas and model.id.startswith(self.schema_models)

    def reasons(self, model: Model) -> bool:
        return model.id.startswith(self.reasoning_models)

    def window(self, model: Model) -> int:
        return self.windows.get(model.id, model.window)

    def changed(self, change: object) -> Character:
        """A name stands for the whole set; an object changes what it names. Raises ValueError."""
        if isinstance(change, Character):
            return change
        if isinstance(change, str) and change in CHARACTERS:
            return CHARACTERS[change]
        if not isinstance(change, dict):
            raise ValueError(f"unknown character: {change}")
        unknown = set(change) - {switch.name for switch in fields(self)}
        if unknown:
            raise ValueError(f"unknown switches: {', '.join(sorted(unknown))}")
        return replace(self, **{name: _switch(name, value) for name, value in change.items()})


def _switch(name: str, value: Any) -> Any:
    """JSON knows no tuples, and `embeddings_batch` is the only switch that may be null."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    kinds = (int, type(None)) if name == "embeddings_batch" else (type(getattr(STRICT, name)),)
    fits = type(value) in kinds
    if name == "windows":
        fits = fits and all(type(size) is int for size in value.values())
    if name == "schemas":
        fits = fits and set(value) <= set(SCHEMAS)
    if not fits:
        raise ValueError(f"not a value of {name}: {value}")
    return value


STRICT = Character()
# As the test stands and GigaChat-3 are seen or said to be.
TOLERANT = Character(
    v2=True,
    result_roles=("function", "tool"),
    result_objects=True,
    any_mode=True,
    schemas=SCHEMAS,
    name_marks="-.",
    zero_temperature=True,
    call_frames=2,
    reasoning_content=True,
)
CHARACTERS = {"strict": STRICT, "tolerant": TOLERANT}
