"""Files given to the sandbox or drawn by it (contract 3.3.3, 3.3.7, 3.3.8)."""

from __future__ import annotations

import struct
import time
import uuid
import zlib
from dataclasses import dataclass, field
from typing import Any

from gpt2giga_sandbox.refusal import Refusal

MEBIBYTE = 1024 * 1024
LIMITS = {"image": 15 * MEBIBYTE, "audio": 35 * MEBIBYTE, "text": 40 * MEBIBYTE}
OFFICE = "application/vnd.openxmlformats-officedocument."
KINDS = {
    **dict.fromkeys(("image/jpeg", "image/jpg", "image/png", "image/tiff", "image/bmp"), "image"),
    **dict.fromkeys(("audio/mpeg", "audio/mp3", "audio/mp4", "audio/x-m4a", "audio/m4a"), "audio"),
    **dict.fromkeys(("audio/wav", "audio/wave", "audio/x-wav", "audio/webm", "audio/weba"), "audio"),
    **dict.fromkeys(("audio/ogg", "audio/opus", "video/mp4"), "audio"),
    **dict.fromkeys(("text/plain", "application/msword", "application/pdf", "application/epub"), "text"),
    **dict.fromkeys(("application/epub+zip", "application/ppt", "application/vnd.ms-powerpoint"), "text"),
    f"{OFFICE}wordprocessingml.document": "text",
    f"{OFFICE}presentationml.presentation": "text",
    f"{OFFICE}spreadsheetml.sheet": "text",
}


@dataclass(frozen=True)
class StoredFile:
    """`client_id` is the X-Client-ID of the upload: only the same header reads it back."""

    name: str
    mime: str
    content: bytes
    purpose: str = "general"
    client_id: str = ""
    account: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: int = field(default_factory=lambda: int(time.time()))

    @property
    def kind(self) -> str:
        return KINDS[self.mime]

    @property
    def size(self) -> int:
        return len(self.content)

    def entry(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "access_policy": "private",
        }


def check_upload(mime: str, size: int) -> None:
    if mime not in KINDS:
        raise Refusal(400, f"Unsupported file type {mime}")
    if size > LIMITS[KINDS[mime]]:
        raise Refusal(413, "Payload too large")


def drawing(account: str = "") -> StoredFile:
    """A square of one colour, as a real PNG."""
    side = 16
    rows = (b"\x00" + b"\x21\xa0\x38" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*part) for part in parts)
    return StoredFile(name="drawing.png", mime="image/png", content=png, account=account)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
