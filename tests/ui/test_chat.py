"""What can be done with messages: copy, change, ask again, attach; and the conversations that the browser keeps."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import Caller
from tests.ui.page import Page
from tests.ui.test_markdown import PIXEL

Open = Callable[..., Page]
Start = Callable[..., Service]
PASTE = """
const [kind, type] = arguments, files = new DataTransfer();
files.items.add(new File([Uint8Array.from(atob(arguments[2]), (letter) => letter.charCodeAt())], arguments[3], {type}));
const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: files, bubbles: true, cancelable: true})
    : new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true});
if (arguments[4]) files.setData("text/plain", arguments[4]);
document.getElementById(kind === "paste" ? "text" : "connect").dispatchEvent(event);
"""


def ask(page: Page, text: str, answer: str) -> None:
    page.ask(text)
    page.wait_for(".said", answer)
    page.wait_for("#send:not([hidden])")


def contents(sandbox: SandboxServer) -> list[Any]:
    return [message["content"] for message in sandbox.state.chats()[-1]["messages"]]


def kept(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(page.script("return localStorage.getItem('chats') ?? '[]'"))
    return found


def test_copy_of_a_message(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Это **жирно**."})
    page = open_page(service).ready()
    page.allow_clipboard()
    ask(page, "Скажи", "жирно")
    for place, text in ((".mine", "Скажи"), (".turn:not(.mine)", "Это **жирно**.")):
        page.click(f"{place} .copy")
        page.wait_for(f"{place} .copy", "Copied")
        assert page.clipboard() == text


def test_asked_again(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Первый."}, {"text": "Второй."}, {"text": "Третий."}, {"status": 402})
    page = open_page(service).ready()
    ask(page, "Раз", "Первый.")
    ask(page, "Два", "Второй.")
    page.click(".turn:last-child .regenerate")
    page.wait_for(".said", "Третий.")
    page.wait_for("#send:not([hidden])")
    assert page.texts(".said") == ["Раз", "Первый.", "Два", "Третий."]
    assert contents(sandbox) == ["Раз", "Первый.", "Два"]
    page.click(".turn:last-child .regenerate")
    page.wait_for(".failed")
    assert page.texts(".said") == ["Раз", "Первый.", "Два", "Третий."], "what was there is not lost"


def test_changed_and_sent_again(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    page = open_page(service).ready()
    for text in ("Раз", "Два", "Три"):
        ask(page, text, f"Вы написали: {text}")
    page.click(".mine:nth-of-type(3) .edit")
    assert page.find("#text").get_property("value") == "Два" and page.find("#editing").is_displayed()
    page.click("#keep")
    assert page.find("#text").get_property("value") == "" and not page.find("#editing").is_displayed()
    page.click(".mine:nth-of-type(3) .edit")
    ask(page, " с половиной", "Вы написали: Два с половиной")
    assert page.texts(".mine .said") == ["Раз", "Два с половиной"]
    assert contents(sandbox)[0::2] == ["Раз", "Два с половиной"]
    assert not page.find("#editing").is_displayed() and page.complaints() == []


def test_system_prompt_temperature_and_model(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    page = open_page(service).ready()
    page.click("#show-settings")
    page.find("#system").send_keys("Отвечай стихами.")
    page.find("#temperature").send_keys("0.7")
    page.choose("#model", "GigaChat-2-Pro")
    ask(page, "Привет", "Вы написали: Привет")
    sent = sandbox.state.chats()[-1]
    assert (sent["model"], sent["temperature"]) == ("GigaChat-2-Pro", 0.7)
    assert sent["messages"][0] == {"role": "system", "content": "Отвечай стихами."}
    page.browser.refresh()
    page.ready()
    page.click("#kept .name")
    assert page.find("#system").get_property("value") == "Отвечай стихами."
    assert page.script("return document.getElementById('model').value") == "GigaChat-2-Pro"


@pytest.mark.parametrize("way", ["paste", "drop", "button"])
def test_a_picture_goes_with_the_message(
    open_page: Open, service: Service, sandbox: SandboxServer, tmp_path: Any, way: str
) -> None:
    page = open_page(service).ready()
    data = PIXEL.partition(",")[2]
    if way == "button":
        (tmp_path / "p.png").write_bytes(base64.b64decode(data))
        page.find("#files").send_keys(str(tmp_path / "p.png"))
    else:
        page.script(PASTE, way, "image/png", data, "p.png")
    page.wait_for("#attached li")
    ask(page, "Что это?", "(файлов: 1): Что это?")
    assert page.texts("#attached li") == [] and page.script("return document.querySelector('.mine img').src") == PIXEL
    assert len(sandbox.state.chats()[-1]["messages"][0]["attachments"]) == 1
    [one] = kept(page)
    assert "base64" not in json.dumps(one) and one["messages"][0]["content"][1] == {"type": "text", "text": "[image]"}
    assert page.complaints() == []


def test_a_file_goes_with_the_message(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    page = open_page(service).ready()
    for name in ("a.txt", "b.txt"):
        page.script(PASTE, "drop", "text/plain", "aGVsbG8=", name)
        page.wait_for("#attached", name)
    page.click("#attached li:first-child button")
    assert page.texts("#attached .file span") == ["b.txt"]
    ask(page, "Что там?", "(файлов: 1): Что там?")
    assert page.text(".mine .file") == "b.txt"
    assert len(sandbox.state.chats()[-1]["messages"][0]["attachments"]) == 1


def test_cells_of_a_table_are_pasted_as_words(open_page: Open, service: Service) -> None:
    """They come with a picture of themselves."""
    page = open_page(service).ready()
    page.script(PASTE, "paste", "image/png", PIXEL.partition(",")[2], "cells.png", "a b")
    page.script(PASTE, "paste", "text/plain", "aGVsbG8=", "a.txt")
    page.wait_for("#attached li")
    assert page.texts("#attached .file span") == ["a.txt"] and page.texts("#attached img") == []


def test_sources_are_numbered_links(open_page: Open, start_service: Start, sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    service = start_service(GPT2GIGA_GIGACHAT_API_MODE="v2")
    head = {"model": "GigaChat", "created_at": 1}
    sources = {
        "1": {"url": "https://a.example/1", "title": "Первый"},
        "2": {"url": "javascript:alert(1)", "title": "Злой"},
        "3": {"url": "https://b.example", "title": "<b>Третий</b>"},
    }
    parts: list[dict[str, Any]] = [
        {"inline_data": {"images": [], "sources": sources}},
        {"text": "Курс вырос [sources=[1, 2, 3]]."},
    ]
    frames = [{**head, "messages": [{"role": "assistant", "content": [part]}]} for part in parts]
    sandbox.state.script({"frames": [*frames, {**head, "finish_reason": "stop"}]})
    page = open_page(service).ready()
    page.ask("Какой курс?")
    page.wait_for(".sources")
    assert page.texts(".sources li") == ["Первый", "<b>Третий</b>"]
    assert page.find(".sources a").get_attribute("rel") == "noopener noreferrer"
    assert page.find(".sources a").get_attribute("target") == "_blank"


def test_thoughts_and_figures_are_folded(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Да.", "reasoning": "Надо подумать."})
    page = open_page(service).ready()
    ask(page, "Думай", "Да.")
    page.wait_for(".figures")
    assert not page.find(".thought p").is_displayed() and not page.find(".figures p").is_displayed()
    page.click(".figures summary")
    assert page.find(".figures p").is_displayed() and "request " in page.text(".figures p")


def test_a_request_that_waits_says_so(open_page: Open, service_with: Start, sandbox: SandboxServer) -> None:
    """In line, and then for the model; no heartbeat is needed for it."""
    service = service_with(GPT2GIGA_MAX_CONCURRENCY="1")
    sandbox.state.script({"text": "раз два три"}, {"text": "Наконец.", "delay": 4.5})
    sandbox.state.settings.hold_after = 1
    page = open_page(service, language="ru").ready()
    with Caller(service, stream=True) as first:
        first.read_until("раз")
        page.ask("Долго?")
        page.wait_for(".waiting", "ждёт своей очереди")
        page.shoot("waiting")
        sandbox.state.settings.hold_after = None
        page.wait_for(".waiting", "Ждём ответа")
        page.wait_for(".said", "Наконец.")
        assert page.texts(".waiting") == []


CURES: list[tuple[str, dict[str, Any], str, str]] = [
    ("429", {"status": 429}, "Слишком много одновременных запросов", "Дождитесь другого ответа"),
    ("402", {"status": 402}, "На счёте закончились токены", "Купите токены"),
    ("401", {"status": 401, "times": 2}, "GigaChat не принимает ключ", "GIGACHAT_CREDENTIALS"),
]


@pytest.mark.parametrize("step, title, cure", [case[1:] for case in CURES], ids=[case[0] for case in CURES])
def test_what_helps_is_told_in_the_language_of_the_page(
    open_page: Open, lively: Service, sandbox: SandboxServer, step: dict[str, Any], title: str, cure: str
) -> None:
    page = open_page(lively, language="ru").ready()
    sandbox.state.script(step)
    page.ask("Привет")
    page.wait_for(".failed b", title)
    assert cure in page.text(".failed p")


def test_a_message_that_is_too_large(open_page: Open, small: Service) -> None:
    page = open_page(small, language="ru").ready()
    page.script(PASTE, "drop", "text/plain", "YWFh" * 400_000, "big.txt")
    page.wait_for("#attached", "big.txt")
    page.ask("Прочти")
    page.wait_for(".failed b", "Сообщение слишком большое")
    assert "GPT2GIGA_MAX_BODY" in page.text(".failed p")
    assert page.texts("#attached .file span") == ["big.txt"], "to be sent again, or without it"


def test_conversations_are_kept(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "| a |\n|--|\n| 1 |", "reasoning": "Так."})
    page = open_page(service).ready()
    ask(page, "Первый разговор о таблицах и о том, как их рисуют на экране", "1")
    page.click("#clear")
    ask(page, "Второй", "Вы написали: Второй")
    assert page.texts("#kept .name") == ["Второй", "Первый разговор о таблицах и о том, как их…"]
    page.browser.refresh()
    page.ready()
    assert page.texts(".turn") == []
    page.click("#kept li:nth-child(2) .name")
    assert page.texts(".text td") == ["1"] and page.text(".thought p") == "Так."
    assert "in total" in page.text(".figures") and page.text("#kept .current .name").startswith("Первый")
    ask(page, "Дальше", "Вы написали: Дальше")
    assert len(contents(sandbox)) == 3 and len(kept(page)) == 2
    page.click("#kept .current .rename")
    page.script("document.activeElement.value = ''")
    page.browser.switch_to.active_element.send_keys("Таблицы")
    page.press("ENTER")
    assert page.texts("#kept .name") == ["Таблицы", "Второй"]
    ask(page, "Ещё", "Вы написали: Ещё")
    assert page.texts("#kept .name") == ["Таблицы", "Второй"]
    page.click("#kept li:nth-child(2) .delete")
    assert page.texts("#kept .name") == ["Таблицы"] and page.texts(".turn") != []
    page.click("#kept .current .delete")
    assert page.texts("#kept .name") == page.texts(".turn") == kept(page) == []
    assert page.complaints() == []


def test_what_is_kept_is_bounded(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    many = """
    const letters = arguments[0], done = arguments[2];
    import("/ui/history.js").then(({keep}) => {
        for (let number = 0; number < arguments[1]; number++)
            keep({id: `${number}`, name: "", messages: [{role: "user", content: `${number} ${"я".repeat(letters)}`}]});
        done();
    });
    """
    page.browser.execute_async_script(many, 10, 120)
    assert len(kept(page)) == 50 and kept(page)[0]["id"] == "119"
    page.browser.execute_async_script(many, 400_000, 6)
    assert [one["id"] for one in kept(page)] == ["5", "4", "3"]
    page.script("localStorage.setItem('chats', '{broken')")
    page.browser.refresh()
    page.ready()
    assert page.texts("#kept .name") == [] and page.complaints() == []


def test_one_that_is_deleted_while_it_is_answered_stays_away(
    open_page: Open, service: Service, sandbox: SandboxServer
) -> None:
    sandbox.state.script({"text": "Да."}, {"text": "раз " * 50, "frame_delay": 0.1})
    page = open_page(service).ready()
    ask(page, "Один", "Да.")
    page.ask("Два")
    page.wait_for(".busy .said", "раз")
    page.click("#kept .current .delete")
    page.wait_for("#send:not([hidden])")
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert page.texts("#kept .name") == page.texts(".turn") == []
