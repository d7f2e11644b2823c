"""What is remembered of uploads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

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
