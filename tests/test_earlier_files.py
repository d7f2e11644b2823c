"""Files of earlier turns: clients send them again with every turn, so none of them can end a conversation."""

from __future__ import annotations

import base64
from itertools import count
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, png
from tests.service import Service

CHAT = "/v1/chat/completions"
numbers = count()


def fresh() -> bytes:
    """The service remembers what it has uploaded, so no two tests may send the same."""
    return b"%d" % next(numbers)


def image(content: bytes = b"", media_type: str = "image/png", *, url: str = "") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url or data_url(content or png() + fresh(), media_type)}}


def file(name: str, media_type: str = "", content: bytes = b"") -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data_url(content or fresh(), media_type)}}


def stored(file_id: str) -> dict[str, Any]:
    return {"type": "file", "file": {"file_id": file_id}}


def says(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "Что здесь?"}, *parts]}


ANSWER = {"role": "assistant", "content": "Точка."}
THANKS = {"role": "user", "content": "Спасибо!"}


def tool_gives(*parts: Any) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": "show", "arguments": "{}"}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": parts},
    ]


def sent(service: Service, sandbox: SandboxServer, *messages: Any, **fields: Any) -> list[tuple[str, list[str]]]:
    """What the user's messages say at GigaChat, each with the kinds of its files."""
    response = service.post(CHAT, {"model": "GigaChat-2-Max", "messages": messages, **fields})
    assert response.status_code == 200, response.text
    files = sandbox.state.files()
    return [
        (message["content"], [files[file_id].kind for file_id in message.get("attachments", [])])
        for message in sandbox.state.chats()[-1]["messages"]
        if message["role"] == "user"
    ]


