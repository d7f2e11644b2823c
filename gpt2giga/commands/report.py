"""What a check found: one line in the terminal, one object in JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import click

from gpt2giga.config.settings import SettingsError
from gpt2giga.errors import ProxyError
from gpt2giga.language import _, N_

MARKS = {
    "ok": ("ok  ", "green"),
    "warn": ("warn", "yellow"),
    "failed": ("FAIL", "red"),
    "skipped": ("-   ", "bright_black"),
}
# Of the checks, as people read them; JSON has the English ones.
NAMES = (
    N_("settings"),
    N_("key"),
    N_("dns"),
    N_("tls"),
    N_("clock"),
    N_("oauth"),
    N_("models"),
    N_("packages"),
    N_("chat"),
    N_("stream"),
    N_("tool call"),
    N_("embedding"),
    N_("account"),
    N_("facts"),
    N_("keys"),
    N_("service"),
    N_("access"),
    N_("flow"),
)
ACCOUNTS_OF_CLIENTS = N_("not tried: the accounts are the clients'")
CLEAR_LINE = "\r\x1b[K"


@dataclass(frozen=True)
class Finding:
    """`detail` is what was found; where the check failed, the cause and the cure."""

    name: str
    status: str
    detail: str
    seconds: float = 0.0

    def print(self) -> None:
        mark, colour = MARKS[self.status]
        names = ", ".join(_(name) for name in self.name.split(", "))
        width = max(len(_(name)) for name in NAMES)
        click.echo(f"{click.style(mark, fg=colour)} {names:{width}}   {' '.join(self.detail.split())}")


class Doubtful(str):
    """What a check found: nothing fails by it, and yet it should not stay so."""


def not_tried_since(name: str) -> str:
    return _("not tried, since {check} failed", check=_(name))


class CheckFailed(Exception):
    """A check that failed with a cause of its own; the text holds the cure."""


class Report:
    """Runs checks and prints what they find, at once or at the end as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._shows_progress = sys.stderr.isatty()
        self.findings: list[Finding] = []
        self._skipped: list[Finding] = []

    @property
    def is_well(self) -> bool:
        return all(finding.status != "failed" for finding in self.findings)

    def run(self, name: str, check: Callable[[], str]) -> bool:
        """False when it failed."""
        self._progress(f"     {_(name)} ...")
        started = time.monotonic()
        try:
            detail = check()
            status = "warn" if isinstance(detail, Doubtful) else "ok"
        except (CheckFailed, ProxyError, SettingsError) as error:
            status, detail = "failed", str(error)
        finally:
            self._progress("")
        self._add(Finding(name, status, detail, round(time.monotonic() - started, 3)))
        return status != "failed"

    def skip(self, name: str, why: str) -> None:
        """What was not tried for one reason is one line, printed before the next that was."""
        if self._skipped and self._skipped[0].detail != why:
            self._print_skipped()
        self._skipped.append(Finding(name, "skipped", why))
        self.findings.append(self._skipped[-1])

    def close(self) -> None:
        self._print_skipped()
        if self._as_json:
            steps = [asdict(finding) for finding in self.findings]
            click.echo(json.dumps({"ok": self.is_well, "steps": steps}, ensure_ascii=False, indent=2))

    def _print_skipped(self) -> None:
        if self._skipped and not self._as_json:
            names = ", ".join(finding.name for finding in self._skipped)
            Finding(names, "skipped", f"({self._skipped[0].detail})").print()
        self._skipped.clear()

    def _add(self, finding: Finding) -> None:
        self._print_skipped()
        self.findings.append(finding)
        if not self._as_json:
            finding.print()

    def _progress(self, line: str) -> None:
        """Of the check that runs; it leaves nothing behind."""
        if self._shows_progress:
            sys.stderr.write(f"{CLEAR_LINE}{line}")
            sys.stderr.flush()
