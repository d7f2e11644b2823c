"""What is remembered of uploads, and how much is read."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gpt2giga.chat import File, Image, Message, Text
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.contract.history import MOST_IMAGES
from gpt2giga.upstream.files.attachments import RequestFiles
from gpt2giga.upstream.files.media import Media
from gpt2giga.upstream.files.uploads import MOST_REMEMBERED, Uploads


def media(content: bytes, media_type: str = "text/plain") -> Media:
    return Media("document", "a.txt", content, media_type)


@pytest.fixture
def sent() -> list[bytes]:
    return []


@pytest.fixture
def uploads(sent: list[bytes]) -> Uploads:
    def upload(media: Media) -> str:
        sent.append(media.content)
        return f"id-{len(sent)}"

    return Uploads(upload)


def test_once(uploads: Uploads, sent: list[bytes]) -> None:
    assert [uploads.id_of(media(content)) for content in (b"a", b"b", b"a")] == ["id-1", "id-2", "id-1"]
    assert uploads.id_of(media(b"a", "text/csv")) == "id-3", "another type is another file"
    assert uploads.ids() == ["id-2", "id-1", "id-3"]


def test_forgotten(uploads: Uploads, sent: list[bytes]) -> None:
    uploads.id_of(media(b"a"))
    assert uploads.forget(["id-1", "foreign"]) and not uploads.forget(["id-1"])
    assert uploads.id_of(media(b"a")) == "id-2"


def test_bounded(uploads: Uploads, sent: list[bytes]) -> None:
    for number in range(MOST_REMEMBERED):
        uploads.id_of(media(b"%d" % number))
    uploads.id_of(media(b"0"))  # used again, so the next one goes
    uploads.id_of(media(b"new"))
    before = len(sent)
    uploads.id_of(media(b"0"))
    assert len(sent) == before and len(uploads.ids()) == MOST_REMEMBERED
    uploads.id_of(media(b"1"))
    assert len(sent) == before + 1


def test_an_upload_in_work_is_waited_for_and_others_are_not() -> None:
    begun, go, sent = threading.Event(), threading.Event(), []

    def upload(media: Media) -> str:
        sent.append(media.content)
        if media.content == b"slow":
            begun.set()
            go.wait(10)
        return f"id-{len(sent)}"

    uploads = Uploads(upload)
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(uploads.id_of, media(b"slow")) for _ in range(3)]
        assert begun.wait(10)
        assert uploads.id_of(media(b"quick")) == "id-2"
        go.set()
        assert len({future.result() for future in slow}) == 1 and sent == [b"slow", b"quick"]


def test_an_upload_that_failed_is_tried_again() -> None:
    failures = [OSError()]

    def upload(media: Media) -> str:
        if failures:
            raise failures.pop()
        return "id"

    uploads = Uploads(upload)
    with pytest.raises(OSError):
        uploads.id_of(media(b"a"))
    assert uploads.ids() == [] and uploads.id_of(media(b"a")) == "id"


class Reading:
    """What is read of a request, where nothing that is read can be used, or all of it is of one size."""

    def __init__(self, *, size: int = 0) -> None:
        self.parts: list[Image | File] = []
        self.most_bytes: list[int] = []
        self._size = size

    def __call__(self, part: Image | File, most_bytes: int) -> Media:
        self.parts.append(part)
        self.most_bytes.append(most_bytes)
        if not self._size:
            raise BadRequest("of no use")
        return Media("audio", "a.mp3", bytes(self._size), "audio/mpeg")


def of_earlier_turns(reading: Reading, *parts: Image | File) -> dict[Image | File, str]:
    turns = [Message("user", (part,)) for part in parts]
    messages = (*turns, Message("assistant", (Text("Да."),)), Message("user", (Text("А?"),)))
    return RequestFiles(messages, "GigaChat-2-Max", True, Uploads(lambda media: "id"), NO_STORED, reading).ids()


NO_STORED: Any = None  # no request here names any
IMAGES = [Image(f"data:image/png,{number}") for number in range(30)]
DOCUMENTS = [File(f"data:text/plain,{number}") for number in range(30)]
ADDRESSES = [Image(f"https://example.com/{number}") for number in range(30)]


@pytest.mark.parametrize(
    "parts, most",
    [(IMAGES, 10), (DOCUMENTS, 20), ([*IMAGES, *DOCUMENTS], 20), ([*DOCUMENTS, *IMAGES], 20), (ADDRESSES, 3)],
    ids=["images", "documents", "images first", "documents first", "addresses"],
)
def test_no_more_is_read_than_may_be(parts: list[Image | File], most: int) -> None:
    """Of use or not; the newest."""
    reading = Reading()
    assert of_earlier_turns(reading, *parts) == {}
    assert len(reading.parts) == most and reading.parts[0] == parts[-1]
    assert sum(isinstance(part, Image) for part in reading.parts) <= MOST_IMAGES


def test_bytes_are_counted_over_all_files() -> None:
    reading = Reading(size=30 * 2**20)
    recordings = [File(f"data:audio/mpeg,{number}") for number in range(3)]
    assert of_earlier_turns(reading, *recordings) == {recordings[2]: "id", recordings[1]: "id"}
    assert [most // 2**20 for most in reading.most_bytes] == [80, 50, 20]
