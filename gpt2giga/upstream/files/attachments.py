"""Files of a request -> files at GigaChat, which messages name by id (contract 3.3.1)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

from gpt2giga.chat import ChatRequest, File, Image, Message, ToolResult
from gpt2giga.errors import BadRequest, BodyTooLarge, NotFound, PermissionDenied
from gpt2giga.language import _, N_
from gpt2giga.upstream.contract.history import files_of, MOST_IMAGES
from gpt2giga.upstream.files.media import Kind, Media, read
from gpt2giga.upstream.files.storage import Files, KindsOfStored
from gpt2giga.upstream.files.uploads import Uploads

# All that would be read only to be refused is bounded too.
MOST_FILES = 20
LARGEST_REQUEST_BYTES = 80 * 1024 * 1024
# Addresses of earlier turns that cannot be fetched, each after up to half a minute; what is older has mostly gone too.
MOST_DEAD_URLS = 3
# Contract 3.3.2, 3.3.4.
MOST_OF_A_KIND: dict[Kind, tuple[int, str]] = {
    "image": (MOST_IMAGES, N_("GigaChat takes {most} images a request")),
    "audio": (MOST_FILES, N_("A request may have {most} files")),
    "document": (1, N_("GigaChat reads one document a request")),
}

log = logging.getLogger(__name__)

# A part of a request -> the file's id at GigaChat
FileIds: TypeAlias = dict[Image | File, str]
# The id of a file that a client names -> its id at the account that answers, to which it may be uploaded first.
IdHere: TypeAlias = Callable[[str, Uploads], str]


def same_id(file_id: str, _: Uploads) -> str:
    """Where one account has all files."""
    return file_id


class Attachments:
    """The files of one account. What was uploaded is remembered: agents send the whole conversation every turn."""

    id_here: IdHere = staticmethod(same_id)

    def __init__(self, files: Files, *, fetch_urls: bool, delete_files: bool, most_pixels: int) -> None:
        self._files, self._delete_files = files, delete_files
        self._read = partial(read, fetch_urls=fetch_urls, most_pixels=most_pixels)
        self._uploads = self._new_uploads()
        self._kinds_of_stored = KindsOfStored(files)

    @contextmanager
    def of(self, chat: ChatRequest, model: str, *, takes_images: bool) -> Iterator[RequestFiles]:
        """The files of one request while its answer is made. With GPT2GIGA_DELETE_FILES they are its own, and go, and
        so are those that are shown once."""
        are_its_own = self._delete_files or _are_shown_once(chat)
        uploads = self._new_uploads() if are_its_own else self._uploads
        try:
            yield RequestFiles(
                chat.messages, model, takes_images, uploads, self._kinds_of_stored, self._read, self.id_here
            )
        finally:
            if are_its_own:
                self._files.discard(uploads.ids())

    def _new_uploads(self) -> Uploads:
        return Uploads(lambda media: self._files.upload(media).id)


class RequestFiles:
    """The files of one request.

    Clients send the whole conversation every turn, so only what the user sends now can be refused. Of what stands in
    earlier turns and in the results of tools, the newest that fit go up; the history names the others.
    """

    def __init__(
        self,
        messages: tuple[Message, ...],
        model: str,
        takes_images: bool,
        uploads: Uploads,
        kinds_of_stored: KindsOfStored,
        read: Callable[..., Media],
        id_here: IdHere = same_id,
    ) -> None:
        self._new, self._earlier = by_age(messages)
        self._model, self._takes_images = model, takes_images
        self._uploads = uploads
        self._kinds_of_stored = kinds_of_stored
        self._read_part, self._id_here = read, id_here
        self._bytes_left = LARGEST_REQUEST_BYTES
        self._ids: FileIds | None = None

    def ids(self) -> FileIds:
        """Uploads them when asked for the first time. Raises BadRequest for what GigaChat would not take."""
        if self._ids is None:
            self._bytes_left = LARGEST_REQUEST_BYTES
            chosen = _Chosen(self._model, self._takes_images)
            media = self._choose_new(chosen)
            chosen.ids |= {part: self._uploads.id_of(found) for part, found in media.items()}
            self._choose_earlier(chosen)
            self._ids = chosen.ids
        return self._ids

    def renew(self) -> bool:
        """A file may be gone at GigaChat, deleted by whoever has the key. True when `ids` will find out."""
        ids, self._ids = (self._ids or {}).values(), None
        return self._uploads.forget(ids) | self._kinds_of_stored.forget(ids)

    def _choose_new(self, chosen: _Chosen) -> dict[Image | File, Media]:
        """What is still to be uploaded, when all of it is known to be right."""
        if images := sum(isinstance(part, Image) for part in self._new):
            chosen.check("image", images)
        if len(self._new) > MOST_FILES:
            sentence = _("A request may have {most} files; this one has {count}", most=MOST_FILES, count=len(self._new))
            raise _refusal(sentence)
        media: dict[Image | File, Media] = {}
        for part in self._new:
            if not _stored_id(part):
                media[part] = self._read(part)
                chosen.check(media[part].kind)
                chosen.add(part, "", media[part].kind)
        for part in self._new:
            if file_id := self._stored_here(part):  # GigaChat judges what is there already, also how many
                chosen.add(part, file_id, self._kinds_of_stored.of(file_id) if self._earlier else None)
        return media

    def _choose_earlier(self, chosen: _Chosen) -> None:
        """The newest first. Nothing is read that there is no room for, nor more than may be read in all."""
        files_left, images_left, dead_urls = MOST_FILES - len(self._new), MOST_IMAGES - len(self._new), 0
        for part in self._earlier:
            if not part.url and not _stored_id(part):  # another key's, and only named
                continue
            is_image, is_url = isinstance(part, Image), part.url.startswith("http")
            if files_left <= 0 or chosen.is_full():
                return
            if is_image and not (images_left > 0 and chosen.takes("image")) or is_url and dead_urls == MOST_DEAD_URLS:
                continue
            files_left, images_left = files_left - 1, images_left - is_image
            try:
                self._choose(part, chosen)
            except (BadRequest, BodyTooLarge, NotFound, PermissionDenied) as error:
                dead_urls += is_url
                log.warning("A file of an earlier turn is left out: %s", error)

    def _choose(self, part: Image | File, chosen: _Chosen) -> None:
        """Also what GigaChat's storage says of it, is said of an earlier turn."""
        file_id = self._stored_here(part)
        media = None if file_id else self._read(part)
        kind = media.kind if media else self._kinds_of_stored.of(file_id)
        if chosen.takes(kind):
            chosen.add(part, self._uploads.id_of(media) if media else file_id, kind)

    def _stored_here(self, part: Image | File) -> str:
        file_id = _stored_id(part)
        return file_id and self._id_here(file_id, self._uploads)

    def _read(self, part: Image | File) -> Media:
        """Counted as they come, for the next ones may not even be fetched."""
        media = self._read_part(part, most_bytes=self._bytes_left)
        if len(media.content) > self._bytes_left:
            raise _refusal(_("All files of a request together may have {most} bytes", most=LARGEST_REQUEST_BYTES))
        self._bytes_left -= len(media.content)
        return media


