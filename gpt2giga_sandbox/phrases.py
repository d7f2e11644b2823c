"""What the demo says, as data: the first pattern that is found in the question tells the reply.

Replies may hold what the pattern's groups caught: {0}, {1}. Of a pair of replies the first is Russian.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ToolWish:
    """A question that a model would call a tool for, and how it tells the result: `{values}` of it, or `{facts}`,
    which are values with their names."""

    question: re.Pattern[str]
    tool: re.Pattern[str]
    told: tuple[str, str]


def _found(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


NOTED = _found(r"запиши в память|запомни\b|\bremember(?::| that\b| my\b)")
REAL_ONE = (
    "Настоящий GigaChat: получите ключ в Sber Studio, выполните `gpt2giga init`, затем `gpt2giga`.",
    "For the real GigaChat get a key in Sber Studio, run `gpt2giga init`, then `gpt2giga`.",
)
HELLO = (
    "Привет! Песочница gpt2giga на связи: это не GigaChat, зато всё остальное здесь настоящее. Спросите, что я умею.",
    "Hello! This is the sandbox of gpt2giga: not GigaChat, but everything around it is real. Ask what I can do.",
)
SKILLS = (
    "Песочница — не GigaChat, а заготовленные ответы. Попробуйте:\n\n- «Посчитай от 1 до 10»\n"
    "- «Покажи пример Markdown»\n- «Который час?» или «Какая погода в Москве?», если дать инструмент\n"
    "- «Меня зовут Барсик», а потом «Как меня зовут?»\n- приложить картинку или файл\n"
    "- попросить JSON по схеме\n\n" + REAL_ONE[0],
    'The sandbox is not GigaChat: its replies are prepared. Try:\n\n- "Count from 1 to 10"\n'
    '- "Show a Markdown sample"\n- "What time is it?" or "What is the weather in Moscow?", with a tool offered\n'
    '- "Call me Barsik", and then "What is my name?"\n- attach a picture or a file\n'
    "- ask for JSON by a schema\n\n" + REAL_ONE[1],
)
UNKNOWN = (
    "Песочница gpt2giga, а не GigaChat: модели здесь нет, и на «{0}» она ответить не может. Запрос при этом прошёл"
    " весь путь, что и настоящий. " + REAL_ONE[0] + " Что можно попробовать здесь: спросите «Что ты умеешь?»",
    'This is the sandbox of gpt2giga, not GigaChat: there is no model here that could answer "{0}". Your request'
    " went all the way a real one goes. " + REAL_ONE[1] + ' For what can be tried here, ask "What can you do?"',
)
MARKDOWN = (
    """## Пример Markdown

Так песочница (не GigaChat) показывает **жирный** и *наклонный* текст, `код` и список:

1. заголовок
2. таблица
3. блок кода

| модель | для чего |
| --- | --- |
| GigaChat-2 | быстрые ответы |
| GigaChat-2-Max | трудные задачи |

```python
for number in range(1, 6):
    print(number)
```
""",
    """## A Markdown sample

This is how the sandbox (not GigaChat) shows **bold** and *slanted* text, `code` and a list:

1. a heading
2. a table
3. a block of code

| model | good for |
| --- | --- |
| GigaChat-2 | quick answers |
| GigaChat-2-Max | hard tasks |

