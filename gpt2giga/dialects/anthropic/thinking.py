"""How hard a Messages request wants the model to think, and whether it wants to read it. Pure; raises BadRequest."""

from __future__ import annotations

from typing import Literal, TypeAlias

from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import Effort, from_budget, from_effort
from gpt2giga.dialects.fields import Body, INT32, invalid

# What becomes of the model's thoughts: a block with them, a block without, or none.
Thoughts: TypeAlias = Literal["shown", "omitted", "none"]

THINKING = ("enabled", "adaptive", "between_tools", "disabled")


def from_thinking(body: Body) -> tuple[Effort | None, Thoughts, list[str]]:
    """Also what changes nothing. Explicit effort wins over the budget. Who did not ask for thoughts gets none: they
    read content[0]."""
    thinking = fields.optional_mapping(body, "thinking")
    kind = thinking.get("type")
    if body.get("thinking") is not None and (not isinstance(kind, str) or kind not in THINKING):
        raise invalid("thinking.type", "one of " + ", ".join(THINKING))
    effort, ignored = from_effort(fields.optional_mapping(body, "output_config"), "effort", "output_config")
    if kind in (None, "disabled"):
        return (None if kind else effort), "none", ignored
    # Claude Code has displays of its own, such as `updates`.
    is_omitted = fields.string(thinking, "display", "thinking") == "omitted"
    return effort or _budget_effort(kind, thinking), "omitted" if is_omitted else "shown", ignored


def _budget_effort(kind: str, thinking: Body) -> Effort:
    if kind != "enabled":
        return "medium"
    budget = fields.integer(thinking, "budget_tokens", 1, INT32, "thinking")
    if budget is None:
        raise invalid("thinking.budget_tokens", "a positive integer")
    return from_budget(budget)
