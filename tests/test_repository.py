"""What a hosting site reads of the repository: its forms ask for what exists, its checks are ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from gpt2giga.commands.doctor import doctor

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"


def test_the_checks_are_those_of_everybody() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows/checks.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands == ["sudo bash .ci/run", "make test PYTHON=python"]
    project = (ROOT / "pyproject.toml").read_text()
    assert jobs["python"]["strategy"]["matrix"]["python"] == re.findall(r"Python :: (3\.\d+)", project)


def test_the_forms_ask_for_what_exists() -> None:
    forms = [yaml.safe_load((GITHUB / f"ISSUE_TEMPLATE/{name}.yml").read_text()) for name in ("bug", "idea")]
    for form in forms:
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert form["name"] and form["description"] and all(field["attributes"]["label"] for field in fields)
        assert len({field["id"] for field in fields}) == len(fields)
    options = {option for parameter in doctor.params for option in parameter.opts}
    asked = re.findall(r"gpt2giga doctor( --[^`]*)", (GITHUB / "ISSUE_TEMPLATE/bug.yml").read_text())
    assert asked and set(re.findall(r"--\w+", " ".join(asked))) <= options


def test_where_it_is_published_stands_in_one_form() -> None:
    """So that `make repository URL=...` finds every place by what pyproject.toml says."""
    [address] = re.findall(r'^Repository = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
    places = ("deploy/install.sh", "SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml")
    assert [place for place in places if address not in (ROOT / place).read_text()] == []


def test_no_link_leads_out() -> None:
    """To a place that only one machine has. What git does not keep is a machine's own."""
    kept = subprocess.run(["git", "ls-files", "-z", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True)
    entries = [entry.partition("\t") for entry in kept.stdout.split("\0") if entry]
    assert len(entries) > 500
    links = [ROOT / name for mode, _, name in entries if mode.startswith("120000")]
    assert [link.name for link in links if not link.resolve().is_relative_to(ROOT)] == []


def test_what_no_check_runs_can_be_read() -> None:
    """Real clients take too much for every change; what they import moves all the same."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/clients"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
