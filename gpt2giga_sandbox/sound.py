"""Sound that the sandbox makes: a tone that lasts as long as somebody would speak, in the formats of SaluteSpeech."""

from __future__ import annotations

import math
import struct
from array import array

SECONDS_OF_A_LETTER = 0.05
TONE, LOUDNESS = 440, 8000
PACKETS_OF_A_PAGE = 50
# Twenty milliseconds of silence, as Opus's own tests have them.
SILENCE = b"\xf8\xff\xfe"
OPUS_RATE, OPUS_PACKET = 48000, 960


def pcm(text: str, rate: int) -> bytes:
    """16 bits, little-endian, one channel."""
    wave = array("h", (round(LOUDNESS * math.sin(2 * math.pi * TONE * step / rate)) for step in range(rate // 20)))
    return wave.tobytes() * max(1, round(len(text) * SECONDS_OF_A_LETTER * 20))


def wav(content: bytes, rate: int) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + len(content), b"WAVE", b"fmt ", len(form))
    return head + form + struct.pack("<4sI", b"data", len(content)) + content


def opus(text: str) -> bytes:
    """Silence in Ogg (RFC 7845): it has the length of speech, and any player takes it."""
    count = max(1, round(len(text) * SECONDS_OF_A_LETTER * OPUS_RATE / OPUS_PACKET))
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, 0, OPUS_RATE, 0, 0)
    vendor = b"sandbox"
    tags = struct.pack(f"<8sI{len(vendor)}sI", b"OpusTags", len(vendor), vendor, 0)
    pages = [_page([head], 0, 0, first=True), _page([tags], 1, 0)]
    for start in range(0, count, PACKETS_OF_A_PAGE):
        end = min(start + PACKETS_OF_A_PAGE, count)
        packets = [SILENCE] * (end - start)
        pages.append(_page(packets, len(pages), end * OPUS_PACKET, last=end == count))
    return b"".join(pages)


def _page(packets: list[bytes], number: int, position: int, *, first: bool = False, last: bool = False) -> bytes:
    flags = 2 * first + 4 * last
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, position, 1, number, 0)
    body = bytes([len(packets), *map(len, packets)]) + b"".join(packets)
    return head[:22] + struct.pack("<I", _checksum(head + body)) + body


def _checksum(data: bytes) -> int:
    """Ogg's own: CRC-32 without reflection."""
    found = 0
    for byte in data:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ 0x04C11DB7 if found & 0x80000000 else found << 1) & 0xFFFFFFFF
    return found
