"""Which files GigaChat takes, and in which form."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from typing import Any

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.chat import File, Image
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.files.media import from_bytes, Media, read
from tests.pictures import BMP, data_url, GIF, JPEG, png, TIFF, WEBP

LIMITS: dict[str, Any] = {"fetch_urls": False, "most_bytes": 80 * 2**20, "most_pixels": 25_000_000}


def file(media_type: str, name: str = "", content: bytes = b"hello") -> Media:
    return read(File(data_url(content, media_type), name), **LIMITS)


def refusal(part: Image | File) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read(part, **LIMITS)
    assert (caught.value.param, caught.value.code) == ("messages", "invalid_attachment")
    return caught.value


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    "media_type, name, expected",
    [
        ("application/pdf", "report.pdf", ("document", "report.pdf", "application/pdf")),
        ("application/pdf", "", ("document", "document.pdf", "application/pdf")),
        ("", "Отчёт за май.PDF", ("document", "Отчёт_за_май.pdf", "application/pdf")),
        ("application/octet-stream", "a.xlsx", ("document", "a.xlsx", XLSX)),
        ("text/markdown", "notes.md", ("document", "notes.txt", "text/plain")),
        ("text/csv", "../../etc/a.csv", ("document", "a.txt", "text/plain")),
        ("application/pdf", "a.exe", ("document", "a.pdf", "application/pdf")),
        ("audio/wav", "audio.wav", ("audio", "audio.wav", "audio/wav")),
        ("audio/mp3", "audio.mp3", ("audio", "audio.mp3", "audio/mpeg")),
        ("audio/m4a", "", ("audio", "audio.m4a", "audio/mp4")),
        ("audio/opus", "", ("audio", "audio.opus", "audio/opus")),
        ("image/png", "scan", ("image", "scan.png", "image/png")),
        ("", "scan.jpeg", ("image", "scan.jpg", "image/jpeg")),
        ("text/x-python", "a.py", ("document", "a.txt", "text/plain")),
        ("application/json", "data.json", ("document", "data.txt", "text/plain")),
        ("text/html", "index.html", ("document", "index.txt", "text/plain")),
        ("image/svg+xml", "logo.svg", ("document", "logo.txt", "text/plain")),
        ("application/octet-stream", "run.log", ("document", "run.txt", "text/plain")),
        ("", "Dockerfile", ("document", "Dockerfile.txt", "text/plain")),
        ("", "", ("document", "document.txt", "text/plain")),
    ],
)
def test_type_and_name(media_type: str, name: str, expected: tuple[str, str, str]) -> None:
    media = file(media_type, name)
    assert (media.kind, media.name, media.media_type) == expected and media.content == b"hello"


@pytest.mark.parametrize(
    "media_type, name, shown",
    [
        ("", "", "unknown"),
        ("", "a.exe", "unknown"),
        ("application/zip", "a.zip", "application/zip"),
        ("audio/flac", "audio.flac", "audio/flac"),
        ("video/quicktime", "", "video/quicktime"),
    ],
)
def test_unknown_types_are_named(media_type: str, name: str, shown: str) -> None:
    assert f"no files of type {shown}" in str(refusal(File(data_url(b"\0", media_type), name)))


@pytest.mark.parametrize("content", ["Привет".encode("cp1251"), b"text\0", b"\xd0"], ids=["cp1251", "zero", "cut"])
def test_what_is_not_utf_8_is_no_text(content: bytes) -> None:
    assert "no files of type text/x-python" in str(refusal(File(data_url(content, "text/x-python"), "a.py")))


def test_text_is_no_recording() -> None:
    assert "no files of type audio/flac" in str(refusal(File(data_url(b"text", "audio/flac"), "a.flac")))


@pytest.mark.parametrize(
    "media_type, most", [("image/png", 15 << 20), ("audio/wav", 35 << 20), ("application/pdf", 40 << 20)]
)
def test_sizes(media_type: str, most: int) -> None:
    assert len(from_bytes(bytes(most), media_type, "", 10**6).content) == most
    with pytest.raises(BadRequest, match=f"from 1 to {most}") as caught:
        from_bytes(bytes(most + 1), media_type, "", 10**6)
    assert caught.value.param == "file"


@pytest.mark.parametrize(
    "url, content",
    [
        ("data:text/plain;base64,aGVs\r\n bG8=", b"hello"),
        ("data:text/plain;charset=utf-8;base64,aGVsbG8=", b"hello"),
        ("data:text/plain,a%20b%00", b"a b\0"),
        ("data:Text/Plain;BASE64,aGVsbG8=", b"hello"),
    ],
)
def test_forms_of_data_urls(url: str, content: bytes) -> None:
    assert read(File(url), **LIMITS).content == content


@pytest.mark.parametrize("url", ["data:", "data:text/plain", "data:text/plain;base64,a", "data:text/plain;base64,é==="])
def test_data_urls_that_are_none(url: str) -> None:
    refusal(File(url))


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=10))
def test_any_data_url_is_read_or_refused(rest: str, name: str) -> None:
    try:
        assert read(File("data:" + rest, name), **LIMITS).content
    except BadRequest as error:
        assert error.code == "invalid_attachment"


def test_urls_are_fetched_only_when_that_is_wanted() -> None:
    assert "GPT2GIGA_FETCH_URLS" in str(refusal(Image("https://example.com/a.png")))


@pytest.mark.parametrize("is_typed", [True, False], ids=["typed", "untyped"])
@pytest.mark.parametrize("content, media_type", [(GIF, "image/gif"), (WEBP, "image/webp")], ids=["gif", "webp"])
def test_converted(content: bytes, media_type: str, is_typed: bool) -> None:
    media = read(Image(data_url(content, media_type if is_typed else "")), **LIMITS)
    assert (media.name, media.media_type) == ("image.png", "image/png")
    with PIL.Image.open(io.BytesIO(media.content)) as image:
        assert image.format == "PNG" and image.size == PIL.Image.open(io.BytesIO(content)).size


@pytest.mark.parametrize(
    "content, media_type",
    [(png(), "image/png"), (JPEG, "image/jpeg"), (BMP, "image/bmp"), (TIFF, "image/tiff")],
    ids=["png", "jpeg", "bmp", "tiff"],
)
def test_pictures_without_a_type(content: bytes, media_type: str) -> None:
    """Clients of Ollama send nothing but base64."""
    assert read(Image(data_url(content, "")), **LIMITS).media_type == media_type


def test_the_first_frame_of_an_animation() -> None:
    out = io.BytesIO()
    frames = [PIL.Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    with PIL.Image.open(io.BytesIO(file("image/gif", content=out.getvalue()).content)) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 0, 0)


@settings(deadline=None)
@given(st.sampled_from([(GIF, "image/gif"), (WEBP, "image/webp")]), st.integers(0, 60), st.binary(max_size=4))
def test_broken_pictures(picture: tuple[bytes, str], at: int, rubbish: bytes) -> None:
    content = picture[0][:at] + rubbish + picture[0][at + len(rubbish) + 1 :]
    try:
        assert file(picture[1], content=content).media_type == "image/png"
    except BadRequest as error:
        assert error.code == "invalid_attachment"


def test_only_what_it_says_it_is() -> None:
    """Pillow reads fifty formats, and runs Ghostscript for one of them."""
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"
    assert "cannot be read as image/gif" in str(refusal(Image(data_url(eps, "image/gif"))))


@pytest.mark.parametrize("side", [5001, 8000, 12000, 65535])
def test_pictures_that_would_unfold_to_gigabytes(side: int) -> None:
    content = GIF[:6] + struct.pack("<HH", side, side) + GIF[10:]
    assert "25000000 pixels" in str(refusal(Image(data_url(content, "image/gif"))))


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None  # as if it were not installed
from gpt2giga.chat import Image
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.files.media import read
try:
    read(Image(sys.argv[1]), fetch_urls=False, most_bytes=1, most_pixels=1)
except BadRequest as error:
    print(error)
"""


@pytest.mark.parametrize("content, media_type", [(GIF, "image/gif"), (WEBP, "image/webp")], ids=["gif", "webp"])
def test_without_pillow(content: bytes, media_type: str) -> None:
    command = [sys.executable, "-c", WITHOUT_PILLOW, data_url(content, media_type)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert f"GigaChat takes no {media_type}; install the extra 'images'" in done.stdout
