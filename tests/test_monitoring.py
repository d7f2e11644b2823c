"""The dashboard and the alert rules ask for what /metrics tells. `make test-deploy` lets promtool read and run them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from gpt2giga_sandbox.server import SandboxServer
from tests.monitoring import alert_expressions, DASHBOARD, dashboard_expressions

SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
GROUPING = re.compile(r"(?:by|ignoring) \(([^)]*)\)")
# What Prometheus adds to every series.
ITS_OWN_LABELS = {"job", "instance"}
HELLO = [{"role": "user", "content": "Привет!"}]


@pytest.fixture
def labels(app_with: Callable[..., Flask], sandbox: SandboxServer) -> dict[str, set[str]]:
    """Those of each metric, once everything has happened."""
    keys = {"GPT2GIGA_API_KEY": "boss:key-of-the-boss", "GPT2GIGA_ADMIN_KEY": "boss"}
    client = app_with(GPT2GIGA_METRICS="True", GIGACHAT_RETRY_BACKOFF_FACTOR="0", **keys).test_client()
    headers = {"Authorization": "Bearer key-of-the-boss"}
    sandbox.state.script({"status": 500}, {"text": "Нет.", "finish_reason": "blacklist"})
    with client.post("/v1/chat/completions", json={"messages": HELLO}, headers=headers) as answer:
        assert answer.status_code == 200
    client.application.extensions["packages"].read()
    families = text_string_to_metric_families(client.get("/metrics", headers=headers).text)
    samples = [sample for family in families for sample in family.samples]
    found: dict[str, set[str]] = {"up": set()}
    for sample in samples:
        found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_expression_asks_for_what_there_is(labels: dict[str, set[str]]) -> None:
    asked = set()
    for where, expression in [*dashboard_expressions(), *alert_expressions()]:
        selectors = SELECTOR.findall(expression)
        assert selectors and not re.search(r"\b(?:gpt2giga|process)_\w+(?![\w{])", expression), where
        known = ITS_OWN_LABELS.union(*(labels.get(name, set()) for name, _ in selectors))
        for name, matchers in selectors:
            assert name in labels, f"{where}: there is no {name}"
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= labels[name] | ITS_OWN_LABELS, where
            asked.add(re.sub("_(bucket|sum|count)$", "", name))
        for grouped in GROUPING.findall(expression):
            assert {label.strip() for label in grouped.split(",")} <= known, where
    told = {re.sub("_(bucket|sum|count)$", "", name) for name in labels}
    assert told - asked == {"process_virtual_memory_bytes"}, "what nobody looks at"


def test_the_dashboard_can_be_imported() -> None:
    """It names no source of data, but asks for one; and no two panels are in one place."""
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert "id" not in dashboard, "one that is there would be overwritten"
    sources = {panel["datasource"]["uid"] for panel in panels if "datasource" in panel}
    assert sources == {"${datasource}"} and dashboard["templating"]["list"][0]["name"] == "datasource"
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        place = {(column, line) for column in range(x, x + w) for line in range(y, y + h)}
        assert x + w <= 24 and not place & taken, panel["title"]
        taken |= place
