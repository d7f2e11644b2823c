"""`make picture`: docs/page.png and docs/page.ru.png, the page as the documents show it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from gpt2giga_sandbox.server import SandboxServer
from tests.docs.blocks import ROOT
from tests.service import Service
from tests.ui.page import Page, start_chromium

WIDTH, HEIGHT = 1280, 800
# Question and answer; GigaChat is not asked, and the page says so.
TALKS = {
    "en": (
        "page",
        "How do I read a huge CSV file in Python without loading it all?",
        """Read it **line by line**: `csv.reader` is an iterator, so only one row is in memory at a time.

```python
import csv

with open("sales.csv", newline="") as file:
    total = sum(float(row["price"]) for row in csv.DictReader(file))
```

| way | memory |
| --- | --- |
| `csv.DictReader` | one row |
| `pandas.read_csv(chunksize=10_000)` | one chunk |
""",
    ),
    "ru": (
        "page.ru",
        "Как в Python прочитать огромный CSV, не загружая его целиком?",
        """Читайте **построчно**: `csv.reader` — итератор, и в памяти лежит только одна строка.

```python
import csv

with open("sales.csv", newline="") as file:
    total = sum(float(row["price"]) for row in csv.DictReader(file))
```

| способ | в памяти |
| --- | --- |
| `csv.DictReader` | одна строка |
| `pandas.read_csv(chunksize=10_000)` | один чанк |
""",
    ),
}


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox = stack.enter_context(SandboxServer())
        service = stack.enter_context(Service(folder, sandbox, GPT2GIGA_SANDBOX=sandbox.url))
        browser = start_chromium(folder / "profile")
        stack.callback(browser.quit)
        for language, (name, question, answer) in TALKS.items():
            sandbox.state.script({"text": answer})
            page = Page(browser, service.url, ROOT / "docs")
            page.open(language, "light", WIDTH, HEIGHT)
            page.wait_for("#models.good")
            page.wait_for("#snippet pre")
            page.ask(question)
            page.wait_for(".said td code", "pandas")
            page.wait_for("#send:not([hidden])")
            page.shoot(name, whole=False)
            page.close()


if __name__ == "__main__":
    main()
