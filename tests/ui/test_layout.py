"""How the page fits screens of three widths, light and dark, and people who do not use a mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gpt2giga.commands.snippets import SNIPPETS
from gpt2giga_sandbox.server import SandboxServer
from tests.clients import npm
from tests.service import Service
from tests.ui.page import Page

Open = Callable[..., Page]
TURNS = 20
WIDTHS = (1280, 390, 320)
SCREENS = [pytest.param(width, theme, id=f"{width}-{theme}") for width in WIDTHS for theme in ("light", "dark")]
AXE = ("axe-core", "4.14.1")
MARKDOWN = """# План

1. Первое
   - вложенное

| Город | Жителей |
|:--|--:|
| Москва | 13 |

```python
print("Привет, длинная строка, которая не помещается на экран телефона, и её надо прокручивать вбок")
```

[Ссылка](https://example.com), `код`
"""
# Of what is on the screen now: whether all of it is in the window, and how far the log is from its end.
IN_SIGHT = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth && box.height > 0;
"""
FROM_THE_END = "const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight"
TOPS = "return [...document.querySelectorAll('.state')].map((card) => card.getBoundingClientRect().top)"


def in_sight(page: Page, selector: str) -> bool:
    return bool(page.script(IN_SIGHT, selector))


def converse(page: Page, turns: int) -> None:
    for number in range(turns):
        page.ask(f"Вопрос {number}")
        page.wait_for(".said", f"Вы написали: Вопрос {number}")
        page.wait_for("#send:not([hidden])")


@pytest.mark.parametrize("width, theme", SCREENS)
def test_a_long_chat(open_page: Open, service: Service, sandbox: SandboxServer, width: int, theme: str) -> None:
    """The input stays where it is, the newest words are in sight, and who reads further up is left alone."""
    page = open_page(service, width=width, theme=theme, language="ru").ready()
    before = page.script("return document.getElementById('ask').getBoundingClientRect().top")
    converse(page, TURNS)
    assert page.script("return document.getElementById('ask').getBoundingClientRect().top") == before
    assert page.script("return scrollY") == 0 and page.script(FROM_THE_END) < 2
    assert in_sight(page, "#text") and in_sight(page, "#send") and in_sight(page, ".turn:last-child .said")
    assert not in_sight(page, ".turn:first-child .said")
    assert page.script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.shoot(f"long-{width}-{theme}")
    sandbox.state.script({"text": "слово " * 200, "frame_delay": 0.01})
    page.ask("Длинный ответ")
    page.wait_for(".busy .said", "слово слово")
    page.script("document.getElementById('log').scrollTop = 0")
    page.wait_for("#send:not([hidden])")
    assert page.script("return document.getElementById('log').scrollTop") == 0
    page.ask("И снова")  # whoever asks wants to see the answer
    page.wait_for(".said", "Вы написали: И снова")
    page.wait_for("#send:not([hidden])")
    assert page.script(FROM_THE_END) < 2
    assert page.complaints() == []


@pytest.mark.parametrize("width, height", [(320, 480), (740, 360)])
def test_a_small_phone_and_one_on_its_side(open_page: Open, service: Service, width: int, height: int) -> None:
    page = open_page(service, width=width, height=height).ready()
    converse(page, 3)
    assert in_sight(page, "#text") and in_sight(page, "#send")
    assert page.script("return document.getElementById('log').clientHeight") > 80
    page.shoot(f"small-{width}")


@pytest.mark.parametrize("width", [390, 320])
def test_one_line_says_that_all_is_well(open_page: Open, service: Service, width: int) -> None:
    page = open_page(service, width=width, language="ru").ready()
    assert len(set(page.script(TOPS))) == 1


@pytest.mark.parametrize("width, theme", SCREENS)
def test_accessibility(open_page: Open, service: Service, sandbox: SandboxServer, width: int, theme: str) -> None:
    """axe finds nothing, neither in the empty page nor with everything open."""
    axe = (npm.install(*AXE) / "axe-core" / "axe.min.js").read_text()
    sandbox.state.script({"text": MARKDOWN, "reasoning": "Надо посчитать."}, {"status": 402})
    page = open_page(service, width=width, theme=theme).ready()
    page.script(axe)
    assert findings(page) == []
    page.click("#show-settings")
    page.click("#facts summary")
    page.wait_for("#facts", "Context window")
    for text in ("План", "Ошибка"):
        page.ask(text)
        page.wait_for("#send:not([hidden])")
    page.wait_for(".failed")
    page.script("for (const node of document.querySelectorAll('details')) node.open = true")
    assert findings(page) == []
    page.shoot(f"everything-{width}-{theme}")
    if width < 600:
        page.click("#show-chats")
        assert findings(page) == []
        page.shoot(f"chats-{width}-{theme}")


def findings(page: Page) -> list[Any]:
    """What axe finds wrong. That it does look is seen by what it finds right."""
    right, wrong = page.browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(({passes, violations}) => done([passes.length, violations.flatMap("
        "({id, nodes}) => nodes.map((node) => [id, node.target.join(' '), node.failureSummary]))]),"
        " (error) => done([100, [String(error)]]))"
    )
    assert right > 20
    found: list[Any] = wrong
    return found


def test_tabs_obey_the_keyboard(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    page.click("#client-openai")

    def press(key: str) -> str:
        page.press(key)
        page.wait_for("#snippet .about")
        focused, chosen = page.script(
            "return [document.activeElement.id, document.querySelector('#clients [aria-selected=true]').id]"
        )
        assert focused == chosen
        assert page.script("return [...document.querySelectorAll('#clients [tabindex=\"0\"]')].length") == 1
        return str(focused)

    assert press("ARROW_RIGHT") == "client-openclaw"
    assert press("ARROW_LEFT") == press("HOME") == "client-openai"
    assert press("ARROW_LEFT") == press("END") == f"client-{[*SNIPPETS][-1]}"
    assert press("ARROW_RIGHT") == "client-openai"
    page.press("TAB")
    assert page.script("return document.activeElement.id") == "snippet"


def test_clients_are_found_by_words(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    find = page.find("#find-client")
    for words, found in (("claude", ["Claude Code"]), ("~/.continue", ["Continue"]), ("nothing like it", [])):
        find.clear()
        find.send_keys(words)
        assert page.texts("#clients button:not([hidden])") == found
        page.wait_for("#snippet", "Any client" if not found else "")
        assert page.texts("#clients [aria-selected=true]:not([hidden])") == found
    find.clear()
    find.send_keys("c")
    page.wait_for("#snippet pre")
