"""Fields of a Messages request besides messages and tools. Pure; raises BadRequest."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from gpt2giga.chat import JsonFormat
from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import Effort, EFFORTS
from gpt2giga.dialects.fields import Body, INT32, invalid

# What becomes of the model's thoughts: a block with them, a block without, or none.
Thoughts: TypeAlias = Literal["shown", "omitted", "none"]

THINKING = ("enabled", "adaptive", "between_tools", "disabled")
# Smaller budgets of thinking tokens than these; Claude Code's words for 4000, 10000 and 32000 are the measure.
LOW_BUDGET = 6000
MEDIUM_BUDGET = 16000


def from_thinking(body: Body) -> tuple[Effort | None, Thoughts]:
    """Explicit effort wins over the budget. Who did not ask for thoughts gets none: they read content[0]."""
    kind, thinking = _thinking(body.get("thinking"))
    effort = _effort(body)
    if kind in ("", "disabled"):
        return (None if kind else effort), "none"
    # Claude Code has displays of its own, such as `updates`.
    is_omitted = fields.string(thinking, "display", "thinking") == "omitted"
    return effort or _budgeted(kind, thinking), "omitted" if is_omitted else "shown"


def _thinking(thinking: Any) -> tuple[str, Body]:
    if thinking is None:
        return "", {}
    thinking = fields.mapping(thinking, "thinking")
    kind = thinking.get("type")
    if not isinstance(kind, str) or kind not in THINKING:
        raise invalid("thinking.type", "one of " + ", ".join(THINKING))
    return kind, thinking


def _budgeted(kind: str, thinking: Body) -> Effort:
    if kind != "enabled":
        return "medium"
    budget = thinking.get("budget_tokens")
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
        raise invalid("thinking.budget_tokens", "a positive integer")
    if budget < LOW_BUDGET:
        return "low"
    return "medium" if budget < MEDIUM_BUDGET else "high"


def _effort(body: Body) -> Effort | None:
    effort = fields.optional_mapping(body, "output_config").get("effort")
    return None if effort is None else fields.one_of(effort, EFFORTS, "output_config.effort")


def from_format(body: Body) -> JsonFormat | None:
    """`output_format` is the beta's name for it."""
    param, wanted = "output_config.format", fields.optional_mapping(body, "output_config").get("format")
    if wanted is None:
        param, wanted = "output_format", body.get("output_format")
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, param)
    if wanted.get("type") != "json_schema":
        raise invalid(f"{param}.type", "json_schema")
    return JsonFormat(dict(fields.mapping(wanted.get("schema"), f"{param}.schema")))


def from_stop_sequences(body: Body) -> tuple[str, ...]:
    return fields.texts(body.get("stop_sequences"), "stop_sequences", "a list of texts")


def max_tokens(body: Body) -> int:
    """Required, as by Anthropic: a client that forgets it is told here and not in production."""
    found = fields.integer(body, "max_tokens", 1, INT32)
    if found is None:
        raise invalid("max_tokens", f"an integer from 1 to {INT32}; it is required")
    return found
