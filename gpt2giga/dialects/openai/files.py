"""POST, GET and DELETE /v1/files, and /v1/files/{id}/content."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.dialects.fields import invalid
from gpt2giga.errors import NotFound
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.upstream.files.media import from_bytes
from gpt2giga.upstream.files.storage import StoredFile
from gpt2giga.web.body import json_response

FILE_ID = re.compile(r"[\w-]{1,128}")


def blueprint(get_upstream: GetUpstream) -> Blueprint:
    files = Blueprint("openai_files", __name__)

    @files.post("/files")
    def create() -> Response:
        sent = request.files.get("file")
        if sent is None:
            raise invalid("file", "a file, in a multipart form")
        media = from_bytes(sent.read(), sent.mimetype, sent.filename or "")
        return json_response(to_file(get_upstream().files.upload(media), request.form.get("purpose")))

    @files.get("/files")
    def list_files() -> Response:
        found = [to_file(file) for file in get_upstream().files.list()]
        return json_response({"object": "list", "data": found, "has_more": False})

    @files.get("/files/<file_id>")
    def retrieve(file_id: str) -> Response:
        return json_response(to_file(get_upstream().files.get(_checked(file_id))))

    @files.get("/files/<file_id>/content")
    def content(file_id: str) -> Response:
        return Response(get_upstream().files.content(_checked(file_id)), mimetype="application/octet-stream")

    @files.delete("/files/<file_id>")
    def delete(file_id: str) -> Response:
        get_upstream().files.delete(_checked(file_id))
        return json_response({"id": file_id, "object": "file", "deleted": True})

    return files


def _checked(file_id: str) -> str:
    """It becomes part of an address at GigaChat."""
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
