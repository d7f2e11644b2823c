"""Whose a file is: with several keys in GPT2GIGA_API_KEY it belongs to the one that uploaded it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpt2giga.chat import ChatRequest, File, ToolResult
from gpt2giga.config.settings import ServerSettings
from gpt2giga.config.store import StoreSettings
from gpt2giga.errors import BadRequest
from gpt2giga.upstream.files.attachments import by_age
from gpt2giga.upstream.files.storage import missing_file

FOLDER = "files"


class FileOwners:
    """An empty file in the state folder stands for each that is owned: all workers see it, and so does the next start.

    `tenant` is whoever asks. Nobody else ever learns that a file is there. keeps_apart: False for one key alone, or
    none; then all files of the account are everybody's.
    """

    def __init__(self, server: ServerSettings, store: StoreSettings) -> None:
        self.keeps_apart = len({key.key for key in server.api_key}) > 1 and not server.pass_token
        self._folder = Path(store.state_dir) / FOLDER if store.state_dir else None

    def add(self, tenant: str, file_id: str) -> None:
        """Raises BadRequest where it cannot be kept."""
        if not self.keeps_apart:
            return
        try:
            mark = self._mark(tenant, file_id)
            mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.touch(0o600)
        except OSError as error:
            raise BadRequest(
                f"Files cannot be kept apart by keys here (GPT2GIGA_STATE_DIR): {error.strerror}.",
                code="store_unavailable",
            ) from None

    def check(self, tenant: str, file_id: str) -> str:
        """Raises NotFound."""
        if not self.owns(tenant, file_id):
            raise missing_file(file_id)
        return file_id

    def owns(self, tenant: str, file_id: str) -> bool:
        return not self.keeps_apart or (self._folder is not None and os.path.exists(self._mark(tenant, file_id)))

    def remove(self, tenant: str, file_id: str) -> None:
        if self.keeps_apart:
            self._mark(tenant, file_id).unlink(missing_ok=True)

    def only_own(self, tenant: str, chat: ChatRequest) -> ChatRequest:
        """The chat without the files of others in its earlier turns. Raises NotFound for one that is sent now."""
        new, _ = by_age(chat.messages)
        for part in new:
            if isinstance(part, File) and part.file_id:
                self.check(tenant, part.file_id)
        messages = (replace(message, parts=self._own_parts(tenant, message.parts)) for message in chat.messages)
        return replace(chat, messages=tuple(messages))

    def _own_parts(self, tenant: str, parts: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(self._own_part(tenant, part) for part in parts)

    def _own_part(self, tenant: str, part: Any) -> Any:
        if isinstance(part, ToolResult):
            return replace(part, parts=self._own_parts(tenant, part.parts))
        is_anothers = isinstance(part, File) and part.file_id and not self.owns(tenant, part.file_id)
        return File("", part.name) if is_anothers else part

    def _mark(self, tenant: str, file_id: str) -> Path:
        """Raises FileNotFoundError where there is no folder. Clients make up ids, so none is part of a path."""
        if self._folder is None:
            raise FileNotFoundError(0, "no folder is set")
        return self._folder / hashlib.sha256(f"{tenant} {file_id}".encode(errors="replace")).hexdigest()
