"""The tables, the same in SQLite and PostgreSQL, and how a database of an earlier version becomes one of this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gpt2giga.store.batch_tables import FilePiece, KeptBatch, LocalFile
from gpt2giga.store.orm import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    Database,
    DoubleField,
    fn,
    IntegerField,
    Model,
    SchemaManager,
    TextField,
)
from gpt2giga.store.response_tables import (
    BackgroundEvents,
    BackgroundResponse,
    ConversationItem,
    KeptConversation,
    KeptResponse,
    KeptRow,
)
from gpt2giga.store.upgrades import Upgrade, UPGRADES


class SchemaVersion(Model):
    """One row. A database without it is new."""

    number = IntegerField()

    class Meta:
        table_name = "schema_version"


class KeptEmbedding(KeptRow):
    """A vector, as 64-bit floats in the order of bytes of the network. Its id tells whoever has the text that this is
    it, and nobody else what it says."""

    averaged = BooleanField()

    class Meta:
        table_name = "embeddings"


class StoredAccount(Model):
    """`key` is readable, for GigaChat has to be shown it; `created` is in seconds of Unix time."""

    name = TextField(primary_key=True)
    key = TextField()
    scope = TextField()
    created = DoubleField()

    class Meta:
        table_name = "accounts"


class OfAnHour(Model):
    """What is counted apart, no table of its own. `hour` counts from the beginning of Unix time; `key` and `account`
    are names, empty where nobody has told one."""

    hour = IntegerField()
    key = TextField()
    account = TextField()
    model = TextField()
    route = TextField()


class UsageHour(OfAnHour):
    """What was used in an hour. Cached tokens are among those of the prompt; `seconds` is the sum over the requests."""

    requests = BigIntegerField()
    errors = BigIntegerField()
    prompt = BigIntegerField()
    completion = BigIntegerField()
    cached = BigIntegerField()
    seconds = DoubleField()

    class Meta:
        table_name = "usage"
        primary_key = CompositeKey("hour", "key", "account", "model", "route")


class UsageFailure(OfAnHour):
    """How many of an hour's errors had which cause: the code of an error, or its status."""

    cause = TextField()
    errors = BigIntegerField()

    class Meta:
        table_name = "usage_failures"
        primary_key = CompositeKey("hour", "key", "account", "model", "route", "cause")


class TokenPackage(Model):
    """What is left of a package, and how much it was when it was whole, in tokens. account: a digest of its key. `seen`
    is in seconds of Unix time, `warned` the day of the last warning, counted from the beginning of it."""

    account = TextField()
    model = TextField()
    left = BigIntegerField()
    whole = BigIntegerField()
    seen = DoubleField()
    warned = IntegerField(default=0)

    class Meta:
        table_name = "packages"
        primary_key = CompositeKey("account", "model")


class ClientKey(Model):
    """A key that `gpt2giga keys` has made. `hash` is that of the secret, which is kept nowhere, and `former_hash` that
    of the one before, good until `former_until`. `tenant` stays when the secret does not. Moments are in seconds of
    Unix time; a limit that is not set is null, models that are not, or a priority, are empty."""

    id = TextField(primary_key=True)
    name = TextField(unique=True)
    hash = TextField()
    prefix = TextField()
    tenant = TextField()
    created = DoubleField()
    tokens_per_day = BigIntegerField(null=True)
    tokens_per_month = BigIntegerField(null=True)
    requests_per_minute = BigIntegerField(null=True)
    models = TextField()
    priority = TextField()
    until = DoubleField(null=True)
    revoked = DoubleField(null=True)
    former_hash = TextField(null=True)
    former_until = DoubleField(null=True)

    class Meta:
        table_name = "client_keys"


class KeysEdition(Model):
    """One row as soon as a key was made, with another number after each change: whether there is anything new is a
    small question. Random, so that what is restored or made anew is told from what was there."""

    id = IntegerField(primary_key=True)
    number = BigIntegerField()

    class Meta:
        table_name = "client_keys_edition"


class KeySpending(Model):
    """What a key has spent in a span of time, by its beginning (Unix time): requests of a minute, tokens of a day or of
    a month."""

    key = TextField()
    span = TextField()
    start = BigIntegerField()
    spent = BigIntegerField()

    class Meta:
        table_name = "client_key_spending"
        primary_key = CompositeKey("key", "span", "start")


class FileOwner(Model):
    """A mark stands for a file and its owner, and tells neither."""

    mark = TextField(primary_key=True)

    class Meta:
        table_name = "file_owners"


class Lease(Model):
    """Work that goes on without its client, by its id, and the process that does it. `until` is in seconds of Unix
    time."""

    work = TextField(primary_key=True)
    holder = TextField()
    until = DoubleField()

    class Meta:
        table_name = "leases"


TABLES: tuple[type[Model], ...] = (
    SchemaVersion,
    KeptResponse,
    KeptConversation,
    ConversationItem,
    BackgroundResponse,
    BackgroundEvents,
    KeptEmbedding,
    StoredAccount,
    UsageHour,
    UsageFailure,
    TokenPackage,
    ClientKey,
    KeysEdition,
    KeySpending,
    FileOwner,
    LocalFile,
    FilePiece,
    KeptBatch,
    Lease,
)


class TooNew(Exception):
    """A later version of the service has written it."""


def version_of(database: Database) -> int:
    """0 for a new one."""
    if not database.table_exists(SchemaVersion._meta.table_name):
        return 0
    return int(SchemaVersion.select(fn.MAX(SchemaVersion.number)).scalar(database) or 0)


def upgrade(database: Database, keep_copy: Callable[[int], None], upgrades: Sequence[Upgrade] = UPGRADES) -> None:
    """Inside a transaction that nobody else can be in. keep_copy: is called with the version that is left behind, while
    all is still as that has it. Raises TooNew."""
    found, wanted = version_of(database), len(upgrades) + 1
    if found > wanted:
        raise TooNew(f"it has the form {found} of a later gpt2giga; this one knows {wanted}")
    if 0 < found < wanted:
        keep_copy(found)
        for step in upgrades[found - 1 :]:
            step(database)
    for table in TABLES:
        SchemaManager(table, database).create_all(safe=True)
    if found != wanted:
        SchemaVersion.delete().execute(database)
        SchemaVersion.insert(number=wanted).execute(database)
