"""One node of a schema as its author meant it, whatever keywords it took to say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gpt2giga.upstream.contract.schema.values import common_type, includes

# Richest first: of a union this is the branch that can say most.
RANK = ("object", "array", "string", "number", "integer", "boolean", "")

LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_RANGE = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
LIMITS = {"number": _RANGE, "integer": _RANGE, "string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}
UNKNOWN_TYPE = "type: "


@dataclass(frozen=True, slots=True)
class Location:
    """The way to a node. referred: the nodes on it that were referred to, by `id()`, since a reference can be written
    in several ways; scope: the definitions of the nodes passed; resource: where references begin that begin with `#`.
    """

    depth: int
    referred: frozenset[int]
    scope: dict[str, Any]
    resource: Any

    def deeper(self, *referred: int) -> Location:
        return Location(self.depth + 1, self.referred.union(referred), self.scope, self.resource)


# eq=False from here on: comparing raw schemas would recurse as deep as the client likes.
@dataclass(frozen=True, slots=True, eq=False)
class Subschema:
    """A schema inside another one. It knows its own way, since a merged node has children of several places."""

    raw: Any
    location: Location


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """Several schemas for one place: any of them, or all of them at once."""

    children: tuple[Child, ...]
    any: bool


Child: TypeAlias = Subschema | Combination


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """What only a description can say: the text, then each part in words with the glue between.

    kind: the type it is about, empty for all of them.
    """

    kind: str
    text: str
    parts: tuple[Child | Node, ...] = ()
    glue: str = ", "

    def is_about(self, kind: str) -> bool:
        return self.kind == "" or includes(self.kind, kind)


@dataclass(slots=True, eq=False)
class Node:
    """types: None when not said, () for null alone. never: no value fits. open: any key may come.

    parts, unions, extras: what allOf, what anyOf and oneOf, and what
    then, else and dependentSchemas have to add.
    """

    types: tuple[str, ...] | None = None
    nullable: bool = False
    never: bool = False
    description: str = ""
    title: str = ""
    open: bool = True
    properties: dict[str, Child] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    items: Child | None = None
    enum: list[Any] | None = None
    default: Any = None
    limits: dict[str, int | float] = field(default_factory=dict)
    pattern: str = ""
    format: str = ""
    notes: list[Note] = field(default_factory=list)
    parts: list[Subschema] = field(default_factory=list)
    unions: list[list[Subschema]] = field(default_factory=list)
    extras: list[Subschema] = field(default_factory=list)

    @property
    def only_null(self) -> bool:
        return self.types == () and self.nullable

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
