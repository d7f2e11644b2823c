"""What deploy/monitoring holds, read and run by promtool, which is Prometheus itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import requests
import yaml

from gpt2giga_sandbox.server import SandboxServer
from tests.monitoring import ALERTS, dashboard_expressions
from tests.service import Service
from tests.sockets import eventually


def promtool(*arguments: object, **options: object) -> str:
    """What it says; it must not complain."""
    command = ["promtool", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_alert_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", ALERTS)


def test_when_alerts_are_raised() -> None:
    """Each by its own trouble and by no other; every one of them is tried."""
    tried = Path(__file__).parent / "alerts_test.yml"
    assert "SUCCESS" in promtool("test", "rules", tried)
    rules = [rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    raised = {word for word in rules if any(word in json.dumps(case) for case in _raising(tried))}
    assert raised == {*rules}


def _raising(tests: Path) -> list[object]:
    cases = yaml.safe_load(tests.read_text())["tests"]
    alerts = [case for found in cases for case in found.get("alert_rule_test", ()) if case.get("exp_alerts")]
    return alerts + [case for found in cases for case in found.get("promql_expr_test", ())]


def test_the_dashboards_expressions(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, (_, expr) in enumerate(dashboard_expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", file)


def test_the_figures(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    """Of two workers, when something has been counted."""
    service = start_service(GPT2GIGA_METRICS="True", GPT2GIGA_WORKERS="2")
    hello = {"messages": [{"role": "user", "content": "Привет!"}]}
    sandbox.state.script({"text": "Нет.", "finish_reason": "blacklist"})
    assert service.post("/v1/chat/completions", hello).status_code == 200
    # Of packages one worker has asked, and any of them tells.
    line = 'gpt2giga_package_tokens_left{account="1",model="GigaChat-Max"}'
    assert eventually(lambda: line in requests.get(f"{service.url}/metrics", timeout=10).text)
    for _ in range(10):
        assert line in requests.get(f"{service.url}/metrics", timeout=10).text
    text = requests.get(f"{service.url}/metrics", timeout=10).text
    assert "gpt2giga_filtered_total" in text and "process_cpu_seconds_total" in text
    assert promtool("check", "metrics", input=text) == ""