class _Chosen:
    """The files that go up, all of one kind (contract 3.3.5)."""

    def __init__(self, model: str, takes_images: bool) -> None:
        self._model, self._takes_images = model, takes_images
        self._kind: Kind | None = None
        self.ids: FileIds = {}

    def add(self, part: Image | File, file_id: str, kind: Kind | None) -> None:
        self._kind = self._kind or kind
        self.ids[part] = file_id

    def is_full(self) -> bool:
        return self._kind is not None and not self.takes(self._kind)

    def takes(self, kind: Kind) -> bool:
        try:
            self.check(kind)
        except BadRequest:
            return False
        return True

    def check(self, kind: Kind, more: int = 1) -> None:
        """Raises BadRequest where no more of the kind fit, or not so many: contract 3.3.2, 3.3.4, 3.3.5, 3.3.6."""
        if self._kind not in (None, kind):
            first, second = sorted((self._kind, kind))
            raise _refusal(
                _("GigaChat takes one kind of file a request, not {first} and {second}", first=first, second=second)
            )
        if kind == "image" and not self._takes_images:
            raise BadRequest(
                _("The model {model} takes no images; GigaChat-2-Max does.", model=self._model), param="messages"
            )
        most, words = MOST_OF_A_KIND[kind]
        if len(self.ids) + more > most:
            raise _refusal(_(words, most=most))


def by_age(messages: tuple[Message, ...]) -> tuple[list[Image | File], list[Image | File]]:
    """The files that the user sends now, and all others with the newest first; in either list each once.

    Now: in the last message with words or files of the user's own, unless the model has answered it, which it did
    with what it was shown. Files of that message still come before what tools found since.
    """
    own = [number for number, message in enumerate(messages) if _is_the_users_own(message)]
    newest = messages[own[-1] :] if own else ()
    asked = [part for message in newest[:1] for part in message.parts if isinstance(part, Image | File)]
    is_answered = any(message.role == "assistant" for message in newest)
    theirs = (part for message in messages if message.role == "user" for part in message.parts)
    all_files = [file for part in theirs for file in files_of(part)]
    new = [] if is_answered else [*dict.fromkeys(asked)]
    earlier = dict.fromkeys([*reversed(asked if is_answered else []), *reversed(all_files)])
    return new, [part for part in earlier if part not in new]


def _are_shown_once(chat: ChatRequest) -> bool:
    return any(isinstance(part, File) and part.once for message in chat.messages for part in message.parts)


def _is_the_users_own(message: Message) -> bool:
    """Not only what tools answered."""
    return message.role == "user" and any(not isinstance(part, ToolResult) for part in message.parts)


def _stored_id(part: Image | File) -> str:
    return part.file_id if isinstance(part, File) else ""


def _refusal(why: str) -> BadRequest:
    return BadRequest(f"{why}.", param="messages", code="invalid_attachment")
