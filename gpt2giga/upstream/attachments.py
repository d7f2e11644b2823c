"""Files of a request -> files at GigaChat, which messages name by id (contract 3.3)."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import File
from gpt2giga.chat import Image
from gpt2giga.chat import Message
from gpt2giga.chat import ToolResult
from gpt2giga.errors import BadRequest
from gpt2giga.settings import Settings
from gpt2giga.upstream.files import Files
from gpt2giga.upstream.media import Media
from gpt2giga.upstream.media import read
from gpt2giga.upstream.models import takes_images

MOST_IMAGES = 10
LARGEST_REQUEST = 80 * 1024 * 1024
REMEMBERED = 1000

# A part of a request -> the file's id at GigaChat
FileIds: TypeAlias = dict[Image | File, str]


class Attachments:
    """The files of one account. The same bytes are uploaded once: agents send the whole conversation every turn."""

    def __init__(self, settings: Settings, files: Files) -> None:
        self._settings = settings
        self._files = files
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def file_ids(self, chat: ChatRequest, model: str) -> FileIds:
        """Raises BadRequest for what GigaChat would not take.

        Images in tool results are left out for a model that takes none: the user did not choose to send them.
        """
        parts = _own_parts(chat.messages)
        shown = [image for image in _shown_by_tools(chat.messages) if takes_images(model)]
        if any(isinstance(part, Image) for part in parts) and not takes_images(model):
            raise BadRequest(f"The model {model} takes no images; GigaChat-2-Max does.", param="messages")
        for number, message in enumerate(chat.messages):
            if sum(isinstance(part, Image) for part in message.parts) > 1:
                raise _refused("GigaChat takes one image a message", f"messages[{number}]")
        ids: FileIds = {part: part.file_id for part in parts if isinstance(part, File) and part.file_id}
        media = {
            part: read(part, fetch_urls=self._settings.fetch_urls)
            for part in dict.fromkeys([*parts, *shown])
            if part not in ids
        }
        _check(list(media.values()))
        return ids | {part: self._file_id(found) for part, found in media.items()}

    def forget(self, file_ids: Iterable[str]) -> None:
        """GigaChat does not know one of these any more; the next request uploads them again."""
        gone = set(file_ids)
        with self._lock:
            for key in [key for key, known in self._ids.items() if known in gone]:
                del self._ids[key]

    @contextmanager
    def cleaned_up(self) -> Iterator[list[str]]:
        """With GPT2GIGA_DELETE_FILES the ids put into the list are deleted when the answer is done."""
        used: list[str] = []
        try:
            yield used
        finally:
            if self._settings.delete_files:
                self.forget(used)
                for file_id in dict.fromkeys(used):
                    self._files.discard(file_id)

    def _file_id(self, media: Media) -> str:
        key = hashlib.sha256(media.media_type.encode() + b"\0" + media.content).hexdigest()
        with self._lock:
            known = self._ids.get(key)
        known = known or self._files.upload(media).id
        with self._lock:
            self._ids[key] = known
            self._ids.move_to_end(key)
            while len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)
        return known


def _own_parts(messages: Iterable[Message]) -> list[Image | File]:
    return [part for message in messages for part in message.parts if isinstance(part, Image | File)]


def _shown_by_tools(messages: Iterable[Message]) -> Iterator[Image]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield from (image for image in part.parts if isinstance(image, Image))


def _check(media: list[Media]) -> None:
    kinds = {found.kind for found in media}
    if len(kinds) > 1:
        raise _refused(f"GigaChat takes one kind of file a request, not {' and '.join(sorted(kinds))}")
    if kinds == {"image"} and len(media) > MOST_IMAGES:
        raise _refused(f"GigaChat takes {MOST_IMAGES} images a request; this one has {len(media)}")
    if kinds == {"document"} and len(media) > 1:
        raise _refused("GigaChat reads one document a request")
    if sum(len(found.content) for found in media) > LARGEST_REQUEST:
        raise _refused(f"all files of a request together may have {LARGEST_REQUEST} bytes")


def _refused(why: str, param: str = "messages") -> BadRequest:
    return BadRequest(f"{why}.", param=param, code="invalid_attachment")
