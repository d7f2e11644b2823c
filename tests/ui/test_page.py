"""What a visitor sees and does. Each test ends with a look at the console."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.commands.snippets import SNIPPETS
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.ui.page import Page

Open = Callable[..., Page]
Start = Callable[..., Service]
# GigaChat counts cached tokens apart.
USAGE = {"prompt_tokens": 1017, "completion_tokens": 30, "total_tokens": 1047, "precached_prompt_tokens": 12}
CLIENTS = ["openai", "OpenClaw", *(it.title for name, it in SNIPPETS.items() if name != "openai")]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"call": {"name": name, "arguments": arguments}}


def test_it_loads_from_this_address_only(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    assert page.text("#service p").startswith("Running, version")
    assert page.text("#gigachat p").startswith("127.0.0.1 answers")
    assert "for chat" in page.text("#models p")
    assert page.script("return document.getElementById('model').value") == "GigaChat-2-Max"
    assert not any("Embeddings" in name for name in page.texts("#model option"))
    assert all(address.startswith(f"{service.url}/") for address in page.addresses())
    assert page.complaints() == []
    page.shoot("light-en")


def test_an_answer_comes_in_a_stream(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    words = "один два три четыре пять шесть семь восемь"
    sandbox.state.script({"text": words, "reasoning": "Надо посчитать.", "frame_delay": 0.2, "usage": USAGE})
    page = open_page(service).ready()
    page.ask("Посчитай")
    page.wait_for(".busy .said", "один")
    assert "восемь" not in page.text(".busy .said")
    page.wait_for(".figures", "in total")
    assert page.texts(".said") == ["Посчитай", words]
    assert page.text(".thought p") == "Надо посчитать."
    for figure in ("first byte", "1,029 tokens in", "12 of them cached", "30 out", "GigaChat-2-Max", "request "):
        assert figure in page.text(".figures")
    page.ask("А дальше?")
    page.wait_for(".said", "Вы написали: А дальше?")
    contents = [message["content"] for message in sandbox.state.chats()[1]["messages"]]
    assert contents == ["Посчитай", words, "А дальше?"]
    assert page.complaints() == []
    page.shoot("stream")


def test_a_tool_call_is_shown_run_and_answered(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(call("current_time", time_zone="Europe/Moscow"), {"text": "Поздно."})
    page = open_page(service).ready()
    page.click("#show-settings")
    page.click("#tool")
    page.ask("Который час?")
    page.wait_for(".said", "Поздно.")
    made, result = page.texts(".call")
    assert made == 'Calls current_time{"time_zone":"Europe/Moscow"}'
    assert result.startswith("Result current_time") and "Europe/Moscow" in result
    assert sandbox.state.chats()[1]["messages"][-1]["role"] == "function"
    assert page.complaints() == []
    page.shoot("tool")


def test_what_models_say_is_text(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    evil = "<img src=x onerror=\"document.title='got'\"><b>жирно</b>"
    sandbox.state.script({"text": evil, "reasoning": evil})
    page = open_page(service).ready()
    page.ask("Привет")
    page.wait_for(".figures")
    assert page.texts(".said")[1] == page.text(".thought p") == evil
    assert page.texts("#log img, #log .said b") == []
    assert page.script("return document.title") == "gpt2giga" and page.complaints() == []


ERRORS: list[tuple[dict[str, Any], str, str]] = [
    ({"status": 402, "body": {"status": 402, "message": "Payment Required"}}, "no tokens left", "Payment Required"),
    ({"status": 422, "body": {"status": 422, "message": "Invalid params"}}, "failed", "Invalid params"),
    ({"text": "раз два три четыре", "cut_after": 2}, "broke off", ""),
]


@pytest.mark.parametrize("step, title, words", ERRORS)
def test_an_error_is_told_in_words(
    open_page: Open, service: Service, sandbox: SandboxServer, step: dict[str, Any], title: str, words: str
) -> None:
    sandbox.state.script(step)
    page = open_page(service).ready()
    page.ask("Привет")
    page.wait_for(".failed", title)
    assert words in page.text(".failed") and "request " in page.text(".failed")
    assert page.find("#text").get_property("value") == "Привет"  # to be sent again
    page.shoot("error")
    page.find("#text").clear()
    page.ask("Снова")
    page.wait_for(".said", "Вы написали: Снова")
    assert [message["content"] for message in sandbox.state.chats()[-1]["messages"]] == ["Снова"]


def test_gigachat_out_of_reach(open_page: Open, start_service: Start) -> None:
    nowhere = "http://127.0.0.1:9"
    service = start_service(GIGACHAT_BASE_URL=nowhere, GIGACHAT_AUTH_URL=nowhere, GPT2GIGA_MAX_RETRIES="0")
    page = open_page(service, language="ru", theme="dark")
    page.wait_for("#gigachat.bad p", "GigaChat недоступен")
    page.wait_for("#models.bad p")
    assert page.text("#service p").startswith("Работает") and "OPENAI_BASE_URL" in page.text("#snippet pre")
    page.ask("Привет")
    page.wait_for(".failed", "GigaChat недоступен")
    page.shoot("unreachable")


def test_a_service_that_has_gone(open_page: Open, start_service: Start) -> None:
    service = start_service()
    page = open_page(service).ready()
    service.process.terminate()
    service.process.wait(20)
    page.ask("Привет")
    page.wait_for(".failed", "The service does not answer")


def test_stop(open_page: Open, service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз " * 100, "frame_delay": 0.1})
    page = open_page(service).ready()
    page.ask("Считай")
    page.wait_for(".busy .said", "раз")
    page.click("#stop")
    page.wait_for(".figures", "Stopped")
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert not page.find("#stop").is_displayed() and page.find("#send").is_displayed()
    assert page.complaints() == []


@pytest.mark.parametrize("step", [{"text": "раз " * 100, "frame_delay": 0.1}, {"delay": 20}], ids=["words", "silence"])
def test_a_new_chat_knows_nothing_of_the_old_one(
    open_page: Open, service: Service, sandbox: SandboxServer, step: dict[str, Any]
) -> None:
    """Also when it begins in the middle of an answer."""
    sandbox.state.script({"text": "Первый."}, step)
    page = open_page(service).ready()
    page.ask("Один")
    page.wait_for(".figures", "in total")
    page.ask("Два")
    assert sandbox.state.wait_for(lambda counters: counters.chat_requests == 2)
    if "text" in step:
        page.wait_for(".busy .said", "раз")
    page.click("#clear")
    page.wait_for("#send:not([hidden])")
    page.ask("Три")
    page.wait_for(".said", "Вы написали: Три")
    assert sandbox.state.chats()[-1]["messages"] == [{"role": "user", "content": "Три"}]
    assert page.complaints() == []


def test_the_key_is_asked_for_and_remembered(open_page: Open, start_service: Start) -> None:
    service = start_service(GPT2GIGA_API_KEY="ключ-1")
    page = open_page(service)
    page.wait_for("#gigachat p", "Needs the API key")
    assert page.find("#door").is_displayed() and page.text("#service p").startswith("Running")
    page.shoot("key")
    page.enter_key("wrong")
    page.wait_for("#wrong:not([hidden])", "does not accept")
    page.enter_key("ключ-1")
    page.ready()
    assert not page.find("#door").is_displayed()
    assert "YOUR_KEY" in page.text("#snippet pre")
    page.ask("Привет")
    page.wait_for(".said", "Вы написали: Привет")
    page.browser.refresh()
    page.ready()
    assert not page.find("#door").is_displayed()
    assert page.script("return JSON.stringify(localStorage) + document.cookie + location.href").count("ключ") == 0
    page.click("#forget")
    page.wait_for("#gigachat p", "Needs the API key")
    assert page.script("return sessionStorage.length") == 0


@pytest.mark.parametrize("theme, dark", [("light", False), ("dark", True)])
def test_light_and_dark(open_page: Open, service: Service, theme: str, dark: bool) -> None:
    page = open_page(service, theme=theme, language="ru").ready()
    red = int(page.style("body", "background-color").partition("(")[2].split(",")[0])
    assert (red < 64) is dark
    page.shoot(theme)


def test_russian_and_english(open_page: Open, service: Service) -> None:
    page = open_page(service, language="ru-RU").ready()
    assert page.text("#send") == "Отправить" and "Для чата" in page.text("#models p")
    page.ask("Привет")
    page.wait_for(".figures", "первый байт")
    page.click("#language")
    assert page.text("#send") == "Send" and "for chat" in page.text("#models p")
    assert "first byte" in page.text(".figures") and "Usage" in page.texts("h2")
    page.browser.refresh()
    page.ready()
    assert page.text("#send") == "Send"
    assert page.complaints() == []


def test_both_languages_say_everything(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    english, russian = page.module("words.js", "Object.values(found.WORDS).map((words) => Object.keys(words).sort())")
    assert english == russian
    for name in ("data-t", "data-t-placeholder", "data-t-label"):
        named = page.script(
            f"return [...document.querySelectorAll('[{name}]')].map((node) => node.getAttribute('{name}'))"
        )
        assert named and set(named) <= set(english)


def test_what_is_known_of_the_model(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    assert page.texts("#facts tr") == []
    page.click("#show-settings")
    page.click("#facts summary")
    page.wait_for("#facts", "Context window, tokens261,120assumed")
    page.click("#language")
    assert "Окно контекста" in page.text("#facts") and "по умолчанию" in page.text("#facts")
    page.choose("#model", "GigaChat-Plus")
    page.wait_for("#facts", "32\u00a0768")
    page.shoot("facts")
    assert page.complaints() == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_screen(open_page: Open, service: Service, sandbox: SandboxServer, width: int) -> None:
    sandbox.state.script({"text": "Длинноеслово" * 20})
    page = open_page(service, width=width, language="ru").ready()
    page.ask("Привет")
    page.wait_for(".figures")
    assert page.script("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.script("return innerWidth") == width
    page.shoot(f"narrow-{width}")


def test_clients_are_told_this_address(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    assert page.text("#base") == f"{service.url}/v1"
    assert page.texts("#clients button") == CLIENTS
    for name in CLIENTS:
        label = f"//div[@id='clients']/button[.='{name}']"
        page.browser.find_element("xpath", label).click()
        page.wait_for("#clients [aria-selected=true]", name)
        page.wait_for("#snippet pre", "--url" if name == "OpenClaw" else service.url)
        assert not re.search(r"\{(root|base|key|model)\}", page.text("#snippet pre"))
    page.shoot("connect")


def test_openclaw_gets_a_command_and_a_file(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    page.click("#client-openclaw")
    page.wait_for("#snippet pre", '"baseUrl"')
    command, file = page.texts("#snippet pre")
    assert command == f"gpt2giga connect openclaw --url {service.url}"
    assert f'"baseUrl": "{service.url}/v1"' in file and "{root}" not in file and "apiKey" not in file
    page.shoot("openclaw")


def test_copy(open_page: Open, service: Service) -> None:
    page = open_page(service).ready()
    page.allow_clipboard()
    page.click("#snippet .copy")
    page.wait_for("#snippet .copy", "Copied")
    assert f"OPENAI_BASE_URL={service.url}/v1" in page.clipboard()


def test_usage_by_account(open_page: Open, start_service: Start, tmp_path: Path) -> None:
    """Only where there are several."""
    service = start_service()
    for model in ("GigaChat-2-Pro", "GigaChat-2"):
        service.post("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Привет!"}]})
    page = open_page(service)
    page.wait_for("#by-model tbody th", "GigaChat-2-Pro")
    assert page.texts("#by-account tbody th") == [] and not page.find("#by-account").is_displayed()
    [file] = tmp_path.rglob("gpt2giga.sqlite3")
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE usage SET account = 'team' WHERE model = 'GigaChat-2-Pro'")
    page.click('#span [value="7"]')
    page.wait_for("#by-account tbody th", "team")
    assert sorted(page.texts("#by-account tbody th")) == ["1", "team"] and page.complaints() == []


@pytest.mark.parametrize(
    "language, words", [("en", ("Tokens left", "used up")), ("ru", ("Остаток токенов", "закончился"))]
)
def test_what_is_left_of_the_packages(
    open_page: Open, start_service: Start, sandbox: SandboxServer, language: str, words: tuple[str, str]
) -> None:
    sandbox.state.settings.packages = {"GigaChat-Max": USAGE["total_tokens"] + 5000, "GigaChat": 0}
    sandbox.state.script({"text": "Да.", "usage": USAGE})
    service = start_service()
    body = {"model": "GigaChat-2-Max", "messages": [{"role": "user", "content": "Привет!"}]}
    assert service.post("/v1/chat/completions", body).status_code == 200
    service.get("/ui/usage")  # what was used is written now
    page = open_page(service, language=language)
    page.wait_for("#by-package tbody th", "GigaChat-Max")
    title, used_up = words
    assert page.text("#packages h2") == title
    assert page.texts("#by-package tbody th") == ["GigaChat", "GigaChat-Max"]
    cells = page.texts("#by-package tbody td")
    assert cells[:2] == ["0", used_up]
    # 1,047 tokens in seven days: what is left will do for 33.
    day = date.today() + timedelta(days=33)
    assert re.sub(r"\D", "", cells[3]) == "5000" and str(day.day) in cells[4] and str(day.year) in cells[4]
    assert page.complaints() == []
    page.shoot(f"packages-{language}")


def test_an_account_that_pays_as_it_goes(open_page: Open, service_with: Callable[..., Service]) -> None:
    page = open_page(service_with(GIGACHAT_SCOPE="GIGACHAT_API_CORP"), width=400)
    page.wait_for("#by-package tbody", "pays as it goes")
    assert page.find("#by-package tbody td").is_displayed() and page.complaints() == []


def test_usage(open_page: Open, start_service: Start, sandbox: SandboxServer) -> None:
    keys = "ann:first-key-of-ann,bob:first-key-of-bob"
    service = start_service(GPT2GIGA_MAX_RETRIES="0", GPT2GIGA_API_KEY=keys, GPT2GIGA_ADMIN_KEY="bob")
    sandbox.state.script({"text": "Да.", "usage": USAGE}, {"text": "Да.", "usage": USAGE}, {"status": 402})
    body = {"model": "GigaChat-2-Pro", "messages": [{"role": "user", "content": "Привет!"}]}
    service.post("/v1/chat/completions", body, headers={"Authorization": "Bearer first-key-of-ann"})
    page = open_page(service)
    page.enter_key("first-key-of-bob")
    page.wait_for("#tokens b", "1,059")
    page.ask("Раз")
    page.wait_for("#tokens b", "2,118")
    assert "in 2,058" in page.text("#tokens") and "out 60" in page.text("#tokens")
    page.ask("Два")
    page.wait_for("#errors b", "1")
    assert page.text("#requests b") == "3" and "insufficient_quota: 1" in page.text("#errors")
    assert len(page.texts("#requests svg g")) == 24 and len(page.texts("#errors .fault")) == 1
    assert page.texts("#by-model tbody th") == ["GigaChat-2-Max", "GigaChat-2-Pro"]
    assert page.texts("#by-key tbody th") == ["bob", "ann"] and "all clients" in page.text("#scope")
    for days in (30, 7):
        page.click(f'#span [value="{days}"]')
        page.wait_for("#requests b", "3")
        assert len(page.texts("#requests svg g")) == days
    assert page.texts('#span [aria-pressed="true"]') == ["7 days"]
