"""Images of a request -> files at GigaChat, which messages name by id (contract 3.3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Image
from gpt2giga.chat import ToolResult
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.models import takes_images

MOST_IMAGES = 10
LARGEST_IMAGE = 15 * 1024 * 1024
IMAGE_TYPES = {"image/jpeg": "jpg", "image/png": "png", "image/tiff": "tiff", "image/bmp": "bmp"}
REMEMBERED = 1000

# name, content, media type -> file id
Upload = Callable[[str, bytes, str], str]


class Attachments:
    """The same bytes are uploaded once: agents send the whole conversation every turn."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def file_ids(self, chat: ChatRequest, model: str) -> dict[str, str]:
        """The file id for the url of each image; raises BadRequest for what GigaChat would not take.

        Images in tool results are left out for a model that takes none: the user did not choose to send them.
        """
        images = list(dict.fromkeys(_images(chat)))
        if images and not takes_images(model):
            if any(isinstance(part, Image) for message in chat.messages for part in message.parts):
                raise BadRequest(f"The model {model} takes no images; GigaChat-2-Max does.", param="messages")
            return {}
        if len(images) > MOST_IMAGES:
            raise BadRequest(f"GigaChat takes {MOST_IMAGES} images a request; this one has {len(images)}.")
        return {image.url: self._file_id(*_read(image)) for image in images}

    def forget(self) -> None:
        """After GigaChat said that it does not know a file: it may have deleted any of them."""
        with self._lock:
            self._ids.clear()

    def _file_id(self, content: bytes, media_type: str) -> str:
        key = hashlib.sha256(content).hexdigest()
        with self._lock:
            known = self._ids.get(key)
        if known is None:
            known = self._upload(f"image.{IMAGE_TYPES[media_type]}", content, media_type)
        with self._lock:
            self._ids[key] = known
            self._ids.move_to_end(key)
            while len(self._ids) > REMEMBERED:
                self._ids.popitem(last=False)
        return known


def _images(chat: ChatRequest) -> Iterator[Image]:
    for message in chat.messages:
        for part in message.parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            yield from (image for image in inner if isinstance(image, Image))


def _read(image: Image) -> tuple[bytes, str]:
    """Content and media type of a data URL."""
    match = re.match(r"data:([^;,]*)((?:;[^;,]*)*),", image.url[:200])
    if not match:
        raise BadRequest("Images must be data URLs: data:image/png;base64,...", param="messages")
    media_type = match[1].lower().replace("image/jpg", "image/jpeg")
    if media_type not in IMAGE_TYPES:
        raise BadRequest(f"GigaChat does not take images of type {media_type or 'unknown'}.", param="messages")
    content = _decoded(image.url[match.end() :], in_base64=match[2].endswith(";base64"))
    if not content or len(content) > LARGEST_IMAGE:
        raise BadRequest(f"An image must have 1 to {LARGEST_IMAGE} bytes; this one has {len(content)}.")
    return content, media_type


def _decoded(data: str, *, in_base64: bool) -> bytes:
    if not in_base64:
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("An image's data URL does not hold valid base64.", param="messages") from None