```python
for number in range(1, 6):
    print(number)
```
""",
)
CODE = (
    "Заготовка песочницы, писал не GigaChat:\n\n```python\n"
    "def fibonacci(count: int) -> list[int]:\n    found = [0, 1]\n    while len(found) < count:\n"
    "        found.append(found[-1] + found[-2])\n    return found[:count]\n```\n",
    "Prepared by the sandbox, not written by GigaChat:\n\n```python\n"
    "def fibonacci(count: int) -> list[int]:\n    found = [0, 1]\n    while len(found) < count:\n"
    "        found.append(found[-1] + found[-2])\n    return found[:count]\n```\n",
)
GREETS = r"^\W*(?:привет\w*|здравствуй\w*|добр\w+ (?:день|утро|вечер)|hello|hi|hey)\b"
REPLIES: tuple[tuple[re.Pattern[str], tuple[str, str]], ...] = tuple(
    (_found(pattern), replies)
    for pattern, replies in (
        (rf"{GREETS}.*(?:одним словом|one word)", ("Привет!", "Hello!")),
        (r"markdown|маркдаун|разметк", MARKDOWN),
        (r"что (?:ты )?(?:умеешь|можешь)|what can you do|^\W*(?:help|помощь)\W*$", SKILLS),
        (r"(?:зови меня|меня зовут|call me|my name is) ([\w-]+)", ("Хорошо, {0}, запомнил.", "All right, {0}.")),
        (
            NOTED.pattern,
            (
                "Запомнил до конца этого разговора. Надолго песочница пишет, только если дать ей инструмент.",
                "Noted for this conversation. To keep it longer the sandbox needs a tool that writes.",
            ),
        ),
        (
            r"который час|сколько\b.{0,10}\bвремени|what time|what.{0,5} the time",
            (
                "Часов у меня нет. Дайте инструмент current_time (на странице он в настройках), и я его вызову.",
                "I have no clock. Offer me the tool current_time (on the page: Settings), and I call it.",
            ),
        ),
        (
            r"погод|weather",
            (
                "Про погоду мне нужен инструмент, например get_weather. Дайте его, и я его вызову.",
                "For the weather I need a tool, get_weather for example. Offer it, and I call it.",
            ),
        ),
        (
            r"кто ты|ты кто|как тебя зовут|who are you|what are you|your name",
            (
                "Песочница gpt2giga, не GigaChat. " + REAL_ONE[0],
                "The sandbox of gpt2giga, not GigaChat. " + REAL_ONE[1],
            ),
        ),
        (
            r"как (?:у тебя )?дела|how are you",
            (
                "Песочнице хорошо: ни ключа, ни интернета не надо. А у вас?",
                "The sandbox is fine: it needs no key. And you?",
            ),
        ),
        (r"python|питон|fibonacci|фибоначчи|напиши код|write .{0,15}code", CODE),
        (
            r"шутк|анекдот|\bjoke\b",
            (
                "Заходит как-то тайм-аут в бар… Бармен отвечает ему через шестьсот секунд.",
                "A timeout walks into a bar. The barman answers six hundred seconds later.",
            ),
        ),
        (
            r"стих|\bpoem\b",
            (
                "По сокету бежит строка,\nза ней спешит другая:\nне GigaChat она пока,\nно путь уж точно знает.",
                "A line runs down the socket wire,\nanother right behind:\nnot GigaChat, but all the while\n"
                "the way is what you'll find.",
            ),
        ),
        (r"спасибо|благодарю|thank", ("Пожалуйста!", "You are welcome!")),
        (r"^\W*(?:пока\W*$|(?:до свидания|bye|goodbye)\b)", ("До встречи!", "See you!")),
        (GREETS, HELLO),
    )
)
NAMED = _found(r"(?:зови меня|меня зовут|call me|my name is) ([\w-]+)")
NAME_ASKED = _found(r"как меня зовут|what(?:'s| is) my name|who am i")
NAME_TOLD = ("Вас зовут {0}.", "Your name is {0}.")
NAME_UNKNOWN = ("Вы ещё не сказали, как вас зовут.", "You have not told me your name yet.")
COUNT = _found(r"(?:посчитай|сосчитай|count)\D{0,20}(\d{1,3})\D{1,10}(\d{1,3})\b")
FILES = (
    "Вижу: {0}. Что внутри, сказал бы GigaChat; песочница в файлы не заглядывает.",
    "I see {0}. GigaChat would tell what is inside; the sandbox does not look into files.",
)
FILE = ("«{name}» ({kind}, {size} Б)", '"{name}" ({kind}, {size} bytes)')
KINDS = {"image": ("картинка", "picture"), "audio": ("звук", "sound"), "text": ("документ", "document")}
TRANSCRIPT = (
    "Это голосовое сообщение. Слов в нём песочница не разбирает, это сделал бы GigaChat.",
    "This is a voice message. The sandbox does not make out its words, GigaChat would.",
)
THOUGHTS = (
    "Спрашивают: «{0}». Модели в песочнице нет, рассуждать некому; найду подходящую заготовку и скажу об этом честно.",
    'The question is "{0}". There is no model in the sandbox to think; I look for a prepared reply and say so.',
)
TOOL_TOLD = ("Инструмент {name} вернул: {facts}", "The tool {name} returned: {facts}")
TOOL_WISHES = (
    ToolWish(
        _found(r"который час|сколько\b.{0,10}\bвремени|како\w+ (?:сегодня )?(?:число|дата|день)|\btime\b|\bdate\b"),
        _found(r"(?:^|_|get|current)(?:date_?)?(?:time|date|clock|now)(?:$|_)"),
        ("Сейчас {values}.", "It is {values}."),
    ),
    ToolWish(_found(r"погод|weather"), _found(r"weather|forecast"), ("Погода: {facts}.", "The weather: {facts}.")),
    ToolWish(
        NOTED,
        _found(r"^write$|^(?:save|add|store|create)\w*(?:memory|note)"),
        ("Записано. {facts}", "Written down. {facts}"),
    ),
)
# What a call's argument is, by its name: a city, or what was asked.
CITY_ARGUMENT = _found(r"^(?:city|town|location|place)$")
QUESTION_ARGUMENT = _found(r"^(?:query|question|text|prompt|topic|content|note|fact|memory)$")
PATH_ARGUMENT, PATH = _found(r"^(?:path|file_?path|file)$"), "memory/sandbox.md"
CITIES = tuple(
    (_found(pattern), name)
    for pattern, name in (
        (r"москв", "Москва"),
        (r"петербург|питер", "Санкт-Петербург"),
        (r"казан", "Казань"),
        (r"новосибирск", "Новосибирск"),
        (r"лондон", "Лондон"),
        (r"париж", "Париж"),
    )
)
ANY_CITY = re.compile(r"\b(?:в|во|in|for|at) ([A-ZА-ЯЁ][\w-]+)")
DEFAULT_CITY = ("Москва", "Moscow")
