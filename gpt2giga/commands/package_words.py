"""What is left of GigaChat's packages, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gpt2giga.config.settings import Settings
from gpt2giga.language import _, number

if TYPE_CHECKING:
    from gpt2giga.telemetry.packages import AccountState, PackageState
    from gpt2giga.upstream.packages import Packages


def package_states(accounts: Sequence[tuple[str, Packages]], settings: Settings) -> list[AccountState]:
    """accounts: by name. Raises SettingsError."""
    from gpt2giga.store.choice import existing_database
    from gpt2giga.telemetry.packages import current_states

    return current_states(accounts, existing_database(settings.store))


def _instead(account: AccountState) -> str:
    """Where there are no packages to tell of."""
    if account.failure:
        return _("not known: {why}", why=account.failure)
    return _("the account pays as it goes: it has no packages") if account.packages is None else ""


def described(state: PackageState) -> str:
    """Behind its name."""
    words = number(state.left) if state.left else _("used up")
    if state.used_up:
        words += _(", used up about {date} at the pace of the last seven days", date=state.used_up)
    return words


def summary(states: list[AccountState]) -> str:
    """In one line."""
    return "; ".join(_lines(states, ": ", " ")) or _("none")


def table(states: list[AccountState]) -> list[str]:
    """One line a package."""
    width = max((len(state.model) for account in states for state in account.packages or ()), default=1)
    return [*_lines(states, "  ", "  ", width)]


def _lines(states: list[AccountState], after_account: str, after_model: str, width: int = 1) -> Iterator[str]:
    for account in states:
        whose = f"{account.account}{after_account}" if len(states) > 1 else ""
        if words := _instead(account):
            yield whose + words
        for state in account.packages or ():
            yield f"{whose}{state.model:{width}}{after_model}{described(state)}"
