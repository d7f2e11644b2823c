"""The files of several accounts as one storage: each lies at the account that it was uploaded to.

Who asks about a file asks the account that has it. A chat that goes to another account gets a copy there.
"""

from __future__ import annotations

import builtins
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from gpt2giga.chat import ChatRequest, File
from gpt2giga.errors import NotFound, ProxyError, Unavailable
from gpt2giga.upstream.client import Upstream
from gpt2giga.upstream.contract.history import files_of
from gpt2giga.upstream.files.media import from_bytes, Media
from gpt2giga.upstream.files.storage import missing_file, StoredFile
from gpt2giga.upstream.files.uploads import Uploads

log = logging.getLogger(__name__)

MOST_REMEMBERED = 10_000


class PoolFiles:
    """A FileStore (gigachat.py). accounts: the best to upload to first."""

    def __init__(self, accounts: Callable[[], list[Upstream]]) -> None:
        self._accounts = accounts
        # File -> the account's name; the file not asked for longest makes room.
        self._homes: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def upload(self, media: Media, purpose: str = "") -> StoredFile:
        failure: ProxyError | None = None
        for account in self._accounts():
            try:
                stored = account.files.upload(media, purpose)
            except Unavailable:
                raise
            except ProxyError as error:
                if error.upstream_status not in (401, 402, 403, 429):
                    raise
                failure = error
                continue
            self._remember(stored.id, account)
            return stored
        raise failure or missing_file("")

    def list(self) -> builtins.list[StoredFile]:
        """Without those of accounts that cannot be asked, unless that is all of them."""
        found: list[StoredFile] = []
        failures: list[ProxyError] = []
        accounts = self._accounts()
        for account in accounts:
            try:
                stored = account.files.list()
            except Unavailable:
                raise
            except ProxyError as error:
                log.warning("The files of account %s cannot be listed: %s", account.name, error)
                failures.append(error)
                continue
            for file in stored:
                self._remember(file.id, account)
            found += stored
        if len(failures) == len(accounts):
            raise failures[-1]
        return found

    def get(self, file_id: str) -> StoredFile:
        return self._home(file_id).files.get(file_id)

    def content(self, file_id: str) -> bytes:
        return self._home(file_id).files.content(file_id)

    def delete(self, file_id: str) -> None:
        self._home(file_id).files.delete(file_id)
        self._homes.pop(file_id, None)

    def home_of_chat(self, chat: ChatRequest) -> str:
        """The account that has the newest file that the chat names, as far as that is known; else empty."""
        parts = (part for message in reversed(chat.messages) for part in message.parts)
        named = (file.file_id for part in parts for file in files_of(part) if isinstance(file, File) and file.file_id)
        return next((home for file_id in named if (home := self._homes.get(file_id))), "")

    def id_at(self, account: Upstream) -> Callable[[str, Uploads], str]:
        """For the chats of the account: the id there of a file that a client names. uploads: what it has already."""

        def id_here(file_id: str, uploads: Uploads) -> str:
            try:
                home = self._home(file_id)
                if home is account:
                    return file_id
                return uploads.id_of_copy(file_id, partial(self._read, home, file_id))
            except NotFound:  # GigaChat judges, as it does where there is one account
                return file_id

        return id_here

    def _read(self, home: Upstream, file_id: str) -> Media:
        """Raises NotFound: what is wrong with this account is no fault of the one that answers."""
        try:
            return from_bytes(home.files.content(file_id), "", home.files.get(file_id).name, most_pixels=0)
        except (Unavailable, NotFound):
            raise
        except ProxyError as error:
            log.warning("A file of account %s cannot be fetched for another: %s", home.name, error)
            raise missing_file(file_id) from error

    def _home(self, file_id: str) -> Upstream:
        """Raises NotFound, or why an account that may have it cannot be asked."""
        accounts = {account.name: account for account in self._accounts()}
        if known := accounts.get(self._homes.get(file_id, "")):
            return known
        failure: ProxyError = missing_file(file_id)
        for account in accounts.values():
            try:
                account.files.get(file_id)
            except Unavailable:
                raise
            except NotFound:
                continue
            except ProxyError as error:
                failure = error
                continue
            self._remember(file_id, account)
            return account
        raise failure

    def _remember(self, file_id: str, account: Upstream) -> None:
        with self._lock:
            self._homes[file_id] = account.name
            self._homes.move_to_end(file_id)
            if len(self._homes) > MOST_REMEMBERED:
                self._homes.popitem(last=False)
