"""Searches that GigaChat does by itself, as Anthropic tells of its own. Pure."""

from __future__ import annotations

from typing import Any, TypeAlias

from gpt2giga.chat import Citation, HostedCall

Block: TypeAlias = dict[str, Any]


class Searches:
    """Of one answer. The results come behind the text, where the sources are known: GigaChat tells them with the text
    or after it, and Claude Code shows the links of the results.

    Pages that GigaChat reads are only counted: it does not tell which, and a block would have to hold their text.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._ids: dict[str, str] = {}
        self._has_failed: dict[str, bool] = {}
        self._pages: set[str] = set()
        self._sources: dict[str, str] = {}

    def tell(self, call: HostedCall) -> str:
        """The id of a search that begins; empty when this is no news of that kind."""
        if call.tool == "url_content_extraction":
            self._pages.add(call.id)
        if call.tool != "web_search":
            return ""
        is_new = call.id not in self._ids
        own_id = self._ids.setdefault(call.id, f"srvtoolu_{self._key}{len(self._ids)}")
        if is_new or own_id in self._has_failed:
            self._has_failed[own_id] = call.status == "failed"
        return own_id if is_new else ""

    def add_source(self, citation: Citation) -> None:
        self._sources.setdefault(citation.url, citation.title)

    def take_results(self) -> list[Block]:
        """One for each search that has none yet. GigaChat does not tell which of them found a source: the last did."""
        waiting, self._has_failed = self._has_failed, {}
        right = [search for search, has_failed in waiting.items() if not has_failed]
        found = [_to_result(url, title) for url, title in self._sources.items()] if right else []
        if right:
            self._sources = {}
        return [
            _to_results(search, FAILURE if has_failed else found if search == right[-1] else [])
            for search, has_failed in waiting.items()
        ]

    def to_usage(self) -> dict[str, Any]:
        """Empty where nothing was searched for and read."""
        counted = {"web_search_requests": len(self._ids), "web_fetch_requests": len(self._pages)}
        return {"server_tool_use": counted} if any(counted.values()) else {}


FAILURE = {"type": "web_search_tool_result_error", "error_code": "unavailable"}


def to_search(search: str) -> Block:
    return {"type": "server_tool_use", "id": search, "name": "web_search", "input": {}}


def to_citation(citation: Citation) -> Block:
    """The words of the page are not known, nor is there anything that only Anthropic could read."""
    location = {"url": citation.url, "title": citation.title, "cited_text": "", "encrypted_index": ""}
    return {"type": "web_search_result_location", **location}


def _to_results(search: str, content: Any) -> Block:
    return {"type": "web_search_tool_result", "tool_use_id": search, "content": content}


def _to_result(url: str, title: str) -> Block:
    found = {"url": url, "title": title, "encrypted_content": "", "page_age": None}
    return {"type": "web_search_result", **found}
