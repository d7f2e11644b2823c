"""The memory of the sandbox, shared by its threads and open to tests."""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.character import Character, STRICT
from gpt2giga_sandbox.packages import Packages, USED_UP
from gpt2giga_sandbox.refusal import Refusal
from gpt2giga_sandbox.steps import ROUTES, Step
from gpt2giga_sandbox.storage import StoredFile
from gpt2giga_sandbox.tokens import Tokens

REMEMBERED = 5000
CORPORATE = "GIGACHAT_API_CORP"
# Services ask for it by themselves, whenever they like.
UNASKED = "/balance"


@dataclass
class Settings:
    """None accepts anything well-formed, or lifts the limit."""

    credentials: str | None = None
    scope: str | None = None
    user: str | None = None
    password: str | None = None
    token_lifetime: float = 1800
    oauth_per_second: int | None = 10
    # Of each account: it goes by its client id, which is what stands before the colon in its key.
    max_streams: int | None = None
    # Accounts whose packages are used up (contract 3.4.5), and those whose keys were revoked.
    dry: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    frame_delay: float = 0
    # Streams wait after so many frames for as long as this says so.
    hold_after: int | None = None
    # Accounts of the corporate scope do so in any case.
    pay_as_you_go: bool = False
    # Tokens by the name of the package, for each account; None: much of all, and never used up.
    packages: dict[str, int] | None = None
    # Talks as a model would, instead of quoting what it was sent.
    demo: bool = False
    # Also by its name, or as an object of the switches that differ from strict.
    character: Character = STRICT

    def __post_init__(self) -> None:
        self.character = STRICT.changed(self.character)
        self.dry, self.revoked = tuple(self.dry), tuple(self.revoked)


@dataclass
class Counters:
    """A stream is a chat request in work, streamed or whole: the service limits both alike.
    `aborted_at` are the moments (time.time) when the sandbox noticed that a client had left."""

    token_requests: int = 0
    chat_requests: int = 0
    refused: int = 0
    open_streams: int = 0
    peak_streams: int = 0
    finished_streams: int = 0
    cut_streams: int = 0
    aborted_streams: int = 0
    aborted_at: list[float] = field(default_factory=list)

    def count_start(self) -> None:
        self.chat_requests += 1
        self.open_streams += 1
        self.peak_streams = max(self.peak_streams, self.open_streams)

    def count_end(self, outcome: str) -> None:
        self.open_streams -= 1
        if outcome == "finished":
            self.finished_streams += 1
        elif outcome == "cut":
            self.cut_streams += 1
        else:
            self.aborted_streams += 1
            self.aborted_at.append(time.time())


class Stream:
    """One chat request in work; `end` may be called more than once."""

    def __init__(self, counters: Counters, changed: threading.Condition, account: str, open_of: Tally[str]) -> None:
        self._counters, self._account, self._open_of = counters, account, open_of
        self._changed = changed
        self._ended = False
        # Until told otherwise: what ends a stream from outside is the client leaving.
        self.outcome = "aborted"

    def end(self) -> None:
        with self._changed:
            if not self._ended:
                self._ended = True
                self._counters.count_end(self.outcome)
                self._open_of[self._account] -= 1
                self._changed.notify_all()


