"""/v1/files: most are GigaChat's, and those of batches are kept here. Their ids tell them apart."""

from __future__ import annotations

import errno
import io
import logging
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from flask import Blueprint, request, Response

from gpt2giga.concurrency.waiting import give_way
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.batches import from_expires_after
from gpt2giga.dialects.openai.files import to_file, to_file_list
from gpt2giga.errors import BadRequest, BodyTooLarge, ProxyError, RateLimited, Unavailable
from gpt2giga.store.batches import Batches, INPUT, OUTPUT
from gpt2giga.store.database import Unusable
from gpt2giga.store.files import FileInUse, KeptFile, LocalFiles, MOST_FILES, MOST_LINES, NoRoom, TooManyFiles
from gpt2giga.upstream.files.media import from_bytes
from gpt2giga.upstream.files.storage import check_id, missing_file, StoredFile
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_response
from gpt2giga.web.exchange import current, Exchange, Outcome
from gpt2giga.web.file_owners import FileOwners
from gpt2giga.web.store_errors import store_unavailable
from gpt2giga.web.streaming import stream

OURS = re.compile(r"file-[0-9a-f]{32}")
LONGEST_NAME = 255
BYTES = "application/octet-stream"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of batches. wake: says that there may be something to do."""

    files: LocalFiles
    batches: Batches
    wake: Callable[[], None]


def files_blueprint(get_upstream: GetUpstream, owners: FileOwners, kept: Kept | None, problem: str) -> Blueprint:
    """kept: None where nothing can be; `problem` says why."""
    views = _Views(get_upstream, owners, kept, problem)
    openai = Blueprint("openai_files", __name__)
    openai.post("/files")(views.upload_file)
    openai.get("/files")(views.list_files)
    openai.get("/files/<file_id>")(views.retrieve_file)
    openai.get("/files/<file_id>/content")(views.retrieve_file_content)
    openai.delete("/files/<file_id>")(views.delete_file)
    return openai


@contextmanager
def within_reach() -> Iterator[None]:
    """Raises Unavailable where the database cannot be used."""
    try:
        yield
    except Unusable as unusable:
        raise store_unavailable("Batches and their files cannot be reached", unusable) from unusable


def too_many(words: str, code: str) -> RateLimited:
    """That does not pass by itself in the seconds after which clients repeat their requests."""
    error = RateLimited(words, code=code)
    error.is_final = True
    return error


class _Views:
    def __init__(self, get_upstream: GetUpstream, owners: FileOwners, kept: Kept | None, problem: str) -> None:
        self._get_upstream, self._owners = get_upstream, owners
        self._kept = kept.files if kept else None
        self._problem = problem

    def upload_file(self) -> Response:
        sent = request.files.get("file")
        if sent is None:
            raise invalid("file", "a file, in a multipart form")
        purpose = request.form.get("purpose", "")
        if purpose == INPUT:
            return json_response(to_file(_to_stored(self._keep(sent.read(), sent.filename or ""))))
        media = from_bytes(sent.read(), sent.mimetype, sent.filename or "", current().limits.max_pixels)
        files = self._get_upstream().files
        stored = files.upload(media, purpose)
        try:
            self._owners.add(current().tenant, stored.id)
        except (BadRequest, Unavailable):
            with suppress(ProxyError):
                files.delete(stored.id)  # nobody could ever ask for it
            raise
        return json_response(to_file(stored))

    def list_files(self) -> Response:
        tenant, is_ours = current().tenant, request.args.get("purpose") in (INPUT, OUTPUT)
        found: list[StoredFile] = []
        if not is_ours:
            found = self._owners.only_owned(tenant, self._get_upstream().files.list())
        if self._kept:
            with within_reach():
                found += map(_to_stored, self._kept.all(tenant))
        return json_response(to_file_list(found, request.args))

    def retrieve_file(self, file_id: str) -> Response:
        if self._kept and OURS.fullmatch(file_id):
            return json_response(to_file(_to_stored(self._find(self._kept, file_id))))
        return json_response(to_file(self._get_upstream().files.get(self._own(file_id))))

    def retrieve_file_content(self, file_id: str) -> Response:
        if self._kept and OURS.fullmatch(file_id):
            found, exchange = self._find(self._kept, file_id), current()
            headers = {"Content-Length": str(found.size)}
            return stream(exchange, _pieces(exchange, self._kept, found), BYTES, headers)
        return Response(self._get_upstream().files.content(self._own(file_id)), mimetype=BYTES)

    def delete_file(self, file_id: str) -> Response:
        if self._kept and OURS.fullmatch(file_id):
            try:
                with within_reach():
                    if not self._kept.delete(current().tenant, file_id):
                        raise missing_file(file_id)
            except FileInUse as use:
                raise BadRequest(f"The batch '{use}' still needs this file.", code="file_in_use") from None
        else:
            self._get_upstream().files.delete(self._own(file_id))
            self._owners.remove(current().tenant, file_id)
        return json_response({"id": file_id, "object": "file", "deleted": True})

    def _own(self, file_id: str) -> str:
        return self._owners.check(current().tenant, check_id(file_id))

    def _find(self, files: LocalFiles, file_id: str) -> KeptFile:
        with within_reach():
            found = files.get(current().tenant, file_id)
        if found is None:
            raise missing_file(file_id)
        return found

    def _keep(self, content: bytes, name: str) -> KeptFile:
        """The lines themselves the batch looks at."""
        if self._kept is None:
            raise BadRequest(self._problem, param="purpose", code="store_unavailable")
        form = {key: request.form.get(f"expires_after[{key}]") for key in ("anchor", "seconds")}
        given = {key: value for key, value in form.items() if value is not None}
        seconds = from_expires_after(given, "expires_after")
        if not content:
            raise invalid("file", "a file that is not empty")
        give_way()  # the form was large too
        if content.count(b"\n") > MOST_LINES:
            raise BodyTooLarge(f"The file has more than the {MOST_LINES} lines that a batch may have.", param="file")
        lines = io.BytesIO(content).readlines()
        give_way()
        name = name.replace("\0", "")[:LONGEST_NAME]
        try:
            with within_reach():
                return self._kept.add(current().tenant, INPUT, name, lines, seconds)
        except NoRoom as full:
            raise BodyTooLarge(
                f"There is no room for this file: GPT2GIGA_BATCH_FILES_SIZE allows the files of batches "
                f"{self._kept.most_bytes} bytes, and {full.taken} are taken. Delete those that nobody needs any more.",
                param="file",
                code="no_room",
            ) from None
        except TooManyFiles:
            raise too_many(f"There are {MOST_FILES} files already. Delete some.", "too_many_files") from None


def _pieces(exchange: Exchange, files: LocalFiles, file: KeptFile) -> Generator[bytes, None, None]:
    """What was deleted meanwhile, or cannot be read any more, must not look whole: the connection ends before it."""
    after = sent = 0
    try:
        with within_reach():
            while lines := files.step(file.id, after):
                after = lines[-1][0]
                piece = b"".join(body for _, body in lines)
                sent += len(piece)
                yield piece
        if sent < file.size:
            raise missing_file(file.id)
    except ProxyError as error:
        if not sent:
            raise
        log.warning("The content of a file breaks off: %s", error)
        exchange.fail(error)
        raise ConnectionResetError(errno.ECONNRESET, "the content breaks off") from None
    exchange.outcome = Outcome.WHOLE


def _to_stored(file: KeptFile) -> StoredFile:
    return StoredFile(file.id, file.name, file.size, int(file.created), file.purpose, int(file.expires))
