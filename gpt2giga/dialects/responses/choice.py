"""tool_choice in all its forms. Pure; raises BadRequest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gpt2giga.chat import Tool, ToolChoice
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.responses import read
from gpt2giga.dialects.responses.tools import Toolbox
from gpt2giga.errors import BadRequest

MODES: dict[str, Literal["auto", "none", "required"]] = {"auto": "auto", "none": "none", "required": "required"}
PARAM = "tool_choice"


@dataclass(frozen=True, slots=True)
class Choice:
    """tools: those that may be called. ignored: the choice was of a tool that is left out."""

    tools: tuple[Tool, ...]
    choice: ToolChoice
    ignored: bool = False


def from_choice(body: Body, toolbox: Toolbox) -> Choice:
    wanted: Any = body.get(PARAM)
    if wanted is None:
        return _moded("auto", toolbox.tools, toolbox)
    if isinstance(wanted, str):
        if wanted not in MODES:
            raise invalid(PARAM, "one of " + ", ".join(MODES) + ", or an object")
        return _moded(wanted, toolbox.tools, toolbox)
    wanted = fields.mapping(wanted, PARAM)
    kind = read.required_string(wanted, "type", PARAM)
    if kind == "allowed_tools":
        return _allowed(wanted, toolbox)
    if kind in ("function", "custom"):
        return Choice(toolbox.tools, ToolChoice("named", _flat(wanted, toolbox, PARAM)))
    return _hosted(kind, toolbox)


def _moded(mode: str, tools: tuple[Tool, ...], toolbox: Toolbox) -> Choice:
    if tools:
        return Choice(tools, ToolChoice(MODES[mode]))
    if mode == "required" and not toolbox.hosted:
        raise BadRequest(f"'{PARAM}' is required, but there are no tools.", param=PARAM)
    return Choice((), ToolChoice(), ignored=mode == "required")


def _hosted(kind: str, toolbox: Toolbox) -> Choice:
    """A choice of what is left out leaves the choice to the model; of what is not there it is a mistake."""
    if kind not in toolbox.hosted:
        raise invalid(
            f"{PARAM}.type", f"function, custom, allowed_tools, or the type of one of the tools, not {kind!r}"
        )
    return Choice(toolbox.tools, ToolChoice(), ignored=True)


def _allowed(wanted: Body, toolbox: Toolbox) -> Choice:
    mode = wanted.get("mode")
    listed = wanted.get("tools")
    if not isinstance(mode, str) or mode not in ("auto", "required"):
        raise invalid(f"{PARAM}.mode", "auto or required")
    if not isinstance(listed, list) or not listed:
        raise invalid(f"{PARAM}.tools", "a list of tools")
    names: set[str] = set()
    for number, item in enumerate(listed):
        names |= _names(fields.mapping(item, f"{PARAM}.tools[{number}]"), toolbox, f"{PARAM}.tools[{number}]")
    return _moded(mode, tuple(tool for tool in toolbox.tools if tool.name in names), toolbox)


def _names(tool: Body, toolbox: Toolbox, param: str) -> set[str]:
    kind = read.required_string(tool, "type", param)
    if kind in ("function", "custom"):
        return {_flat(tool, toolbox, param)}
    if kind == "namespace":
        namespace = read.required_string(tool, "name", param)
        return {flat for flat, place in toolbox.places.items() if place.namespace == namespace}
    if kind not in toolbox.hosted:
        raise invalid(f"{param}.type", f"the type of one of the tools, not {kind!r}")
    return set()


def _flat(tool: Body, toolbox: Toolbox, param: str) -> str:
    name = read.required_string(tool, "name", param)
    flat = toolbox.meant(read.optional_string(tool, "namespace", param), name)
    if not flat:
        raise BadRequest(f"'{param}' names the tool {name!r}, which is not in the list.", param=param)
    return flat