class State:
    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._initial = replace(self.settings)
        self.changed = threading.Condition(threading.RLock())
        self._clear()
        self.tokens = Tokens()

    def _clear(self) -> None:
        self.counters = Counters()
        self._scripts: dict[str, deque[Step]] = {route: deque() for route in ROUTES}
        self._requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._files: dict[str, StoredFile] = {}
        self._sessions: set[tuple[str, str]] = set()
        self._open_of: Tally[str] = Tally()
        self._packages = Packages()
        self.speech: dict[str, Any] = {}  # SaluteSpeech's files and tasks, by their ids

    def reset(self) -> None:
        """As new, except that issued tokens are good, revoked ones again. Streams still open count no longer."""
        with self.changed:
            self._clear()
            self.settings = replace(self._initial)
            self.tokens.asked.clear()
            self.tokens.restore(self.settings.token_lifetime)

    # Scripts

    def script(self, *steps: Step | dict[str, Any]) -> None:
        """Adds steps: each answers the next request of its route that passes the checks."""
        parsed = [step if isinstance(step, Step) else Step.from_dict(step) for step in steps]
        with self.changed:
            for step in parsed:
                self._scripts[step.route].extend([step] * step.times)

    def take(self, route: str) -> Step | None:
        with self.changed:
            return self._scripts[route].popleft() if self._scripts[route] else None

    def pending(self) -> int:
        """Steps no request has used yet."""
        with self.changed:
            return sum(map(len, self._scripts.values()))

    # Requests

    def record(self, request: dict[str, Any]) -> None:
        with self.changed:
            self._requests.append(request)
            self.changed.notify_all()

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """What arrived, oldest first: method, path, headers (lower case), account, json, status, error.
        `path` selects by how the path ends; without one all are given that somebody has asked a service for."""
        with self.changed:
            found = [request for request in self._requests if request["path"].endswith(path)]
        return found if path else [request for request in found if not request["path"].endswith(UNASKED)]

    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests, oldest first; without those whose token was not good, which come again."""
        return [request["json"] for request in self.requests("/chat/completions") if request["status"] != 401]

    def refusals(self) -> list[dict[str, Any]]:
        """The requests answered with an error by the rules rather than by a script."""
        return [request for request in self.requests() if request["error"]]

    # Tokens

    def issue_token(self, lifetime: float | None = None, account: str = "", scope: str = "") -> tuple[str, int]:
        with self.changed:
            return self.tokens.issue(self.settings.token_lifetime if lifetime is None else lifetime, account, scope)

    def admit_token_request(self) -> bool:
        with self.changed:
            self.counters.token_requests += 1
            return self.tokens.admit(self.settings.oauth_per_second)

    def check_token(self, authorization: str) -> str:
        """The account that asks."""
        with self.changed:
            account = self.tokens.check(authorization)
            if account in self.settings.revoked:
                raise Refusal(401, "Unauthorized")
            return account

    def revoke_tokens(self) -> None:
        """Every issued token has expired from now on."""
        with self.changed:
            self.tokens.revoke()

    # Packages

    def spend(self, account: str, model: Model, tokens: int) -> None:
        with self.changed:
            self._packages.spend(account, model, tokens)

    def check_package(self, account: str, model: Model) -> None:
        with self.changed:
            self._packages.check(account, self._full(account), model)

    def balance(self, account: str, authorization: str) -> dict[str, int]:
        with self.changed:
            if self.settings.pay_as_you_go or self.tokens.scope(authorization) == CORPORATE:
                raise Refusal(403, "Permission denied")
            return self._packages.left(account, self._full(account))

    def _full(self, account: str) -> dict[str, int] | None:
        return USED_UP if account in self.settings.dry else self.settings.packages

    # Files

    def add_file(self, file: StoredFile) -> str:
        with self.changed:
            self._files[file.id] = file
        return file.id

    def files(self, client_id: str = "", account: str | None = None) -> dict[str, StoredFile]:
        """None: of all accounts."""
        with self.changed:
            found = {id: file for id, file in self._files.items() if file.client_id == client_id}
            return {id: file for id, file in found.items() if account in (None, file.account)}

    def delete_file(self, file_id: str) -> None:
        with self.changed:
            del self._files[file_id]

    # Streams

    def open_stream(self, account: str = "") -> Stream:
        limit = self.settings.max_streams
        with self.changed:
            if limit is not None and self._open_of[account] >= limit:
                raise Refusal(429, "Too many requests")
            self.counters.count_start()
            self._open_of[account] += 1
            self.changed.notify_all()
            return Stream(self.counters, self.changed, account, self._open_of)

    def count_refusal(self) -> None:
        with self.changed:
            self.counters.refused += 1

    def known_session(self, account: str, session_id: str) -> bool:
        """Whether a request with this X-Session-ID came before: then its prompt counts as cached."""
        with self.changed:
            known = (account, session_id) in self._sessions
            self._sessions.add((account, session_id))
            return known

    # Looking in

    def stats(self) -> dict[str, Any]:
        with self.changed:
            return {**asdict(self.counters), "pending_steps": self.pending()}

    def wait_for(self, condition: Callable[[Counters], bool], timeout: float = 30) -> bool:
        """Blocks until the counters satisfy `condition`; False after `timeout` seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: condition(self.counters), timeout)
