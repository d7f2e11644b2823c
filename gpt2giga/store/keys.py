"""The keys that `gpt2giga keys` makes: hashes of secrets, and what each key may do."""

from __future__ import annotations

import hashlib
import secrets
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gpt2giga.store.orm import Connection
from gpt2giga.store.tables import ClientKey, KeysEdition, KeySpending

LETTERS = string.ascii_letters + string.digits
# Of these letters so many hold 256 bits. Nobody tries that many, so one round of SHA-256 is enough: what makes hashing
# slow protects passwords that people think up, and would cost each request 100 ms.
SECRET_LENGTH = 43
SECRET_PREFIX = "g2g_"
SHOWN = len(SECRET_PREFIX) + 4
# Whoever brings a secret of his own has to bring one that a hash hides.
LEAST_OWN = 20


# The edition of a database whose keys were all given up; of one that never had any there is none.
CLEARED = 0


class KeyProblem(Exception):
    """There is no such key, or there is one already; `name` is the key's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NameTaken(KeyProblem):
    pass


class NoSuchKey(KeyProblem):
    pass


class IsRevoked(KeyProblem):
    pass


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key may do; None, and nothing: no limit. `until` is in seconds of Unix time."""

    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    requests_per_minute: int | None = None
    models: tuple[str, ...] = ()
    priority: str = ""
    until: float | None = None

    @property
    def is_counted(self) -> bool:
        return (self.tokens_per_day, self.tokens_per_month, self.requests_per_minute) != (None, None, None)


RIGHTS = tuple(right.name for right in fields(Rights))


@dataclass(frozen=True, slots=True)
class StoredKey:
    """See tables.ClientKey."""

    id: str
    name: str
    hash: str
    prefix: str
    tenant: str
    created: float
    revoked: float | None = None
    former_hash: str | None = None
    former_until: float | None = None
    rights: Rights = field(default_factory=Rights)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    return SECRET_PREFIX + "".join(secrets.choice(LETTERS) for _ in range(SECRET_LENGTH))


def edition(connection: Connection) -> int | None:
    """None where no key was ever made; CLEARED where there are none any more."""
    found = KeysEdition.select(KeysEdition.number).scalar(connection)
    return None if found is None else int(found)


def keys(connection: Connection) -> list[StoredKey]:
    return [_key(row) for row in ClientKey.select().order_by(ClientKey.name).dicts().execute(connection)]


def find(connection: Connection, name: str) -> StoredKey:
    """Raises NoSuchKey."""
    for row in ClientKey.select().where(ClientKey.name == name).dicts().execute(connection):
        return _key(row)
    raise NoSuchKey(name)


def add(connection: Connection, name: str, secret: str, rights: Rights) -> StoredKey:
    """The name of a revoked key may be given again, to somebody who inherits nothing. Raises NameTaken."""
    _touch(connection)
    former = ClientKey.select().where((ClientKey.name == name) | (ClientKey.hash == hash_of(secret)))
    for row in former.dicts().execute(connection):
        if row["name"] != name or row["revoked"] is None:
            raise NameTaken(row["name"])
        _forget(connection, row["id"])
    made = StoredKey(
        id=secrets.token_hex(8),
        name=name,
        hash=hash_of(secret),
        prefix=secret[:SHOWN],
        tenant=hash_of(secret),
        created=time.time(),
        rights=rights,
    )
    ClientKey.insert(**_row(made)).execute(connection)
    return made


def change(connection: Connection, name: str, rights: Mapping[str, Any]) -> StoredKey:
    """rights: those that change. Raises NoSuchKey, IsRevoked."""
    _touch(connection)
    valid = _valid(connection, name)
    _update(connection, valid.id, **{right: _column(value) for right, value in rights.items()})
    return find(connection, name)


def rotate(connection: Connection, name: str, secret: str, grace: float) -> StoredKey:
    """The one before is good for `grace` more seconds, and the one before that no more. Raises as `change`."""
    _touch(connection)
    valid = _valid(connection, name)
    replaced = {"hash": hash_of(secret), "prefix": secret[:SHOWN]}
    _update(connection, valid.id, **replaced, former_hash=valid.hash, former_until=time.time() + grace)
    return find(connection, name)


def revoke(connection: Connection, name: str) -> StoredKey:
    """Raises as `change`."""
    _touch(connection)
    _update(connection, _valid(connection, name).id, revoked=time.time())
    return find(connection, name)


def clear(connection: Connection) -> int:
    """How many there were."""
    _touch(connection, CLEARED)
    KeySpending.delete().execute(connection)
    return int(ClientKey.delete().execute(connection))


def _touch(connection: Connection, number: int | None = None) -> None:
    """First of all, for a transaction that writes from its beginning waits for another one instead of failing. Always
    the same row: two who delete and insert at once would leave two."""
    row = {"number": secrets.randbits(62) + 1 if number is None else number}
    query = KeysEdition.insert(id=1, **row).on_conflict(conflict_target=[KeysEdition.id], update=row)
    query.execute(connection)


def _valid(connection: Connection, name: str) -> StoredKey:
    found = find(connection, name)
    if found.revoked is not None:
        raise IsRevoked(name)
    return found


def _update(connection: Connection, key: str, **columns: Any) -> None:
    ClientKey.update(**columns).where(ClientKey.id == key).execute(connection)


def _forget(connection: Connection, key: str) -> None:
    ClientKey.delete().where(ClientKey.id == key).execute(connection)
    KeySpending.delete().where(KeySpending.key == key).execute(connection)


def _key(row: dict[str, Any]) -> StoredKey:
    rights = {name: row.pop(name) for name in RIGHTS}
    rights["models"] = tuple(rights["models"].split(",")) if rights["models"] else ()
    return StoredKey(**row, rights=Rights(**rights))


def _row(key: StoredKey) -> dict[str, Any]:
    own = {name.name: getattr(key, name.name) for name in fields(key) if name.name != "rights"}
    return own | {name: _column(getattr(key.rights, name)) for name in RIGHTS}


def _column(value: Any) -> Any:
    return ",".join(value) if isinstance(value, tuple) else value