REFUSED_WHEN_NEW = {
    "an image that is none": ([image(url="data:image/png;base64,####")], "[earlier file: image]"),
    "an image of an address": ([image(url="http://127.0.0.1/Снимок.png?key=1")], "[earlier file: Снимок.png]"),
    "an address that is none": ([image(url="http://[")], "[earlier file: ["),
    "a type that GigaChat does not take": ([file("a.zip", "application/zip", b"PK\0")], "[earlier file: a.zip]"),
    "an empty file": (
        [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,"}}],
        "[earlier file: a.pdf]",
    ),
    "two documents": ([file("a.txt"), file("b.txt")], "[earlier file: a.txt]"),
    "an image and a document": ([image(), file("b.txt")], "[earlier file: image]"),
    "eleven images": ([image() for _ in range(11)], "[earlier file: image]"),
    "twenty-one files": ([file(f"{number}.mp3") for number in range(21)], "[earlier file: 0.mp3]"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("parts, words", REFUSED_WHEN_NEW.values(), ids=REFUSED_WHEN_NEW)
def test_refused_when_it_is_new_and_named_when_it_is_old(
    service: Service, sandbox: SandboxServer, parts: list[Any], words: str, stream: bool
) -> None:
    response = service.post(CHAT, {"model": "GigaChat-2-Max", "messages": [says(*parts)], "stream": stream})
    assert response.status_code == 400 and response.json()["error"]["param"].startswith("messages")
    for later in ([THANKS], [ANSWER, THANKS]):
        found = sent(service, sandbox, says(*parts), *later, stream=stream)
        assert words in found[0][0] and found[-1][0].endswith("Спасибо!")


def test_the_newest_document(service: Service, sandbox: SandboxServer) -> None:
    turns = [says(file("report.pdf")), ANSWER, says(file("b.txt"))]
    assert sent(service, sandbox, *turns) == [
        ("Что здесь?\n\n[earlier file: report.pdf]", []),
        ("Что здесь?", ["text"]),
    ]
    assert [found[1] for found in sent(service, sandbox, *turns, ANSWER, THANKS)] == [[], ["text"], []]


def test_a_kind_of_its_own_makes_room(service: Service, sandbox: SandboxServer) -> None:
    """An image, then a document, then an image: the newest tells which kind goes up."""
    turns = [says(image()), ANSWER, says(file("b.txt")), ANSWER, says(image())]
    assert [found[1] for found in sent(service, sandbox, *turns[:3])] == [[], ["text"]]
    assert [found[1] for found in sent(service, sandbox, *turns)] == [["image"], [], ["image"]]


def test_the_newest_ten_images(service: Service, sandbox: SandboxServer) -> None:
    turns = [turn for _ in range(12) for turn in (says(image()), ANSWER)]
    found = sent(service, sandbox, *turns, THANKS)
    assert [kinds for _, kinds in found] == [[]] * 2 + [["image"]] * 10 + [[]]
    assert len(sandbox.state.files()) == 10


def test_the_same_image_many_times(service: Service, sandbox: SandboxServer) -> None:
    same = says(image())
    found = sent(service, sandbox, *[same, ANSWER] * 12, THANKS)
    assert sum(len(kinds) for _, kinds in found) == 10 and len(sandbox.state.files()) == 1


@pytest.mark.parametrize("model", ["GigaChat-2", "GigaChat-2-Lite"])
def test_a_model_that_does_not_see(service: Service, sandbox: SandboxServer, model: str) -> None:
    found = sent(service, sandbox, says(image()), ANSWER, THANKS, model=model)
    assert found == [("Что здесь?\n\n[earlier file: image]", []), ("Спасибо!", [])]
    assert sandbox.state.files() == {}, "there is no use in uploading it"


def test_several_images_of_one_message(service: Service, sandbox: SandboxServer) -> None:
    label = {"type": "text", "text": "А это?"}
    assert sent(service, sandbox, says(image(), label, image(), image())) == [
        ("Что здесь?", ["image"]),
        ("А это?", ["image"]),
        ("", ["image"]),
    ]


def test_the_users_file_comes_before_what_tools_found_for_it(service: Service, sandbox: SandboxServer) -> None:
    found = sent(service, sandbox, says(file("a.txt")), *tool_gives(file("b.txt")), *tool_gives(image()))
    assert [kinds for _, kinds in found] == [["text"], [], []]
    assert found[1][0] == "[File b.txt from the result of the tool show, not shown]"


def test_what_a_tool_gave_is_newer_than_earlier_turns(service: Service, sandbox: SandboxServer) -> None:
    found = sent(service, sandbox, says(file("a.txt")), ANSWER, THANKS, *tool_gives(file("b.txt")))
    assert [kinds for _, kinds in found] == [[], [], ["text"]]
    assert found[2][0] == "[File b.txt from the result of the tool show]"


def test_files_that_are_at_gigachat_already(service: Service, sandbox: SandboxServer) -> None:
    """Their kind is asked for once; one that is gone, or is none, is named."""
    with service.client() as client:
        picture = client.files.create(file=("a.png", png()), purpose="vision").id
        text = client.files.create(file=("a.txt", b"a"), purpose="user_data").id
    turns = [says(stored(picture)), ANSWER, says(stored(text)), ANSWER, says(stored("../models")), ANSWER, THANKS]
    for _ in range(2):
        assert [kinds for _, kinds in sent(service, sandbox, *turns)] == [[], ["text"], [], []]
    assert len(sandbox.state.requests(f"/files/{text}")) == 1
    assert [kinds for _, kinds in sent(service, sandbox, says(stored(picture)), ANSWER, says(stored(text)))] == [
        [],
        ["text"],
    ]
    sandbox.state.delete_file(text)
    assert [kinds for _, kinds in sent(service, sandbox, *turns)] == [["image"], [], [], []]
    assert service.post(CHAT, {"messages": [says(stored(text))]}).status_code == 404, "new ones are asked for"


def test_what_gigachats_storage_refuses(service: Service, sandbox: SandboxServer) -> None:
    refusal = {"route": "files", "status": 400, "body": {"status": 400, "message": "broken file"}}
    sandbox.state.script(refusal)
    assert sent(service, sandbox, says(file("a.docx")), ANSWER, THANKS)[0][0].endswith("[earlier file: a.docx]")
    sandbox.state.script(refusal)
    assert "broken file" in service.post(CHAT, {"messages": [says(file("a.docx"))]}).text


def test_dead_addresses_do_not_take_the_place_of_the_living(service: Service, sandbox: SandboxServer) -> None:
    dead = [turn for number in range(30) for turn in (says(image(url=f"http://127.0.0.1/{number}.png")), ANSWER)]
    found = sent(service, sandbox, says(image()), ANSWER, *dead, THANKS)
    assert "image" in found[0][1], "it stands before those that are not tried any more"


PNG = base64.b64encode(png()).decode()
OTHER_PNG = base64.b64encode(png(1)).decode()
TEXT = base64.b64encode("Раз".encode()).decode()
# Two turns of each dialect: an image, then a document.
TURNS = {
    "/v1/messages": {
        "max_tokens": 9,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}],
            },
            {"role": "assistant", "content": "Точка."},
            {
                "role": "user",
                "content": [
                    {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": TEXT}}
                ],
            },
        ],
    },
    "/v1/responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{OTHER_PNG}"}]},
            {"role": "assistant", "content": "Точка."},
            {"role": "user", "content": [{"type": "input_file", "filename": "a.txt", "file_data": TEXT}]},
        ]
    },
}


@pytest.mark.parametrize("path, body", TURNS.items())
def test_in_all_dialects(service: Service, sandbox: SandboxServer, path: str, body: dict[str, Any]) -> None:
    response = service.post(path, {"model": "GigaChat-2-Max", **body})
    assert response.status_code == 200, response.text
    first, _, last = sandbox.state.chats()[-1]["messages"]
    assert first["content"] == "[earlier file: image]" and len(last["attachments"]) == 1


def test_kept_responses(service: Service, sandbox: SandboxServer) -> None:
    """The earlier turn comes from the store."""
    with service.client() as client:
        content: Any = [{"type": "input_image", "image_url": data_url(png() + fresh(), "image/png"), "detail": "auto"}]
        first = client.responses.create(model="GigaChat-2-Max", input=[{"role": "user", "content": content}])
        client.responses.create(model="GigaChat-2", previous_response_id=first.id, input="Спасибо!")
    assert sandbox.state.chats()[-1]["messages"][0]["content"] == "[earlier file: image]"
