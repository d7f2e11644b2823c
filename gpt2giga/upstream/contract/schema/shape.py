"""One schema node as its author meant it, whatever keywords it took to say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gpt2giga.upstream.contract.schema.values import common_type

# Richest first: of a union this is the branch that can say most.
RANK = ("object", "array", "string", "number", "integer", "boolean", "")

LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
LIMITS = {
    "number": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    "integer": ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
}
UNKNOWN_TYPE = "type: "


@dataclass(frozen=True, slots=True)
class Path:
    """The way to a node. refs: the references followed on it; scope: the definitions of the nodes passed."""

    depth: int
    refs: frozenset[str]
    scope: dict[str, Any]

    def deeper(self, ref: str | None = None) -> Path:
        refs = self.refs if ref is None else self.refs | {ref}
        return Path(self.depth + 1, refs, self.scope)


# eq=False from here on: comparing raw schemas would recurse as deep as the client likes.
@dataclass(frozen=True, slots=True, eq=False)
class Sub:
    """A schema inside another one. It knows its own way, since a merged node has children of several places."""

    raw: Any
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Several schemas for one place: any of them, or all of them at once."""

    children: tuple[Child, ...]
    any: bool


Child: TypeAlias = Sub | Joined


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """What only a description can say: the text, then each part in words with the glue between.

    kind: the type it is about, empty for all of them.
    """

    kind: str
    text: str
    parts: tuple[Child | Shape, ...] = ()
    glue: str = ", "

    def is_about(self, kind: str) -> bool:
        return self.kind in ("", kind) or (self.kind == "number" and kind == "integer")


@dataclass(slots=True, eq=False)
class Shape:
    """types: None when not said, () for null alone. never: no value fits. open: any key may come.

    default: empty, or the one value. parts, unions, extras: what allOf, what anyOf and oneOf, and what
    then, else and dependentSchemas have to add.
    """

    types: tuple[str, ...] | None = None
    nullable: bool = False
    never: bool = False
    text: str = ""
    title: str = ""
    open: bool = True
    properties: dict[str, Child] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    items: Child | None = None
    enum: list[Any] | None = None
    default: tuple[Any, ...] = ()
    limits: dict[str, int | float] = field(default_factory=dict)
    pattern: str = ""
    format: str = ""
    notes: list[Note] = field(default_factory=list)
    parts: list[Sub] = field(default_factory=list)
    unions: list[list[Sub]] = field(default_factory=list)
    extras: list[Sub] = field(default_factory=list)

    @property
    def only_null(self) -> bool:
        return self.types == () and self.nullable

    @property
    def strange(self) -> bool:
        """The author did name a type, one that is not JSON's."""
        return any(note.text.startswith(UNKNOWN_TYPE) for note in self.notes)

    @property
    def kind(self) -> str:
        """The type, deduced when it is not said; empty: any value."""
        if self.types:
            return self.types[0]
        if self.enum is not None:
            return common_type(self.enum)
        return self._kind_of_body() or self._kind_of_limits()

    def _kind_of_body(self) -> str:
        if self.properties or self.required or not self.open:
            return "object"
        if self.items:
            return "array"
        return "string" if self.pattern or self.format else ""

    def _kind_of_limits(self) -> str:
        for kind, names in LIMITS.items():
            if not self.limits.keys().isdisjoint(names):
                return kind
        return next((note.kind for note in self.notes if note.kind), "")
