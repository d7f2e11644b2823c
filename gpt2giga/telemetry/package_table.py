"""What is remembered of packages: how much each was, and whether anybody was told that it runs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gpt2giga.store.database import Database
from gpt2giga.store.orm import Connection, EXCLUDED
from gpt2giga.store.tables import TokenPackage
from gpt2giga.upstream.contract.packages import Package

DAY_SECONDS = 86400
# Of accounts that are asked no more; an access token alone looks like another account each time.
KEPT_SECONDS = 400 * DAY_SECONDS
# Below this part of the whole somebody is told, once a day.
LOW = 0.1


@dataclass(frozen=True, slots=True)
class Known:
    """left, whole: tokens. seen: seconds of Unix time. warned: a day, counted from the beginning of it. is_news: it is
    low, and nobody was told today."""

    model: str
    left: int
    whole: int
    seen: float
    warned: int = 0
    is_news: bool = False


def known(database: Database, accounts: Sequence[str]) -> Mapping[str, list[Known]]:
    """By account. Raises Unusable."""
    query = TokenPackage.select().where(TokenPackage.account.in_(accounts)).order_by(TokenPackage.model)
    found: dict[str, list[Known]] = defaultdict(list)
    for row in database.do(lambda connection: [*query.dicts().execute(connection)]):
        found[row.pop("account")].append(Known(**row))
    return found


def remember(database: Database, account: str, found: Sequence[Package], seen: float) -> list[Known]:
    """What is known then. Raises Unusable."""
    return database.do(lambda connection: _remember(connection, account, found, seen))


def merged(before: Sequence[Known], found: Sequence[Package], seen: float) -> list[Known]:
    """What an answer of that time makes of what was known."""
    rows = {one.model: one for one in before}
    return [_merged(rows.get(package.model), package, seen) for package in found]


def _merged(before: Known | None, package: Package, seen: float) -> Known:
    whole, warned = package.left, 0
    if before:
        whole, warned = _whole(before, package.left), before.warned
    today = int(seen) // DAY_SECONDS
    is_news = is_low(package.left, whole) and warned != today
    return Known(package.model, package.left, whole, seen, today if is_news else warned, is_news)


def is_low(left: int, whole: int) -> bool:
    return left < whole * LOW


def _whole(before: Known, left: int) -> int:
    """The most that was seen since tokens were bought last. More than twice as much as before was bought; a little more
    can be an answer that was overtaken by a later one."""
    is_bought = left > before.left * 2 and left - before.left > before.whole // 100
    return left if is_bought else max(before.whole, left)


def _remember(connection: Connection, account: str, found: Sequence[Package], seen: float) -> list[Known]:
    is_own = TokenPackage.account == account
    # From here on no other process changes what is read below.
    TokenPackage.update(account=account).where(is_own).execute(connection)
    rows = TokenPackage.select().where(is_own).dicts().execute(connection)
    before = [Known(**{name: value for name, value in row.items() if name != "account"}) for row in rows]
    if any(one.seen > seen for one in before):  # another process has asked later, and was answered sooner
        return before
    result = merged(before, found, seen)
    gone = [one.model for one in before if one.model not in {package.model for package in found}]
    TokenPackage.delete().where(is_own, TokenPackage.model.in_(gone)).execute(connection)
    TokenPackage.delete().where(TokenPackage.seen < seen - KEPT_SECONDS).execute(connection)
    for one in result:
        row = {"account": account, "model": one.model, "left": one.left, "whole": one.whole, "seen": seen}
        names = ("left", "whole", "seen", "warned")
        TokenPackage.insert(**row, warned=one.warned).on_conflict(
            conflict_target=[TokenPackage.account, TokenPackage.model],
            update={getattr(TokenPackage, name): getattr(EXCLUDED, name) for name in names},
        ).execute(connection)
    return result
