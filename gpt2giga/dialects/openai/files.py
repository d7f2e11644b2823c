"""GigaChat's stored files in OpenAI's shape. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gpt2giga.dialects.pages import from_query, to_page
from gpt2giga.upstream.files.storage import StoredFile

# What GigaChat calls the purpose of any file (contract 2.10).
GENERAL = "general"

MOST_FILES = 10_000


def to_file_list(files: Iterable[StoredFile], query: Mapping[str, str]) -> dict[str, Any]:
    """Files of the query's purpose, and those whose own nobody remembers: they are what the client takes them for."""
    purpose = query.get("purpose")
    chosen = [file for file in files if not purpose or file.purpose in (purpose, GENERAL)]
    found = [to_file(file, purpose) for file in sorted(chosen, key=lambda file: file.created_at)]
    return to_page(found, from_query(query, usual=MOST_FILES, most=MOST_FILES))


def to_file(file: StoredFile, purpose: str | None = None) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created_at,
        "filename": file.name,
        "purpose": purpose or file.purpose,
        "status": "processed",
        **({"expires_at": file.expires_at} if file.expires_at else {}),
    }
