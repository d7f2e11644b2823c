"""GigaChat's file storage (contract 2.10, 2.11)."""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gpt2giga.errors import NotFound, ProxyError
from gpt2giga.upstream.contract.answers import whole_number
from gpt2giga.upstream.files.media import Kind, kind_of_name, Media
from gpt2giga.upstream.transport.sdk import GigaChatClient

if TYPE_CHECKING:
    from gigachat.models import UploadedFile

MOST_REMEMBERED = 1000
FILE_ID = re.compile(r"[\w-]{1,128}")

log = logging.getLogger(__name__)

MOST_PURPOSES = 10_000
LONGEST_PURPOSE = 64  # those of OpenAI's have at most twenty letters


@dataclass(frozen=True, slots=True)
class StoredFile:
    """created_at, expires_at: seconds; expires_at is 0 where it never does. size: bytes."""

    id: str
    name: str
    size: int
    created_at: int
    purpose: str
    expires_at: int = 0


class Files:
    """Every method but `discard` raises ProxyError."""

    def __init__(self, client: GigaChatClient, explaining: Callable[[], AbstractContextManager[None]]) -> None:
        self._client = client
        self._explaining = explaining
        self._purposes: dict[str, str] = {}

    def upload(self, media: Media, purpose: str = "") -> StoredFile:
        """purpose: what the client calls it. GigaChat knows one only, so it is remembered here, while it lasts."""
        with self._explaining():
            stored = self._to_stored(self._client.upload_file((media.name, media.content, media.media_type)))
        if not 0 < len(purpose) <= LONGEST_PURPOSE:
            return stored
        if len(self._purposes) >= MOST_PURPOSES:
            self._purposes.clear()
        self._purposes[stored.id] = purpose
        return replace(stored, purpose=purpose)

    def list(self) -> list[StoredFile]:
        with self._explaining():
            return [self._to_stored(file) for file in self._client.get_files().data]

    def get(self, file_id: str) -> StoredFile:
        with self._explaining():
            return self._to_stored(self._client.get_file(file_id))

    def content(self, file_id: str) -> bytes:
        """The SDK calls it an image, but GigaChat gives any file's bytes."""
        with self._explaining():
            return base64.b64decode(self._client.get_image(file_id).content)

    def delete(self, file_id: str) -> None:
        with self._explaining():
            self._client.delete_file(file_id)

    def discard(self, file_ids: Sequence[str]) -> None:
        """After an answer, in the background: its client need not wait, and may have hung up."""
        if file_ids:
            threading.Thread(target=self._discard, args=(file_ids,)).start()

    def _discard(self, file_ids: Sequence[str]) -> None:
        for file_id in file_ids:
            try:
                self.delete(file_id)
            except ProxyError as error:
                log.warning("A file of a request could not be deleted: %s", error)

    def _to_stored(self, file: UploadedFile) -> StoredFile:
        size, created_at = whole_number(file.bytes_), whole_number(file.created_at)
        return StoredFile(file.id_, file.filename, size, created_at, self._purposes.get(file.id_, file.purpose))


class KindsOfStored:
    """Of what kind the files are that requests name by id: agents name them again every turn."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._kinds: dict[str, Kind] = {}

    def of(self, file_id: str) -> Kind:
        """Raises NotFound for a file that is not there, ProxyError."""
        if check_id(file_id) not in self._kinds:
            if len(self._kinds) >= MOST_REMEMBERED:
                self._kinds.clear()
            self._kinds[file_id] = kind_of_name(self._files.get(file_id).name)
        return self._kinds[file_id]

    def forget(self, file_ids: Iterable[str]) -> bool:
        """GigaChat does not know one of these any more. True when there was anything to forget."""
        return bool([file_id for file_id in file_ids if self._kinds.pop(file_id, None)])


def check_id(file_id: str) -> str:
    """It becomes part of an address at GigaChat. Raises NotFound."""
    if not FILE_ID.fullmatch(file_id):
        raise missing_file(file_id)
    return file_id


def missing_file(file_id: str) -> NotFound:
    return NotFound(f"There is no file {file_id!r}.")
