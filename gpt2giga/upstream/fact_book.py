"""What the account has shown of GigaChat's models, kept in the state folder and shared by all workers."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import orjson

from gpt2giga.chat import HostedTool
from gpt2giga.config.settings import Settings
from gpt2giga.upstream.contract.facts import (
    ANY_MODEL,
    assuming_v2,
    default_facts,
    Fact,
    Facts,
    NAMES,
    SCHEMA_KEYWORDS,
    Source,
    with_known,
    without_v2,
)

FOLDER = "facts"
# Seconds after which a worker sees what another one has learned.
LOOK_AGAIN = 5.0
# A client may name any model; those that are known anything of are GigaChat's own, some dozens.
MOST_MODELS = 200
LARGEST_FILE = 1024 * 1024
LOCK_ATTEMPTS, LOCK_PAUSE = 20, 0.01

# By model and by name.
Known = dict[str, dict[str, Fact]]

log = logging.getLogger(__name__)


class FactBook:
    """One for a process; safe to share between threads and greenlets.

    folder: None where nothing is kept. host: whose facts these are; another host may run other releases. learns: False
    where clients bring their own accounts, since none may tell the others what a model can. api_mode, tool_schemas: see
    the settings of these names.
    """

    def __init__(
        self, folder: Path | None, host: str, *, learns: bool = True, api_mode: str = "auto", tool_schemas: str = "auto"
    ) -> None:
        self._file = folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', host)}.json" if folder else None
        self.learns, self._api_mode, self._tool_schemas = learns, api_mode, tool_schemas
        self._known: Known = {}
        self._facts: dict[str, Facts] = {}
        self._look_at = 0.0
        self._seen: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def of(self, model: str) -> Facts:
        """model: GigaChat's id."""
        if time.monotonic() >= self._look_at:
            self._look()
        return self._facts.get(model) or self._make(model)

    def known(self, model: str) -> Mapping[str, Fact]:
        """What has been seen of this model, or of all."""
        self.of(model)
        return {**self._known.get(ANY_MODEL, {}), **self._known.get(model, {})}

    def told(self, model: str) -> list[dict[str, Any]]:
        """Each fact with its name, as JSON. What a setting says otherwise than GigaChat counts as a default."""
        facts, known = self.of(model), self.known(model)
        values = {name: getattr(facts, name) for name in Facts.__dataclass_fields__}
        seen = {name: fact for name, fact in known.items() if fact.value == values[name]}
        return [{"name": name, **to_entry(seen.get(name) or Fact(value))} for name, value in values.items()]

    def all(self) -> list[tuple[str, str, Fact]]:
        """Everything that has been seen: model or ANY_MODEL, name, fact."""
        self.of(ANY_MODEL)
        return [(model, name, fact) for model, facts in self._known.items() for name, fact in facts.items()]

    def learn(self, model: str, source: Source, **values: Any) -> bool:
        """The newest counts, whatever it comes from. Never fails: what cannot be kept is known to this process. Returns
        whether it is kept for the others."""
        if source == "met" and not self.learns:
            return False
        now = time.time()
        new = {name: Fact(value, source, now) for name, value in values.items()}
        with self._lock:
            try:
                with self._locked() as file:
                    known = self._read(file) if file else {**self._known}
                    if model not in known and len(known) >= MOST_MODELS:
                        return False
                    known[model] = {**known.get(model, {}), **new}
                    if file:
                        self._write(file, known)
                is_kept = file is not None
            except OSError as error:
                log.warning("What GigaChat's models can is not kept (GPT2GIGA_STATE_DIR): %s", error.strerror)
                known, is_kept = {**self._known, model: {**self._known.get(model, {}), **new}}, False
            self._take(known)
        return is_kept

    def _make(self, model: str) -> Facts:
        kept = self._facts  # before _known is read: another thread may change both meanwhile
        facts = default_facts(model)
        if self._api_mode == "v2":
            facts = assuming_v2(facts)
        facts = with_known(facts, [*self._known.get(ANY_MODEL, {}).items(), *self._known.get(model, {}).items()])
        if self._api_mode == "v2":
            facts = replace(facts, v2=True)
        elif self._api_mode == "v1" or not facts.v2:
            facts = without_v2(facts)
        if self._tool_schemas == "converted":
            facts = replace(facts, schema_keywords=frozenset())
        if len(kept) < MOST_MODELS:
            kept[model] = facts
        return facts

    def _look(self) -> None:
        """Reads the file when it is another one than last time."""
        self._look_at = time.monotonic() + LOOK_AGAIN
        if not self._file:
            return
        try:
            found = os.stat(self._file)
            seen = (found.st_mtime_ns, found.st_ino)
            if seen == self._seen:
                return
            known = self._read(self._file)
        except FileNotFoundError:
            seen, known = (0, 0), {}
            if self._seen in (None, seen):  # what could not be written is still known here
                return
        except OSError:
            return
        self._seen = seen
        self._take(known)

    def _take(self, known: Known) -> None:
        self._known, self._facts = known, {}

    @contextmanager
    def _locked(self) -> Iterator[Path | None]:
        """The file, for one process at a time. Raises OSError."""
        if not self._file:
            yield None
            return
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._file.parent / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            for attempt in range(LOCK_ATTEMPTS):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if attempt == LOCK_ATTEMPTS - 1:
                        raise
                    time.sleep(LOCK_PAUSE)
            yield self._file
        finally:
            os.close(handle)

    def _read(self, file: Path) -> Known:
        """What is not understood is left out: another version may have written it. Raises OSError."""
        try:
            with file.open("rb") as opened:
                document = orjson.loads(opened.read(LARGEST_FILE))
        except FileNotFoundError:
            return {}
        except orjson.JSONDecodeError:
            log.warning("%s is not JSON; the defaults count", file.name)
            return {}
        return {model: dict(_facts_from(entry)) for model, entry in _items(document)}

    def _write(self, file: Path, known: Known) -> None:
        document = {
            model: {name: to_entry(fact) for name, fact in sorted(facts.items())} for model, facts in known.items()
        }
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        os.replace(fresh, file)
        found = os.stat(file)
        self._seen = (found.st_mtime_ns, found.st_ino)


