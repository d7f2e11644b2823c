"""Tools that their vendor runs, and what GigaChat does by itself in their place. Pure; raises BadRequest.

Cursor sends tools in the forms of three APIs to each, so one table says for all of them what a type means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gpt2giga.chat import HostedTool
from gpt2giga.dialects.fields import Body
from gpt2giga.errors import BadRequest

# What GigaChat does by itself, for a model by the name that the client asked for.
HostedTools: TypeAlias = Callable[[str], Collection[HostedTool]]

# The first is what the tool is for; the others come along where GigaChat has them. OpenAI's search opens pages too.
MEANINGS: tuple[tuple[re.Pattern[str], tuple[HostedTool, ...]], ...] = (
    (re.compile(r"web_search(_preview)?(_\d{4}_\d\d_\d\d)?"), ("web_search", "url_content_extraction")),
    (re.compile(r"web_search_\d{8}"), ("web_search",)),
    (re.compile(r"web_fetch_\d{8}"), ("url_content_extraction",)),
    (re.compile(r"image_generation"), ("image_generate",)),
    (re.compile(r"googleSearch(Retrieval)?"), ("web_search",)),
    (re.compile(r"urlContext"), ("url_content_extraction",)),
)
# What is no wish of its own, and wishes for what happens anyway.
NO_OPTIONS = ("type", "name", "cache_control")
DEFAULTS: Mapping[str, Any] = {
    "allowed_callers": ["direct"],
    "citations": {"enabled": True},
    "defer_loading": False,
    "external_web_access": True,
    "search_context_size": "medium",
    "strict": False,
}


def no_hosted_tools(model: str) -> Collection[HostedTool]:
    return ()


def meaning_of(kind: str) -> tuple[HostedTool, ...]:
    """Empty for a type that GigaChat has nothing like."""
    return next((tools for pattern, tools in MEANINGS if pattern.fullmatch(kind)), ())


@dataclass(slots=True)
class HostedFound:
    """The hosted tools of one request, as they are read. model: the name that the client asked for.

    left_out: the types of those that GigaChat lacks. kinds: each type that it has, with what it does then. options:
    where an option of such a tool stands, by its type; GigaChat has none. Dictionaries, since there may be very many.
    """

    model: str
    hosted_tools: HostedTools
    ignore: bool
    left_out: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, tuple[HostedTool, ...]] = field(default_factory=dict)
    options: dict[str, None] = field(default_factory=dict)

    def add(self, tool: Body, kind: str, param: str) -> None:
        """Raises BadRequest for one that is to be refused. param: where the error is."""
        if found := self.offered(kind):
            self.kinds[kind] = found
            self.options |= dict.fromkeys(options_of(tool, kind))
        elif not self.ignore:
            raise BadRequest(
                f"'{param}': the hosted tool {kind!r} runs at its vendor; GigaChat has none for this model "
                "(GPT2GIGA_IGNORE_HOSTED_TOOLS=True leaves such tools out).",
                param=param,
                code="unsupported_tool",
            )
        else:
            self.left_out[kind] = None

    def offered(self, kind: str) -> tuple[HostedTool, ...]:
        """What GigaChat does for a tool of this type; empty when it lacks what the tool is for."""
        wanted = meaning_of(kind)
        if not wanted:
            return ()
        known = self.hosted_tools(self.model)
        return tuple(tool for tool in wanted if tool in known) if wanted[0] in known else ()

    def chosen(self, kind: str) -> tuple[HostedTool, ...]:
        """What a choice of this type means, of what the request offers: the SDKs know fewer types there."""
        wanted = meaning_of(kind)
        return next((found for found in self.kinds.values() if wanted and found[0] == wanted[0]), ())

    def tools(self) -> tuple[HostedTool, ...]:
        return union(self.kinds.values())


def union(found: Iterable[tuple[HostedTool, ...]]) -> tuple[HostedTool, ...]:
    return tuple(dict.fromkeys(tool for tools in found for tool in tools))


def options_of(tool: Body, kind: str) -> list[str]:
    """Where each option of a hosted tool stands."""
    wishes = [name for name, value in tool.items() if value not in (None, "auto", DEFAULTS.get(name))]
    return [f"{kind}.{name}" for name in wishes if name not in NO_OPTIONS]
