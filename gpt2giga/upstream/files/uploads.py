"""Which bytes have which id at GigaChat."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gpt2giga.upstream.files.media import Media

MOST_REMEMBERED = 1000


@dataclass(slots=True)
class _Entry:
    id: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Uploads:
    """The same bytes are uploaded once, also when several requests bring them at the same time."""

    def __init__(self, upload: Callable[[Media], str]) -> None:
        self._upload = upload
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def id_of(self, media: Media) -> str:
        entry = self._entry(hashlib.sha256(media.media_type.encode() + b"\0" + media.content).digest())
        with entry.lock:
            entry.id = entry.id or self._upload(media)
            return entry.id

    def id_of_copy(self, file_id: str, read: Callable[[], Media]) -> str:
        """Of a file that lies at another account."""
        entry = self._entry(b"copy of " + file_id.encode(errors="replace"))
        with entry.lock:
            entry.id = entry.id or self._upload(read())
            return entry.id

    def _entry(self, key: bytes) -> _Entry:
        """The one not asked for longest makes room."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            if len(self._entries) > MOST_REMEMBERED:
                self._entries.popitem(last=False)
            return entry

    def forget(self, file_ids: Iterable[str]) -> bool:
        """GigaChat does not know one of these any more. True when there was anything to forget."""
        gone = set(file_ids)
        with self._lock:
            keys = [key for key, entry in self._entries.items() if entry.id in gone]
            for key in keys:
                del self._entries[key]
        return bool(keys)

    def ids(self) -> list[str]:
        return [entry.id for entry in self._entries.values() if entry.id]
