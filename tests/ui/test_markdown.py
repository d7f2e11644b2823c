"""Answers as Markdown: what is shown, and that nothing of it runs or asks for anything elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.ui.page import Page

Open = Callable[..., Page]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)
PLAN = """# План

Абзац с **жирным** и `кодом`,
и строкой.

1. раз
2. два
   - вложенный

- [x] готово

| Город | Жителей |
|:--|--:|
| Москва | 13 |

```python
if a < b:
    print("да")
```

Конец: [ссылка][1].

[1]: https://example.com/page "Заголовок"
"""


def answered(page: Page, sandbox: SandboxServer, text: str, **step: float) -> None:
    sandbox.state.script({"text": text, **step})
    page.ask("Покажи")
    page.wait_for(".figures")


def test_blocks(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    page = open_page(service).ready()
    answered(page, sandbox, PLAN, frame_delay=0.02)
    assert page.texts(".text h3") == ["План"] and page.texts(".text strong") == ["жирным"]
    assert page.texts(".text ol > li") == ["раз", "два\nвложенный"] and page.texts(".text br") == [""]
    assert page.texts(".text > ul > li") == ["☑ готово"]
    assert page.texts(".text td") == ["Москва", "13"]
    assert page.script("return document.querySelector('.text td:last-child').align") == "right"
    assert page.texts(".text pre code") == ['if a < b:\n    print("да")'] and page.text(".code .bar span") == "python"
    link = page.find(".text a")
    assert link.get_attribute("href") == "https://example.com/page"
    assert link.get_attribute("target") == "_blank" and "noopener" in (link.get_attribute("rel") or "")
    page.allow_clipboard()
    page.click(".code .copy")
    page.wait_for(".code .copy", "Copied")
    assert page.clipboard() == 'if a < b:\n    print("да")\n'
    assert page.complaints() == []


def test_the_same_whole_and_streamed(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    """Blocks that are over are not drawn again, and yet all is as if it had come at once."""
    page = open_page(service).ready()
    text = "\n\n".join(
        [
            PLAN,
            "> цитата\n> дальше",
            "- a\n\n- b\n\n  c",
            "строка\r\nи\u00a0ещё\tодна\r\n\r\n\tкод",
            "```\nоткрытый код",
        ]
    )
    answered(page, sandbox, text.replace("[1]: https", "1: https"), frame_delay=0.02)
    same = """
    const [text, done] = arguments, node = document.createElement("div");
    import("/ui/markdown.js").then(({drawMarkdown, LiveMarkdown}) => {
        drawMarkdown(node, text);
        done([node.innerHTML, document.querySelector(".text").innerHTML].map((html) => html.replace(/\\s+/g, " ")));
    });
    """
    whole, streamed = page.browser.execute_async_script(same, text.replace("[1]: https", "1: https"))
    assert whole == streamed


def test_a_long_answer_is_drawn_cheaply(open_page: Open, service: Service) -> None:
    """Counted, not timed: of a thousand paragraphs that come one by one, few nodes are made more than once."""
    page = open_page(service).ready()
    count = """
    const done = arguments[0], node = document.createElement("div");
    import("/ui/markdown.js").then(async ({LiveMarkdown}) => {
        let made = 0;
        new MutationObserver((records) => (made += records.reduce((sum, {addedNodes}) => sum + addedNodes.length, 0)))
            .observe(node, {childList: true});
        const live = new LiveMarkdown(node);
        for (let number = 0; number < 1000; number++) {
            live.append(`Абзац ${number}\\n\\n`);
            if (number % 10 === 0) await new Promise(requestAnimationFrame);
        }
        live.finish();
        await new Promise(requestAnimationFrame);
        done([node.children.length, made]);
    });
    """
    shown, made = page.browser.execute_async_script(count)
    assert shown == 1000 and made < 3000


EVIL = [
    "<script>document.title='got'</script>",
    "<img src=x onerror=\"document.title='got'\">",
    "<a href=\"javascript:document.title='got'\">a</a>",
    "[a](javascript:document.title='got')",
    "[a](data:text/html,<script>document.title='got'</script>)",
    "![a](data:image/png,x\"onerror=\"document.title='got')",
    "<iframe src=https://evil.example></iframe>",
    "<style>body{display:none}</style>",
    '<form action="https://evil.example"><input name=key></form>',
    "```\"><img src=x onerror=document.title='got'>\n```",
    "<https://evil.example/a\"onmouseover=\"document.title='got'>",
]


def test_nothing_runs(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    page = open_page(service).ready()
    answered(page, sandbox, "\n\n".join(EVIL))
    assert page.texts("#log :is(script, iframe, style, form, input)") == []
    attributes = page.script(
        "return [...document.querySelectorAll('.text *')].flatMap((node) => node.getAttributeNames())"
    )
    assert set(attributes) <= {"href", "target", "rel", "src", "alt", "class", "type", "data-t", "tabindex"}
    links = page.script("return [...document.querySelectorAll('.text a[href]')].map((link) => link.protocol)")
    assert set(links) <= {"http:", "https:"}
    page.script("for (const link of document.querySelectorAll('.text a:not([href])')) link.click()")
    assert page.script("return document.title") == "gpt2giga" and page.complaints() == []


@pytest.mark.parametrize("address", ["https://evil.example/p.png", "//evil.example/p.png", "http://evil.example:1/p"])
def test_pictures_come_from_nowhere_else(
    open_page: Open, service: Service, sandbox: SandboxServer, address: str
) -> None:
    """A link to them takes their place, for whoever wants to go there."""
    page = open_page(service).ready()
    answered(page, sandbox, f"![кот]({address}) ![точка]({PIXEL}) <img src={address}>")
    assert page.texts(".text a") == ["кот"]
    assert page.script("return [...document.querySelectorAll('.text img')].map((image) => image.alt)") == ["точка"]
    assert page.script("return document.querySelector('.text img').naturalWidth") == 1
    assert all(found.startswith(f"{service.url}/") for found in page.addresses())
    assert page.complaints() == []


def test_the_browser_would_not_fetch_them_either(open_page: Open, service: Service) -> None:
    """Were one to slip through, the policy stops it."""
    page = open_page(service).ready()
    page.script("document.body.append(Object.assign(new Image(), {src: 'http://evil.example:1/p.png'}))")
    page.script("fetch('http://evil.example:1/').catch(() => {})")
    told = page.complaints()
    assert any("img-src" in line for line in told) and any("connect-src" in line for line in told)
