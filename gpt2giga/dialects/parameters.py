"""How each parameter of a request is supported: the rows of the dialects' tables, which docs/api.md prints.

used: GigaChat has it. emulated: the proxy does it. ignored: accepted and named in the header X-Gpt2giga-Ignored.
refused: a 400 says why. Parameters that are not in a table are ignored as well and never sent to GigaChat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest

# Raises BadRequest for a wrong type: what is ignored must still make sense.
TypeCheck = Callable[[Body, str], Any]

any_integer = partial(fields.integer, low=-(2**63), high=2**63 - 1)
any_number = partial(fields.number, low=-fields.INT32, high=fields.INT32)
natural = partial(fields.integer, low=0, high=fields.INT32)
penalty = partial(fields.number, low=-2, high=2)


@dataclass(frozen=True, slots=True)
class Typed:
    """A check for one of several types. expected: in the words of the error."""

    expected: str
    types: tuple[type, ...]

    def __call__(self, body: Body, name: str) -> None:
        if type(body[name]) not in self.types:
            raise invalid(name, self.expected)


def no_check(body: Body, name: str) -> None:
    """Whoever uses the parameter checks it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """defaults: values of an ignored parameter that say what happens anyway, so there is nothing to report.

    check: raises BadRequest for a value that makes no sense, and for one that is refused.
    """

    fate: Literal["used", "emulated", "ignored", "refused"]
    how: str
    check: TypeCheck = no_check
    defaults: tuple[Any, ...] = ()


def ignored(check: TypeCheck, names: str, within: str = "") -> dict[str, Parameter]:
    """Rows of which there is no more to say. names: with spaces between them."""
    return {fields.path(name, within): Parameter("ignored", "", check) for name in names.split()}


def refused(how: str, words: str, code: str | None = None, harmless: tuple[Any, ...] = ()) -> Parameter:
    """Whoever passed it over would answer something else. words: of the error. harmless: values that wish nothing."""

    def refuse(body: Body, name: str) -> None:
        if body[name] not in harmless:
            raise BadRequest(words, param=name, code=code)

    return Parameter("refused", how, refuse, harmless)


NO_SUFFIX = refused(
    "GigaChat cannot insert text", "GigaChat cannot insert text: 'suffix' is not supported.", harmless=("",)
)


def list_ignored(body: Body, table: Mapping[str, Parameter]) -> list[str]:
    """The parameters of this request that change nothing, in the table's order; raises BadRequest for a wrong type, and
    for one that is refused."""
    names = []
    for name, value in body.items():
        parameter = table.get(name)
        if parameter and parameter.fate in ("ignored", "refused") and value is not None:
            parameter.check(body, name)
            if value not in parameter.defaults:
                names.append(name)
    return sorted(names, key=[*table].index) if len(names) > 1 else names
