"""What `make licences` lists can be given to others under terms that it names."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Nobody who runs or sells the service must publish anything of their own for these.
HARMLESS = re.compile(r"MIT|BSD|Apache|PSF|Python|Mozilla|MPL|ISC|ZPL|Zope|CNRI")


def test_all_that_a_service_runs_with_has_a_licence() -> None:
    here = [f"VENV={sys.prefix}", f"--assume-old={sys.prefix}/installed-dev"]
    done = subprocess.run(["make", "--silent", *here, "licences"], cwd=ROOT, capture_output=True, text=True)
    rows = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.partition("\n\n")[0].splitlines()[1:]]
    assert {"Flask", "gigachat", "orjson"} < {row[0] for row in rows}, done
    told = dict(re.findall(r"^(\w+) \((\w+)\): its package names none", done.stdout, re.M))
    assert all("Permission is hereby granted, free of charge" in licence_text(name) for name in told)
    assert [row for row in rows if not HARMLESS.search(told.get(row[0], row[2])) or "GPL" in row[2]] == []


def licence_text(package: str) -> str:
    found = [file for file in distribution(package).files or () if file.name == "LICENSE"]
    return "".join(file.read_text() for file in found)


def test_what_is_shipped_is_named_too() -> None:
    makefile = (ROOT / "Makefile").read_text()
    head = re.findall("^# .*", (ROOT / "gpt2giga/ui/vendor/packages.txt").read_text(), re.M)
    libraries = {path.stem for path in (ROOT / "gpt2giga/ui/vendor").glob("*.LICENSE")}
    named = {word.lower() for line in head for word in re.findall(r"(\w+) \([^)]+\)", line)}
    assert libraries and libraries <= named
    assert "Russian Trusted Root CA" in makefile and [*(ROOT / "gpt2giga/certs").iterdir()] == [
        ROOT / "gpt2giga/certs/russian_trusted_root_ca.pem"
    ]
