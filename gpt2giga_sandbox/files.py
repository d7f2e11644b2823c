"""Uploading, listing, reading and deleting files (contract 2.10, 2.11, 3.3.9)."""

from __future__ import annotations

from flask import Blueprint, request, Response

from gpt2giga_sandbox.delivery import Reply
from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.replies import account, answer_json, client_id, own_files, send, state, take
from gpt2giga_sandbox.storage import check_upload, StoredFile

blueprint = Blueprint("files", __name__, url_prefix="/files")


@blueprint.post("")
def upload() -> Response:
    part = request.files.get("file")
    if part is None:
        raise Refusal(400, "File is missing")
    content = part.read()
    check_upload(part.mimetype, len(content))
    purpose = request.form.get("purpose", "general")
    file = StoredFile(part.filename or "file", part.mimetype, content, purpose, client_id(), account())
    state().add_file(file)
    return answer_json("files", file.entry())


@blueprint.get("")
def listing() -> Response:
    return answer_json("files", {"data": [file.entry() for file in own_files().values()]})


@blueprint.get("/<file_id>")
def entry(file_id: str) -> Response:
    return answer_json("files", _find(file_id).entry())


@blueprint.get("/<file_id>/content")
def content(file_id: str) -> Response:
    file = _find(file_id)
    return send(take("files"), Reply([file.content], headers={"Content-Type": file.mime}))


@blueprint.post("/<file_id>/delete")
def delete(file_id: str) -> Response:
    state().delete_file(_find(file_id).id)
    return answer_json("files", {"id": file_id, "deleted": True})


def _find(file_id: str) -> StoredFile:
    file = own_files().get(file_id)
    if file is None:
        raise Refusal(404, "No such file")
    return file
