"""Keys and what they have spent, in a file here; tests/deploy/test_postgresql.py runs the same tests on a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Request
from peewee import Database as Connection

from gpt2giga.chat import Usage
from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.store import StoreSettings
from gpt2giga.errors import KeyUsedUp, NotAuthenticated, NotFound, RateLimited
from gpt2giga.store import keys, spending
from gpt2giga.store.key_store import KeyStore
from gpt2giga.store.keys import Rights, StoredKey
from gpt2giga.store.spending import Account, DAY, MINUTE, MONTH
from gpt2giga.store.tables import KeysEdition, KeySpending
from gpt2giga.web.exchange import Exchange
from gpt2giga.web.file_owners import FileOwners
from gpt2giga.web.key_limits import KeyLimits
from gpt2giga.web.keyring import Keyring
from tests.dialects.responses.test_store import open_database, OpenDatabase  # noqa: F401  # a fixture
from tests.sockets import eventually

NO_LIMITS = Rights()
# Twenty seconds into a minute, in the middle of a month.
NOW = 1_797_768_020.0


@pytest.fixture
def of_utc(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [NOW]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def book(open_database: OpenDatabase) -> KeyStore:  # noqa: F811
    return KeyStore(open_database(), None)


def made(book: KeyStore, name: str = "ann", secret: str = "s" * 30, rights: Rights = NO_LIMITS) -> StoredKey:
    return book.add(lambda connection: keys.add(connection, name, secret, rights))


def changed(book: KeyStore, change: Callable[..., StoredKey], *arguments: object) -> StoredKey:
    return book.database.do(lambda connection: change(connection, *arguments))


def asking(key: str = "", stored: StoredKey | None = None, method: str = "POST") -> Exchange:
    path = "/v1/chat/completions"
    return Exchange("id", method, path, Request({}), LimitSettings(), path, key=key, stored_key=stored)


def admitted(ring: Keyring, key: str) -> Exchange:
    exchange = asking(key)
    ring.admit(exchange)
    return exchange


def test_what_a_key_is_made_with_is_kept_and_its_secret_is_not(book: KeyStore) -> None:
    rights = Rights(10, 20, 30, ("GigaChat-2", "x:1"), "low", NOW)
    key = made(book, "ann", "a secret of many letters", rights)
    assert book.database.do(keys.keys) == [key] and key.rights == rights
    assert "secret of" not in str(book.database.do(lambda connection: keys.find(connection, "ann")))
    assert key.prefix == "a secret"
    assert made(book, "bob", "b" * 30).rights == Rights()


def test_secrets_are_long_and_never_the_same() -> None:
    secrets = {keys.new_secret() for _ in range(50)}
    assert len(secrets) == 50 and all(len(secret) == 47 and secret[4:].isalnum() for secret in secrets)


def test_names_are_given_once(book: KeyStore) -> None:
    """But for those of revoked keys, and then nothing is inherited."""
    first = made(book)
    with pytest.raises(keys.NameTaken, match="ann"):
        made(book, secret="other" * 9)
    with pytest.raises(keys.NameTaken, match="ann"):
        made(book, "bob")  # the same secret
    changed(book, keys.revoke, "ann")
    for change in (partial(keys.change, rights={"priority": "low"}), partial(keys.rotate, secret="x", grace=0)):
        with pytest.raises(keys.IsRevoked):
            changed(book, lambda connection, name, change=change: change(connection, name=name), "ann")
    second = made(book, secret="other" * 9)
    assert second.id != first.id and second.tenant != first.tenant and len(book.database.do(keys.keys)) == 1
    with pytest.raises(keys.NoSuchKey, match="eve"):
        changed(book, keys.revoke, "eve")


def test_only_what_is_named_changes(book: KeyStore) -> None:
    made(book, rights=Rights(10, 20, models=("a", "b"), until=NOW))
    key = changed(book, keys.change, "ann", {"tokens_per_day": None, "models": ("c",)})
    assert key.rights == Rights(None, 20, models=("c",), until=NOW)


def test_every_change_is_seen_by_others(book: KeyStore, open_database: OpenDatabase) -> None:  # noqa: F811
    other = KeyStore(open_database(), None)
    assert other.look(None) == (None, [])
    seen = [None]
    for change in (
        lambda connection: keys.add(connection, "ann", "s" * 30, Rights()),
        lambda connection: keys.change(connection, "ann", {"priority": "low"}),
        lambda connection: keys.rotate(connection, "ann", "t" * 30, 5),
        lambda connection: keys.revoke(connection, "ann"),
    ):
        book.add(change)
        found = other.look(seen[-1])
        assert found.keys is not None and [key.name for key in found.keys] == ["ann"]
        assert other.look(found.edition) == (found.edition, None)
        seen.append(found.edition)
    assert len(set(seen)) == 5
    assert book.clear() == 1
    assert other.look(seen[-1]) == (None, [])


def test_a_secret_opens_until_it_is_taken_back(book: KeyStore, of_utc: list[float]) -> None:
    made(book, secret="first" * 6, rights=Rights(until=NOW + 100))
    ring = Keyring((), book)
    ring.start()
    ring.close()
    assert admitted(ring, "first" * 6).key_name == "ann"
    changed(book, keys.rotate, "ann", "second" * 6, 50)
    ring._look()
    before, after = admitted(ring, "first" * 6), admitted(ring, "second" * 6)
    assert before.tenant == after.tenant == keys.hash_of("first" * 6)
    of_utc[0] += 50
    with pytest.raises(NotAuthenticated, match="replaced by another"):
        admitted(ring, "first" * 6)
    assert admitted(ring, "second" * 6)
    of_utc[0] += 50
    with pytest.raises(NotAuthenticated, match="good until 2026-12-20 12:02:00 UTC"):
        admitted(ring, "second" * 6)
    changed(book, keys.revoke, "ann")
    ring._look()
    with pytest.raises(NotAuthenticated, match="was revoked"):
        admitted(ring, "second" * 6)
    with pytest.raises(NotAuthenticated, match="Incorrect API key"):
        admitted(ring, "third" * 6)


def test_keys_are_seen_by_a_process_that_runs(book: KeyStore, open_database: OpenDatabase) -> None:  # noqa: F811
    """It asks from the first one on, until all are cleared; revoking the last one opens nothing."""
    ring, turns = Keyring((), KeyStore(open_database(), None)), []
    ring.on_change = lambda: turns.append(ring.asks_for_key)
    assert ring.asks_for_key  # nobody knows yet
    ring.start()
    assert turns[-1] is False
    made(book)
    assert eventually(lambda: ring.asks_for_key)
    changed(book, keys.revoke, "ann")
    assert eventually(lambda: len(turns) > 3) and ring.asks_for_key
    book.clear()
    assert eventually(lambda: not ring.asks_for_key)
    ring.close()


def test_a_flood_of_made_up_keys_does_not_reach_the_database(book: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made(book)
    ring = Keyring((), book)
    ring.start()
    ring.close()
    looks: list[object] = []
    look = book.look
    monkeypatch.setattr(book, "look", lambda known: looks.append(known) or look(known))
    started = time.monotonic()
    for number in range(2000):
        with pytest.raises(NotAuthenticated):
            admitted(ring, f"made-up-{number}")
    assert len(looks) <= time.monotonic() - started + 1


def test_a_key_that_was_just_made_opens(book: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made(book)
    ring = Keyring((), book)
    ring.start()
    ring.close()
    made(book, "bob", "b" * 30)
    monkeypatch.setattr("gpt2giga.web.keyring.LEAST_LOOK_SECONDS", 0)
    assert admitted(ring, "b" * 30).key_name == "bob"


def spent(book: KeyStore, key: StoredKey) -> dict[str, int]:
    found = book.database.do(lambda connection: spending.spent(connection, time.time(), key.id))
    return {account.span: amount for account, amount in found.items()}


def ask(limits: KeyLimits, key: StoredKey, usage: Usage | None = None) -> dict[str, str]:
    exchange = asking(stored=key)
    limits.check(exchange)
    exchange.usage = usage
    exchange.end()
    limits.flush()
    return exchange.headers


def test_requests_of_a_minute(book: KeyStore, open_database: OpenDatabase, of_utc: list[float]) -> None:  # noqa: F811
    """Two processes count together."""
    key = made(book, rights=Rights(requests_per_minute=4))
    one, other = KeyLimits(book.database), KeyLimits(open_database())
    for left, limits in zip((3, 2, 1, 0), (one, other, one, other), strict=True):
        assert ask(limits, key) == {
            "x-ratelimit-limit-requests": "4",
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-reset-requests": "40s",
        }
    for limits in (one, other, one):
        with pytest.raises(RateLimited, match="'ann' is 4 requests per minute.* 2026-12-20 12:01:00 UTC") as caught:
            ask(limits, key)
        error = caught.value
        assert (error.code, error.retry_after, error.is_final) == ("rate_limit_exceeded", 40, False)
    of_utc[0] += 40
    assert ask(one, key)["x-ratelimit-remaining-requests"] == "3"


def test_tokens_of_a_day_and_of_a_month(book: KeyStore, open_database: OpenDatabase, of_utc: list[float]) -> None:  # noqa: F811
    """What GigaChat took from its cache it does not bill. The nearer limit is told."""
    key = made(book, rights=Rights(tokens_per_day=100, tokens_per_month=150))
    one, other = KeyLimits(book.database), KeyLimits(open_database())
    assert ask(one, key, Usage(prompt=1000, completion=20, cached=940))["x-ratelimit-remaining-tokens"] == "100"
    told = ask(other, key, Usage(prompt=40))
    assert (told["x-ratelimit-limit-tokens"], told["x-ratelimit-remaining-tokens"]) == ("100", "20")
    assert told["x-ratelimit-reset-tokens"] == "11h59m40s"
    assert spent(book, key) == {DAY: 120, MONTH: 120}
    with pytest.raises(KeyUsedUp, match="'ann' is 100 tokens per day.*2026-12-21 00:00:00 UTC") as caught:
        ask(one, key)
    assert (caught.value.status, caught.value.code, caught.value.is_final) == (429, "insufficient_quota", True)
    of_utc[0] += 86400
    assert ask(one, key, Usage(prompt=30))["x-ratelimit-limit-tokens"] == "150"
    with pytest.raises(KeyUsedUp, match="150 tokens per month.*2027-01-01 00:00:00 UTC"):
        ask(other, key)
    of_utc[0] += 12 * 86400
    assert ask(one, key)["x-ratelimit-remaining-tokens"] == "100"


def test_a_limit_that_is_raised_counts_at_once(book: KeyStore, of_utc: list[float]) -> None:
    key, limits = made(book, rights=Rights(tokens_per_day=10)), KeyLimits(book.database)
    ask(limits, key, Usage(prompt=10))
    with pytest.raises(KeyUsedUp):
        ask(limits, key)
    assert ask(limits, changed(book, keys.change, "ann", {"tokens_per_day": 11}))["x-ratelimit-remaining-tokens"] == "1"


def test_who_hammers_does_not_reach_the_database(
    book: KeyStore, of_utc: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, limits = made(book, rights=Rights(requests_per_minute=1, tokens_per_day=5)), KeyLimits(book.database)
    ask(limits, key, Usage(prompt=5))
    with pytest.raises(KeyUsedUp):
        ask(limits, key)
    monkeypatch.setattr(limits, "_database", None)
    for _ in range(3):
        exchange = asking(stored=key)
        with pytest.raises(KeyUsedUp):
            limits.check(exchange)
        assert exchange.headers["x-ratelimit-remaining-tokens"] == "0"
        assert exchange.headers["x-ratelimit-limit-requests"] == "1"


def test_what_asks_for_no_work_is_told_and_not_counted(book: KeyStore, of_utc: list[float]) -> None:
    key, limits = made(book, rights=Rights(requests_per_minute=1)), KeyLimits(book.database)
    for _ in range(3):
        exchange = asking(stored=key, method="GET")
        limits.check(exchange)
        assert exchange.headers["x-ratelimit-remaining-requests"] == "1"
    ask(limits, key)


def test_keys_without_limits_cost_nothing(book: KeyStore) -> None:
    key = made(book, rights=Rights(models=("a",), priority="low"))
    limits = KeyLimits(book.database)
    limits._database = None  # type: ignore[assignment]
    assert ask(limits, key, Usage(prompt=5)) == ask(limits, asking().stored_key, Usage(prompt=5)) == {}  # type: ignore[arg-type]


def test_many_at_once_are_all_counted(book: KeyStore, open_database: OpenDatabase) -> None:  # noqa: F811
    key = made(book, rights=Rights(tokens_per_day=10**6, requests_per_minute=10**6))
    processes = [KeyLimits(open_database()) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda limits=limits: [ask(limits, key, Usage(prompt=3)) for _ in range(10)])
        for limits in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert eventually(lambda: spent(book, key).get(DAY) == 120)
    rows = book.database.do(lambda connection: [*KeySpending.select().dicts().execute(connection)])
    assert sum(row["spent"] for row in rows if row["span"] == MINUTE) == 40


def test_old_minutes_and_days_are_forgotten(book: KeyStore, of_utc: list[float]) -> None:
    key = made(book, rights=Rights(tokens_per_day=10**6, requests_per_minute=10**6))
    ask(KeyLimits(book.database), key, Usage(prompt=3))
    of_utc[0] += 4 * 86400
    ask(KeyLimits(book.database), key, Usage(prompt=3))
    assert sorted(_spans(book.database.do)) == [DAY, MINUTE, MONTH]


def _spans(do: Callable[..., list[str]]) -> list[str]:
    def read(connection: Connection) -> list[str]:
        return [row.span for row in KeySpending.select().execute(connection)]

    return do(read)


def test_months_of_the_clock() -> None:
    ends = {spending.span(MONTH, now).end for now in (NOW, NOW + 10 * 86400)}
    assert ends == {1_798_761_600}  # the new year, UTC
    assert Account("a", "b", 1) == ("a", "b", 1)


def test_whose_files_are(open_database: OpenDatabase) -> None:  # noqa: F811
    """Two processes know the same."""
    one, other = (FileOwners(open_database(), StoreSettings()) for _ in range(2))
    one.add("ann", "f1")
    one.keeps_apart = other.keeps_apart = True
    one.add("ann", "f1")
    assert other.check("ann", "f1") == "f1"
    for tenant, file_id in (("bob", "f1"), ("ann", "f2"), ("", "f1")):
        with pytest.raises(NotFound):
            other.check(tenant, file_id)
    other.remove("ann", "f1")
    with pytest.raises(NotFound):
        one.check("ann", "f1")


def test_two_who_change_keys_at_once_leave_one_edition(open_database: OpenDatabase) -> None:  # noqa: F811
    """Of two the services would see one, and miss whatever changes the other."""
    databases = [open_database(), open_database()]
    for number, database in enumerate(databases):
        made(KeyStore(database, None), f"ann{number}", f"{number}" * 30)
    both = threading.Barrier(2)

    def change(number: int) -> None:
        both.wait(30)
        changed(KeyStore(databases[number], None), keys.change, f"ann{number}", {"tokens_per_day": 1})

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            assert [*pool.map(change, range(2))]
            assert databases[0].do(lambda connection: KeysEdition.select().count(connection)) == 1
