"""Tools of a request, under one flat name each, and the way back to the client's names. Pure; raises BadRequest.

Functions are made of `function`, `custom` (one string instead of arguments), those inside a `namespace`, and of
`tool_search` where the client is the one that searches. All other types are hosted: OpenAI would run them itself, and
GigaChat has something like some of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gpt2giga.chat import Tool
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import HostedFound, HostedTools, no_hosted_tools
from gpt2giga.dialects.tools import custom_parameters, from_parameters, function_extras, inner_tool, tool_kind
from gpt2giga.errors import BadRequest

SEARCH: Literal["tool_search"] = "tool_search"

Kind: TypeAlias = Literal["function", "custom", "tool_search"]
KINDS: dict[str, Kind] = {"function": "function", "custom": "custom"}


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A tool as the client knows it; most have no namespace."""

    kind: Kind
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """client_tools: flat name -> the client's own. hosted: what GigaChat does by itself, see HostedFound."""

    hosted: HostedFound
    tools: tuple[Tool, ...] = ()
    client_tools: Mapping[str, ClientTool] = field(default_factory=dict)

    def flat_name(self, namespace: str, name: str) -> str:
        """The name of a tool, or of one that only the history remembers."""
        return self.find(namespace, name) or _join(namespace, name)

    def find(self, namespace: str, name: str) -> str:
        """The flat name, empty for a tool that is not in the list. A namespace may be left out where the name tells."""
        named = [(flat, place) for flat, place in self.client_tools.items() if place.name == name]
        exact = [flat for flat, place in named if place.namespace == namespace]
        found = exact or ([flat for flat, _ in named] if not namespace else [])
        return found[0] if len(found) == 1 else ""

    def client_tool(self, flat: str) -> ClientTool:
        """A name that nobody offered comes back as a function's: the client is the one to say that it has none."""
        return self.client_tools.get(flat) or ClientTool("function", flat)


@dataclass(frozen=True, slots=True)
class Brought:
    """A tool that an item of the input brings. is_old: one that cannot be read is left out, for it is sent again with
    every turn."""

    tool: Body
    param: str
    is_old: bool = False


def from_tools(
    body: Body, brought: Iterable[Brought] = (), *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> Toolbox:
    """brought: one that comes again replaces the earlier."""
    filling = _Filling(HostedFound(fields.string(body, "model"), hosted_tools, ignore_hosted))
    for tool, param in fields.objects(body, "tools"):
        filling.add(tool, param, again=False)
    for _, new in in_turns([*brought]):
        for tool in _one_by_one(new.tool) if new.is_old else (new.tool,):
            try:
                filling.add(tool, new.param, again=True)
            except BadRequest:
                if not new.is_old:
                    raise
    return filling.toolbox()


class _Filling:
    """A toolbox in the making."""

    def __init__(self, hosted: HostedFound) -> None:
        self._hosted = hosted
        self._tools: dict[str, Tool] = {}
        self._client_tools: dict[str, ClientTool] = {}
        self._flat_names: dict[ClientTool, str] = {}

    def toolbox(self) -> Toolbox:
        return Toolbox(self._hosted, tuple(self._tools.values()), self._client_tools)

    def add(self, tool: Body, param: str, *, again: bool) -> None:
        """again: it may have the name of an earlier one."""
        kind = tool_kind(tool, param) or fields.required_string(tool, "type", param)
        if not is_callable(tool):
            self._hosted.add(tool, kind, f"{param}.type")
        for client_tool, found, place in _flatten(tool, kind, param):
            if client_tool in self._flat_names and not again:
                raise invalid(param, f"names that differ; {client_tool.name!r} stands twice")
            flat = self._flat_names.get(client_tool) or _join(client_tool.namespace, client_tool.name)
            while self._client_tools.get(flat, client_tool) != client_tool:
                flat += "_"
            is_custom = client_tool.kind == "custom"
            parameters = (custom_parameters if is_custom else from_parameters)(found, place)
            description, extras = fields.string(found, "description", place), function_extras(found, place)
            self._tools[flat] = Tool(flat, description, parameters, extras, takes_text=is_custom)
            self._client_tools[flat], self._flat_names[client_tool] = client_tool, flat


def is_callable(tool: Body) -> bool:
    """By the client; all others are hosted."""
    kind = tool.get("type")
    if kind == SEARCH:
        return tool.get("execution") == "client"
    return kind in (*KINDS, "namespace") or (not kind and "input_schema" in tool)


def _one_by_one(tool: Body) -> Iterator[Body]:
    """A namespace for each of its tools, so that one which cannot be read takes no other with it."""
    listed = tool.get("tools")
    if tool.get("type") != "namespace" or not isinstance(listed, list):
        yield tool
        return
    for _, inner in in_turns(listed):
        yield {"type": "namespace", "name": tool.get("name"), "tools": [inner]}


def _flatten(tool: Body, kind: str, param: str) -> Iterator[tuple[ClientTool, Body, str]]:
    """Each function, with what tells of it, and where that stands."""
    if kind in KINDS:
        yield _callable(tool, KINDS[kind], param)
    elif kind == SEARCH and is_callable(tool):
        yield ClientTool(SEARCH, SEARCH), tool, param
    elif kind == "namespace":
        namespace = fields.required_string(tool, "name", param)
        for inner, place in fields.objects(tool, "tools", param):
            inner_kind = fields.one_of(tool_kind(inner, place), KINDS, f"{place}.type", " or ".join(KINDS))
            yield _callable(inner, inner_kind, place, namespace)


def _callable(tool: Body, kind: Kind, param: str, namespace: str = "") -> tuple[ClientTool, Body, str]:
    found, place = inner_tool(tool, kind, param)
    return ClientTool(kind, fields.required_string(found, "name", place), namespace), found, place


def _join(namespace: str, name: str) -> str:
    return f"{namespace}__{name}" if namespace else name
