"""Files of a request -> files at GigaChat, which messages name by id (contract 3.3.1)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TypeAlias

from gpt2giga.chat import ChatRequest, File, Image, Message, ToolResult
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.contract.models import takes_images
from gpt2giga.upstream.files.media import Media, read
from gpt2giga.upstream.files.storage import Files
from gpt2giga.upstream.files.uploads import Uploads

# Of one request (contract 3.3.2).
MOST_IMAGES = 10
# All that would be read only to be refused is bounded too.
MOST_FILES = 20
LARGEST_REQUEST_BYTES = 80 * 1024 * 1024

log = logging.getLogger(__name__)

# A part of a request -> the file's id at GigaChat
FileIds: TypeAlias = dict[Image | File, str]


class Attachments:
    """The files of one account. What was uploaded is remembered: agents send the whole conversation every turn."""

    def __init__(self, files: Files, *, fetch_urls: bool, delete_files: bool, most_pixels: int) -> None:
        self._files, self._delete_files = files, delete_files
        self._read = partial(read, fetch_urls=fetch_urls, most_pixels=most_pixels)
        self._uploads = self._new_uploads()

    @contextmanager
    def of(self, chat: ChatRequest, model: str) -> Iterator[RequestFiles]:
        """The files of one request while its answer is made. With GPT2GIGA_DELETE_FILES they are its own, and go."""
        uploads = self._new_uploads() if self._delete_files else self._uploads
        try:
            yield RequestFiles(chat.messages, model, uploads, self._read)
        finally:
            if self._delete_files:
                self._files.discard(uploads.ids())

    def _new_uploads(self) -> Uploads:
        return Uploads(lambda media: self._files.upload(media).id)


class RequestFiles:
    """The files of one request."""

    def __init__(self, messages: tuple[Message, ...], model: str, uploads: Uploads, read: Callable[..., Media]) -> None:
        self._messages = messages
        self._model = model
        self._uploads = uploads
        self._read_part = read
        self._bytes_left = LARGEST_REQUEST_BYTES
        self._ids: FileIds | None = None

    def ids(self) -> FileIds:
        """Uploads them when asked for the first time. Raises BadRequest for what GigaChat would not take."""
        if self._ids is None:
            self._ids = self._upload()
        return self._ids

    def renew(self) -> bool:
        """A file may be gone at GigaChat, deleted by whoever has the key. True when `ids` will upload it again."""
        ids, self._ids = self._ids or {}, None
        return self._uploads.forget(ids.values())

    def _upload(self) -> FileIds:
        own = list(dict.fromkeys(part for message in self._messages for part in _files(message)))
        self._check_images(part for part in own if isinstance(part, Image))
        if len(own) > MOST_FILES:
            raise _refusal(f"a request may have {MOST_FILES} files; this one has {len(own)}")
        self._bytes_left = LARGEST_REQUEST_BYTES
        known = {part: part.file_id for part in own if isinstance(part, File) and part.file_id}
        media = {part: self._read(part) for part in own if part not in known}
        self._check(media.values())
        media |= self._tool_images(media.values())
        return known | {part: self._uploads.id_of(found) for part, found in media.items()}

    def _read(self, part: Image | File) -> Media:
        """Counted as they come, for the next ones may not even be fetched."""
        found = self._read_part(part, most_bytes=self._bytes_left)
        self._bytes_left -= len(found.content)
        if self._bytes_left < 0:
            raise _refusal(f"all files of a request together may have {LARGEST_REQUEST_BYTES} bytes")
        return found

    def _check_images(self, images: Iterable[Image]) -> None:
        """What can be said before anything is read."""
        images = list(images)
        if len(images) > MOST_IMAGES:
            raise _too_many_images(len(images))
        if images and not takes_images(self._model):
            raise self._no_images()
        for number, message in enumerate(self._messages):
            if sum(isinstance(part, Image) for part in message.parts) > 1:
                raise _refusal("GigaChat takes one image a message", f"messages[{number}]")

    def _check(self, media: Collection[Media]) -> None:
        """See contract 3.3.2, 3.3.4, 3.3.5, 3.3.6."""
        kinds = {found.kind for found in media}
        if len(kinds) > 1:
            raise _refusal(f"GigaChat takes one kind of file a request, not {' and '.join(sorted(kinds))}")
        if kinds == {"image"} and not takes_images(self._model):
            raise self._no_images()
        if kinds == {"image"} and len(media) > MOST_IMAGES:
            raise _too_many_images(len(media))
        if kinds == {"document"} and len(media) > 1:
            raise _refusal("GigaChat reads one document a request")

    def _tool_images(self, own: Collection[Media]) -> dict[Image | File, Media]:
        """Images in tool results, the newest first, as far as GigaChat takes them.

        Nobody chose to send them, and refusing one would end an agent's conversation for good.
        """
        room = MOST_IMAGES - len(own) if all(found.kind == "image" for found in own) else 0
        shown: dict[Image | File, Media] = {}
        newest = reversed(_result_images(self._messages) if takes_images(self._model) else [])
        for image in islice(newest, MOST_FILES):
            if len(shown) < room:
                try:
                    shown[image] = self._read(image)
                except BadRequest as error:
                    log.warning("An image in a tool result is left out: %s", error)
        return shown

    def _no_images(self) -> BadRequest:
        return BadRequest(f"The model {self._model} takes no images; GigaChat-2-Max does.", param="messages")


def _too_many_images(number: int) -> BadRequest:
    return _refusal(f"GigaChat takes {MOST_IMAGES} images a request; this one has {number}")


def _files(message: Message) -> Iterator[Image | File]:
    return (part for part in message.parts if isinstance(part, Image | File))


def _result_images(messages: Iterable[Message]) -> list[Image]:
    results = (part for message in messages for part in message.parts if isinstance(part, ToolResult))
    return list(dict.fromkeys(part for result in results for part in result.parts if isinstance(part, Image)))


def _refusal(why: str, param: str = "messages") -> BadRequest:
    return BadRequest(f"{why}.", param=param, code="invalid_attachment")
