"""The expressions of deploy/monitoring, taken out of their files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

MONITORING = Path(__file__).parent.parent / "deploy/monitoring"
DASHBOARD, ALERTS = MONITORING / "grafana-dashboard.json", MONITORING / "alerts.yml"


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    """With the title of the panel; Grafana's own variables filled in."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m")


def alert_expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])