def fact_book(settings: Settings) -> FactBook:
    """Of the host that the settings name."""
    server, folder = settings.server, settings.store.state_dir
    host = "sandbox" if server.sandbox else settings.account.host
    return FactBook(
        Path(folder) / FOLDER if folder else None,
        host,
        learns=not server.pass_token,
        api_mode=settings.translation.gigachat_api_mode,
        tool_schemas=settings.translation.tool_schemas,
    )


def _items(document: Any) -> list[tuple[str, Any]]:
    return list(document.items())[:MOST_MODELS] if isinstance(document, dict) else []


def to_entry(fact: Fact) -> dict[str, Any]:
    """As the file has it."""
    value = sorted(fact.value) if isinstance(fact.value, frozenset) else fact.value
    return {"value": value, "source": fact.source, "when": fact.when}


def _facts_from(entry: Any) -> Iterator[tuple[str, Fact]]:
    for name, fact in _items(entry):
        if name not in NAMES or not isinstance(fact, dict):
            continue
        value, source, when = _value(name, fact.get("value")), fact.get("source"), fact.get("when")
        if value is not None and source in ("measured", "met") and isinstance(when, int | float):
            yield name, Fact(value, source, float(when))


def _value(name: str, value: Any) -> Any:
    """None for what is no value of this fact."""
    if name in ("schema_keywords", "hosted"):
        allowed = SCHEMA_KEYWORDS if name == "schema_keywords" else get_args(HostedTool)
        return frozenset(item for item in value if item in allowed) if isinstance(value, list) else None
    if name == "result_role":
        return value if value in ("function", "tool") else None
    default = getattr(Facts(), name)
    return value if type(value) is type(default) and value >= 0 else None
