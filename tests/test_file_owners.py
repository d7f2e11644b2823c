"""Several API keys: a file belongs to the one that uploaded it, and nobody else learns that it is there."""

from __future__ import annotations

import hashlib
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import requests
from openai import NotFoundError, OpenAI

from gpt2giga.config.variables import parse
from gpt2giga.factory import create_app
from gpt2giga.store.sqlite import FILE
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.pictures import png
from tests.service import Service

PDF = b"%PDF-1.4 nothing"
FIRST, SECOND = "first-key", "third=key+/"


def upload(client: OpenAI, content: bytes = PDF, name: str = "a.pdf") -> str:
    return client.files.create(file=(name, content), purpose="user_data").id


def test_each_key_has_its_own_files(guarded: Service, sandbox: SandboxServer) -> None:
    with guarded.client(FIRST) as first, guarded.client(SECOND) as second:
        made = {first: upload(first), second: upload(second)}
        for client, other in (first, second), (second, first):
            assert [file.id for file in client.files.list()] == [made[client]]
            assert client.files.retrieve(made[client]).id == made[client]
            assert client.files.content(made[client]).read() == PDF
            for call in (client.files.retrieve, client.files.content, client.files.delete):
                with pytest.raises(NotFoundError) as theirs:
                    call(made[other])
                with pytest.raises(NotFoundError) as nobodys:
                    call("no-such-file")
                assert theirs.value.message.replace(made[other], "no-such-file") == nobodys.value.message
        assert first.files.delete(made[first]).deleted
        assert [*sandbox.state.files()] == [made[second]]


def chats(file_id: str) -> dict[str, dict[str, Any]]:
    """A request of each API that names a file."""
    anthropic = {"type": "document", "source": {"type": "file", "file_id": file_id}}
    shown = {"type": "image", "source": {"type": "file", "file_id": file_id}}
    return {
        "/v1/chat/completions": {
            "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": file_id}}]}]
        },
        "/v1/responses": {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": file_id}]}]},
        "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": [anthropic]}]},
        "/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": [shown]}]},
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", chats(""))
def test_nobody_chats_about_the_file_of_another(
    guarded: Service, sandbox: SandboxServer, path: str, stream: bool
) -> None:
    with guarded.client(FIRST) as first:
        made = upload(first, png(), "a.png")

    def ask(key: str, file_id: str) -> requests.Response:
        body = {"model": "GigaChat-2-Max", **chats(file_id)[path], "stream": stream}
        return guarded.post(path, body, headers={"Authorization": f"Bearer {key}"})

    for file_id in (made, "no-such-file", "../responses.sqlite3", "\ud83d", ""):
        refused = ask(SECOND, file_id)
        assert refused.status_code in (400, 404) and (file_id != made or refused.status_code == 404)
    assert sandbox.state.chats() == []
    assert ask(FIRST, made).status_code == 200
    assert sandbox.state.chats()[0]["messages"][-1]["attachments"] == [made]


def test_the_file_of_another_in_an_earlier_turn_is_only_named(guarded: Service, sandbox: SandboxServer) -> None:
    """Its owner may have deleted it, and that ends no conversation; whether there is one, nobody learns."""
    with guarded.client(FIRST) as first:
        made = upload(first, png(), "a.png")
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    for file_id in (made, "no-such-file"):
        part = {"type": "file", "file": {"file_id": file_id}}
        turns = [
            {"role": "user", "content": [part]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": [part]},
            {"role": "user", "content": "Спасибо!"},
        ]
        body = {"model": "GigaChat-2-Max", "messages": turns}
        assert (
            guarded.post("/v1/chat/completions", body, headers={"Authorization": f"Bearer {SECOND}"}).status_code == 200
        )
    theirs, nobodys = (chat["messages"] for chat in sandbox.state.chats())
    assert theirs == nobodys and theirs[0] == {"role": "user", "content": "[earlier file: document]"}


def test_a_new_process_knows_whose_files_are(guarded: Service, sandbox: SandboxServer) -> None:
    with guarded.client(FIRST) as first, guarded.client(SECOND) as second:
        made = upload(first)
        pid = guarded.process.pid
        worker = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
        os.kill(int(worker), signal.SIGKILL)
        raw.wait_until(lambda: worker not in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        assert [file.id for file in first.files.list()] == [made] and [*second.files.list()] == []
    assert not (guarded.folder / "state" / FILE).stat().st_mode & 0o077


def test_owners_of_an_earlier_version_keep_their_files(guarded: Service, sandbox: SandboxServer) -> None:
    """It had an empty file for each, in a folder."""
    with guarded.client(FIRST) as first, guarded.client(SECOND) as second:
        made = upload(first)
        tenant = hashlib.sha256(SECOND.encode()).hexdigest()
        folder = guarded.folder / "state/files"
        folder.mkdir()
        mark = folder / hashlib.sha256(f"{tenant} {made}".encode()).hexdigest()
        mark.touch()
        assert [file.id for file in second.files.list()] == [made]
        assert second.files.delete(made).deleted and not mark.exists()


def test_pictures_of_chats_are_in_nobodys_list(guarded: Service, sandbox: SandboxServer) -> None:
    """They are uploaded on behalf of a key, and the same picture is uploaded once for all keys."""
    with guarded.client(FIRST) as first, guarded.client(SECOND) as second:
        url = "data:text/plain;base64,YQ=="
        part = {"type": "file", "file": {"file_data": url, "filename": "a.txt"}}
        first.chat.completions.create(model="GigaChat-2-Max", messages=[{"role": "user", "content": [part]}])  # type: ignore[list-item]
        assert len(sandbox.state.files()) == 1 and [*first.files.list()] == [*second.files.list()] == []


def status_of_upload(sandbox: SandboxServer, **settings: str) -> int:
    account = {"GIGACHAT_BASE_URL": sandbox.base_url, "GIGACHAT_AUTH_URL": sandbox.auth_url}
    app = create_app(parse({**account, "GIGACHAT_CREDENTIALS": sandbox.credentials, **settings}))
    with app.test_client() as client:
        form = {"purpose": "user_data", "file": (io.BytesIO(PDF), "a.pdf")}
        answer = client.post("/v1/files", data=form, headers={"Authorization": "Bearer a"})
        answer.close()
    app.extensions["accounts"].close()
    if answer.status_code != 200:
        assert answer.json and "GPT2GIGA_STATE_DIR" in answer.json["error"]["message"]
    return int(answer.status_code)


@pytest.mark.parametrize("folder, status", [("/dev/null/state", 503), ("", 400)])
def test_without_a_folder_nothing_is_uploaded_that_nobody_would_own(
    sandbox: SandboxServer, folder: str, status: int
) -> None:
    assert status_of_upload(sandbox, GPT2GIGA_API_KEY="a,b", GPT2GIGA_STATE_DIR=folder) == status
    assert sandbox.state.files() == {}


@pytest.mark.parametrize("keys", ["a", "a,a"])
def test_one_key_needs_no_folder(sandbox: SandboxServer, keys: str) -> None:
    """All files of the account are its own."""
    assert status_of_upload(sandbox, GPT2GIGA_API_KEY=keys, GPT2GIGA_STATE_DIR="/dev/null/state") == 200
