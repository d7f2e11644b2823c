"""GigaChat's stored files in OpenAI's shape. Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.errors import NotFound
from gpt2giga.upstream.files.storage import FILE_ID, StoredFile


def check_id(file_id: str) -> str:
    """It becomes part of an address at GigaChat. Raises NotFound."""
    if not FILE_ID.fullmatch(file_id):
        raise NotFound(f"There is no file {file_id!r}.")
    return file_id


def to_file(file: StoredFile, purpose: str | None = None) -> dict[str, Any]:
    """GigaChat knows one purpose only; after an upload the client reads its own."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created_at,
        "filename": file.name,
        "purpose": purpose or file.purpose,
        "status": "processed",
    }
