"""Requests with something spoilt: a field or two, the bytes, the headers, the address, the lines of a form."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

from tests.fuzz.chats import CHATS, COMPLETION, EMBEDDINGS, IMAGE, IN_BASE64, MODERATION, MODERATION_OF_TEXTS
from tests.fuzz.common import BATCH_FILE, KEPT, TEXT_FILE
from tests.fuzz.gemini import BODIES as GEMINIS
from tests.fuzz.messages import MESSAGES
from tests.fuzz.ollama import BODIES as OLLAMAS
from tests.fuzz.responses import RESPONSES
from tests.fuzz.spoiling import all_spoils, Spoil, spoil
from tests.pictures import GIF, JPEG, png

BATCH = {
    "input_file_id": BATCH_FILE,
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "metadata": {"a": "b"},
    "output_expires_after": {"anchor": "created_at", "seconds": 3600},
}
BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("/v1/chat/completions", body) for body in CHATS),
    ("/v1/completions", COMPLETION),
    ("/v1/embeddings", EMBEDDINGS),
    ("/v1/embeddings", IN_BASE64),
    ("/v1/moderations", MODERATION),
    ("/v1/moderations", MODERATION_OF_TEXTS),
    ("/v1/images/generations", IMAGE),
    *(("/v1/responses", body) for body in RESPONSES),
    *(("/v1/responses/input_tokens", body) for body in RESPONSES),
    *(("/v1/messages", body) for body in MESSAGES),
    *(("/v1/messages/count_tokens", body) for body in MESSAGES),
    ("/v1/batches", BATCH),
    *GEMINIS,
    *OLLAMAS,
)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-32-be", "cp1251", "koi8-r", "utf-7")
NO_JSON = (
    b"",
    b"\0",
    b"null",
    b"[]",
    b'"a"',
    b"1",
    b"{",
    b"a=1&b=2",
    b"{}{}",
    b"{'a': 1}",
    b"\x1f\x8b\x08\0",
    b"\xff\xfe",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "PROPFIND", "CONNECT")
HEADERS: dict[str, tuple[str | bytes, ...]] = {
    "Content-Type": (
        *("text/plain", "application/json; charset=utf-16", "application/json; charset=nonsense", "a", ";;;", "/"),
        *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "image/png"),
        f"multipart/form-data; boundary={'a' * 300}",
    ),
    "Accept": ("text/event-stream", "application/xml", "*/*;q=nonsense", "a/b;q=0", "", "text/html"),
    "Accept-Charset": ("utf-16", "koi8-r"),
    "Accept-Encoding": ("gzip", "br;q=1e999", "identity;q=0"),
    "Accept-Language": ("ru", "*"),
    "Content-Encoding": ("gzip", "identity", "IDENTITY", "a"),
    "Content-Language": ("ru",),
    "Idempotency-Key": ("a", "a" * 4000, "ключ".encode()),
    "Authorization": ("Bearer", "Bearer ", "Basic a", "Basic Og==", "Digest a=b", "ключ".encode()),
    "X-Api-Key": ("", "a", b"\xff"),
    "X-Goog-Api-Key": ("", "a", b"\xff"),
    "X-Goog-Api-Client": ("", "google-genai-sdk/1 gl-python/3"),
    "Anthropic-Version": ("2023-06-01", "", "a"),
    "Anthropic-Beta": ("a,b,,", "a" * 4000),
    "X-Request-ID": ("a", "a b", "a" * 4000, b"\xff"),
    "X-Session-ID": ("a", "a b", "a" * 4000, b"\xff"),
    "X-Stainless-Timeout": ("nonsense", "-1"),
    "Range": ("bytes=0-1", "bytes=5-1", "a"),
    "If-None-Match": ("*", '"a"', "W/"),
    "If-Modified-Since": ("nonsense", "Thu, 01 Jan 1970 00:00:00 GMT"),
    "Expect": ("100-continue", "a"),
    "Upgrade": ("h2c", "websocket"),
    "Host": ("a", "localhost:99999", "[::1", "example.com", "a@b", "ы".encode(), "127.0.0.1, a"),
    "Origin": ("null", "http://localhost", "https://example.com", "a", "//"),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "a"),
    "Referer": ("a", "http://[::1"),
    "Cookie": ("a", "a=b; c", "=;" * 50),
    "X-Forwarded-For": ("1.2.3.4", "a, b", "[::1"),
    "X-Forwarded-Proto": ("https", "a"),
    "Forwarded": ("for=a", "="),
    "Script-Name": ("/a",),
    "X-Http-Method-Override": ("DELETE",),
    "Content-Length": ("-1", "a", "1e3", "99999999999999999999"),
    "Connection": ("close", "a, b"),
}
ADDRESSES = (
    *("/v1/responses/{}", "/v1/responses/{}/input_items", f"/v1/responses/{KEPT}/input_items?limit={{}}"),
    *(f"/v1/responses/{KEPT}/input_items?{name}={{}}" for name in ("order", "after", "before", "include[]", "{}")),
    *(f"/v1/responses/{KEPT}?{name}={{}}" for name in ("stream", "include", "starting_after")),
    *("/v1/batches/{}", "/v1/batches/{}/cancel", "/v1/batches?after={}", "/v1/batches?limit={}"),
    *("/v1/files/{}", "/v1/files/{}/content", "/v1/files?purpose={}", "/v1/models/{}", "/v1/models?limit={}"),
    *(
        "/v1/{}",
        "/{}",
        "/v1/chat/completions/{}",
        "/v1/chat/completions?{}",
        "//v1//{}",
        "/v1/messages/{}",
        "/v1beta/models/{}",
        "/v1beta/models?key={}",
        "/v1beta/{}",
        "/v1beta/models/{}:generateContent",
        "/v1beta/models/{}:nothing",
        "/health?{}",
        "/api/{}",
        "/api/chat/{}",
        "/api/tags?{}",
    ),
)
WORDS = (
    *("", ".", "..", "../..", "a", "0", "-1", "1" * 5000, "1e3", "asc", "desc", "true", "²", "٣", "null"),
    *("%", "%00", "%2F", "%2e%2e", "%ff", "%ed%a0%80", "a%0d%0ab", "?", "&&", "=", ";", "a" * 4000, "ы", "{}", "\\"),
    *(
        "GigaChat",
        "Embeddings",
        "claude-sonnet-4-5",
        "resp_1",
        KEPT,
        TEXT_FILE,
        f"{TEXT_FILE}%20",
        "completions",
        "files",
    ),
)
FORM = "multipart/form-data; boundary=b"
LINES = (
    b"--b",
    b'Content-Disposition: form-data; name="purpose"',
    b"",
    b"user_data",
    b"--b",
    b'Content-Disposition: form-data; name="expires_after[seconds]"',
    b"",
    b"3600",
    b"--b",
    b'Content-Disposition: form-data; name="file"; filename="a.txt"',
    b"Content-Type: text/plain",
    b"",
    b"abc",
    b"--b--",
)
ODD_LINES = (
    *(
        b"",
        b"--b",
        b"--b--",
        b"batch",
        b"a",
        b"\0",
        b"\xff\xfe",
        b"a" * 100_000,
        "ы".encode() * 1000,
        b"\r\n" * 100,
        b":",
        b"a: b",
    ),
    *(b'Content-Disposition: form-data; name="file"', b'Content-Disposition: form-data; name=""; filename=""'),
    *(
        b'Content-Disposition: form-data; name="file"; filename="%b"' % name
        for name in (b"../a", b"a.png", b"a", b".", b"a" * 5000, b"\xff", b"a.mp3", b'\\"', "ы.pdf".encode(), b"a.exe")
    ),
    b"Content-Disposition: form-data; name*=utf-8''file; filename*=koi8-r''%FF",
    b"Content-Disposition: attachment",
    *(
        b"Content-Type: %b" % kind
        for kind in (b"image/png", b"image/gif", b"a", b"", b"text/plain; charset=a", b"audio/mp3", b"application/pdf")
    ),
    b"Content-Transfer-Encoding: base64",
    *(png(), GIF, GIF[:12], JPEG, b"RIFF\0\0\0\0WAVE", b"%PDF-1.4"),
)


@dataclass(frozen=True)
class OddRequest:
    """name: for whoever has to find it again."""

    name: str
    path: str
    body: bytes | None = None
    method: str = "POST"
    headers: dict[str, Any] = field(default_factory=dict)

    def with_ids(self, ids: dict[str, str]) -> tuple[str, bytes | None]:
        """Path and body with the ids of what is there by now."""
        path, body = self.path, self.body
        for mark, found in ids.items():
            path = path.replace(mark, found)
            body = body and body.replace(mark.encode(), found.encode())
        return path, body


@cache
def spoils_of(number: int) -> list[Spoil]:
    return [*all_spoils(BODIES[number][1])]


def good(number: int, chance: random.Random) -> Any:
    """Streamed or whole."""
    body = BODIES[number][1]
    return {**body, "stream": chance.random() < 0.5} if "stream" in body and body is not IMAGE else body


def spoilt(chance: random.Random) -> OddRequest:
    """In one place, or in two."""
    number = chance.randrange(len(BODIES))
    path, spoils = BODIES[number][0], chance.choices(spoils_of(number), k=chance.choice((1, 1, 2)))
    told = ", ".join(f"{place}: {value[:40]}" for place, value in spoils)
    body = spoil(good(number, chance), *spoils).encode("utf-8", "surrogatepass")
    return OddRequest(f"{path} {number} {told}", path, body)


def broken(chance: random.Random) -> OddRequest:
    """No JSON, or JSON in other bytes."""
    number = chance.randrange(len(BODIES))
    path, text = BODIES[number][0], json.dumps(good(number, chance), ensure_ascii=False)
    way = chance.choice(("cut", "bytes", "encoding", "no JSON", "more"))
    data = bytearray(text.encode())
    if way == "cut":
        del data[chance.randrange(len(data)) :]
    elif way == "bytes":
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif way == "encoding":
        way = chance.choice(ENCODINGS)
        data = bytearray(text.encode(way, "replace"))
    elif way == "no JSON":
        data = bytearray(chance.choice(NO_JSON))
    else:
        data += chance.choice((b" ", b"\0", b",", b"}", b"\xef\xbb\xbf", b"//", b"\n{}"))
    return OddRequest(f"{path} {number} {way}: {bytes(data[-40:])!r}", path, bytes(data))


def oddly_headed(chance: random.Random) -> OddRequest:
    number = chance.randrange(len(BODIES))
    path, body = BODIES[number][0], json.dumps(good(number, chance), ensure_ascii=False).encode()
    names = chance.sample(sorted(HEADERS), chance.randint(1, 3))
    headers = {name: chance.choice(HEADERS[name]) for name in names}
    method = "POST" if chance.random() < 0.8 else chance.choice(METHODS)
    return OddRequest(f"{method} {path} {number} {headers}"[:300], path, body, method, headers)


def addressed(chance: random.Random) -> OddRequest:
    method, word = chance.choice(METHODS), chance.choice(WORDS)
    address = chance.choice(ADDRESSES).replace("{}", word if chance.random() < 0.5 else quote(word, safe="@"))
    if method == "DELETE" and any(mark in address for mark in (KEPT, TEXT_FILE)):
        method = "GET"  # others refer to it
    return OddRequest(f"{method} {address}"[:300], address, None, method)


def form(chance: random.Random) -> OddRequest:
    """An upload with a line absent, doubled, or another."""
    lines = [*LINES]
    for _ in range(chance.randint(1, 2)):
        place = chance.randrange(len(lines))
        lines[place : place + 1] = chance.choice(([], [lines[place]] * 2, *([[chance.choice(ODD_LINES)]] * 6)))
    kind = FORM if chance.random() < 0.5 else chance.choice(HEADERS["Content-Type"])
    name = f"{kind!r} {[line[:60] for line in lines]}"
    return OddRequest(name, "/v1/files", b"\r\n".join([*lines, b""]), headers={"Content-Type": kind})


WAYS: tuple[tuple[Callable[[random.Random], OddRequest], int], ...] = (
    (spoilt, 80),
    (broken, 6),
    (oddly_headed, 6),
    (addressed, 4),
    (form, 4),
)


def some(count: int, seed: int) -> Iterator[OddRequest]:
    """The same seed, the same ones."""
    chance = random.Random(seed)
    ways, weights = zip(*WAYS, strict=True)
    for _ in range(count):
        yield chance.choices(ways, weights)[0](chance)
