"""What files GigaChat takes (contract 3.3.3, 3.3.7), and reading them from data URLs and addresses."""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

from gpt2giga.chat import File, Image
from gpt2giga.concurrency import background
from gpt2giga.concurrency.memory import give_back_soon
from gpt2giga.errors import BadRequest
from gpt2giga.language import _

Kind: TypeAlias = Literal["image", "audio", "document"]
MIB = 1024 * 1024
LARGEST_BYTES: dict[Kind, int] = {"image": 15 * MIB, "audio": 35 * MIB, "document": 40 * MIB}
# Media type -> kind and the ending of the file's name.
TYPES: dict[str, tuple[Kind, str]] = {
    "image/jpeg": ("image", "jpg"),
    "image/png": ("image", "png"),
    "image/tiff": ("image", "tiff"),
    "image/bmp": ("image", "bmp"),
    "audio/mpeg": ("audio", "mp3"),
    "audio/mp4": ("audio", "m4a"),
    "audio/wav": ("audio", "wav"),
    "audio/webm": ("audio", "weba"),
    "audio/ogg": ("audio", "ogg"),
    "audio/opus": ("audio", "opus"),
    "text/plain": ("document", "txt"),
    "application/msword": ("document", "doc"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("document", "docx"),
    "application/pdf": ("document", "pdf"),
    "application/epub+zip": ("document", "epub"),
    "application/vnd.ms-powerpoint": ("document", "ppt"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("document", "pptx"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("document", "xlsx"),
}
SYNONYMS = {
    "image/jpg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "video/mp4": "audio/mp4",
    "video/webm": "audio/webm",
    "text/markdown": "text/plain",
    "text/csv": "text/plain",
}
BY_ENDING = {ending: media_type for media_type, (_, ending) in TYPES.items()} | {
    "jpeg": "image/jpeg",
    "md": "text/plain",
    "mp4": "audio/mp4",
    "mpeg": "audio/mpeg",
    "mpga": "audio/mpeg",
    "oga": "audio/ogg",
    "webm": "audio/webm",
}
# Of files that come without a type and a name, as from MCP servers and to Ollama's API.
BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"II\*\0|MM\0\*"), "image/tiff"),
    (re.compile(rb"BM....\0\0\0\0", re.DOTALL), "image/bmp"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)
# Media type -> Pillow's names for it.
CONVERTIBLE = {"image/webp": ["WEBP"], "image/gif": ["GIF"]}


@dataclass(frozen=True, slots=True)
class Media:
    """A file as it is uploaded."""

    kind: Kind
    name: str
    content: bytes
    media_type: str


def read(part: Image | File, *, fetch_urls: bool, most_bytes: int, most_pixels: int) -> Media:
    """Raises BadRequest for what GigaChat would not take, and for what is fetched and has more bytes."""
    expected: Kind = "image" if isinstance(part, Image) else "document"
    name = part.name if isinstance(part, File) else ""
    if part.url.startswith("data:"):
        content, given_type = _from_data_url(part.url)
    elif not fetch_urls:
        raise _refusal(_("this service fetches no URLs (GPT2GIGA_FETCH_URLS); send a data URL"))
    else:
        # requests is a tenth of the memory, and most clients name no URL.
        from gpt2giga.upstream.files.fetch import fetch

        download = fetch(part.url, min(LARGEST_BYTES[expected], most_bytes))
        content, given_type = download.content, download.media_type
        name = name or PurePath(urlsplit(part.url).path).name
    return _to_media(content, given_type, name, expected, most_pixels)


def from_bytes(content: bytes, media_type: str, name: str, most_pixels: int) -> Media:
    """A file that a client uploads for later. Raises BadRequest."""
    try:
        return _to_media(content, media_type, name, "document", most_pixels)
    except BadRequest as error:
        error.param = "file"
        raise


def _to_media(content: bytes, given_type: str, name: str, expected: Kind, most_pixels: int) -> Media:
    media_type = SYNONYMS.get(given_type, given_type)
    if media_type not in TYPES and media_type not in CONVERTIBLE:
        beginning = next((found for start, found in BEGINNINGS if start.match(content)), media_type)
        media_type = BY_ENDING.get(_ending(name), beginning)
    if media_type in CONVERTIBLE:
        give_back_soon()
        # A picture of a few bytes unfolds to a hundred megabytes, so one at a time.
        content = background.compute(lambda: _to_png(content, media_type, most_pixels))
        media_type = "image/png"
    if media_type not in TYPES and expected == "document" and _is_text(content, given_type):
        media_type = "text/plain"
    if media_type not in TYPES:
        raise _refusal(_("GigaChat takes no files of type {type}", type=given_type or _("unknown")))
    kind, ending = TYPES[media_type]
    if expected == "image" and kind != "image":
        raise _refusal(_("an image is expected, not {media_type}", media_type=media_type))
    if not content or len(content) > LARGEST_BYTES[kind]:
        raise _refusal(
            _("it has {size} bytes, and GigaChat takes from 1 to {most}", size=len(content), most=LARGEST_BYTES[kind])
        )
    return Media(kind, f"{_stem(name) or kind}.{ending}", content, media_type)


def kind_of_name(name: str) -> Kind:
    media_type = BY_ENDING.get(_ending(name))
    return TYPES[media_type][0] if media_type else "document"


def _ending(name: str) -> str:
    return PurePath(name).suffix.lstrip(".").lower()


def _is_text(content: bytes, given_type: str) -> bool:
    """Source code, data, logs: whatever is in UTF-8 and has no zeros. Their types are many, GigaChat knows one."""
    if given_type.startswith(("audio/", "video/")):
        return False
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


def _stem(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", PurePath(name).stem)[:64]


def _from_data_url(url: str) -> tuple[bytes, str]:
    match = re.match(r"data:([^;,]*)((?:;[^;,]*)*),", url[:1000])
    if not match:
        raise _refusal(_("it is no data URL such as data:image/png;base64,..."))
    data = url[match.end() :]
    if not match[2].lower().endswith(";base64"):
        return unquote_to_bytes(data), match[1].lower()
    try:
        return base64.b64decode("".join(data.split()), validate=True), match[1].lower()
    except (binascii.Error, ValueError):
        raise _refusal(_("its base64 is not valid")) from None


def _to_png(content: bytes, media_type: str, most_pixels: int) -> bytes:
    """The first frame as PNG. Pillow is an extra: `pip install 'gpt2giga[images]'`."""
    try:
        import PIL.Image
    except ImportError:
        raise _refusal(
            _("GigaChat takes no {media_type}; install the extra 'images' to have it converted", media_type=media_type)
        ) from None
    out = io.BytesIO()
    try:
        # Its other formats are none of our business: some start programs.
        with PIL.Image.open(io.BytesIO(content), formats=CONVERTIBLE[media_type]) as image:
            if image.width * image.height > most_pixels:
                raise _refusal(
                    _("it has more than the {most} pixels that GPT2GIGA_MAX_PIXELS allows", most=most_pixels)
                )
            image.save(out, "PNG")
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise _refusal(
            _("it has more than the {most} pixels that GPT2GIGA_MAX_PIXELS allows", most=most_pixels)
        ) from None
    except (OSError, ValueError, EOFError, SyntaxError):
        raise _refusal(_("it cannot be read as {media_type}", media_type=media_type)) from None
    return out.getvalue()


def _refusal(why: str) -> BadRequest:
    return BadRequest(_("An attachment cannot be used: {why}.", why=why), param="messages", code="invalid_attachment")
