"""`gpt2giga chat`."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from gpt2giga.chat import Picture
from gpt2giga.commands.chat_answer import Screen
from gpt2giga_sandbox.server import SandboxServer
from tests.commands.running import COMMAND, environment, printed, refused, run, SECONDS, Terminal
from tests.pictures import png

# Seconds in which a busy machine passes on what was typed.
MANY = 60
TURN = "> "


def test_the_answer_goes_to_stdout_and_the_rest_elsewhere(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз.\nДва."})
    done = run("chat", "Считай.", "--model", "GigaChat-2-Lite", **account)
    assert (done.returncode, done.stdout) == (0, "Раз.\nДва.\n")
    assert "GigaChat-2:" in done.stderr and "tokens" in done.stderr
    [asked] = sandbox.state.chats()
    assert asked["model"] == "GigaChat-2" and asked["messages"][-1]["content"] == "Считай."


def test_it_says_that_it_waits_for_another_request(account: dict[str, str], sandbox: SandboxServer) -> None:
    """Beside the answer, once; two of one account at a time get 429."""
    sandbox.state.settings.hold_after = 1
    others = subprocess.Popen([*COMMAND, "chat", "Раз"], env=environment(**account), stdout=subprocess.DEVNULL)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    process = subprocess.Popen(
        [*COMMAND, "chat", "Два"], env=environment(**account), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert b"this one waits for its turn" in process.stderr.readline()
    sandbox.state.settings.hold_after = None
    said, told = process.communicate(timeout=SECONDS)
    assert (others.wait(SECONDS), process.returncode) == (0, 0)
    assert said.decode().strip() and b"waits" not in told and sandbox.state.stats()["refused"] == 0


def test_it_streams(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз два три четыре", "frame_delay": 0.3})
    command = [*COMMAND, "chat", "Считай."]
    process = subprocess.Popen(command, env=environment(**account), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(len("раз".encode())).decode() == "раз"
    came = time.monotonic()
    rest, _ = process.communicate(timeout=SECONDS)
    assert rest.decode().endswith("четыре\n") and time.monotonic() - came > 0.3


def test_a_text_from_a_pipe(account: dict[str, str], sandbox: SandboxServer) -> None:
    printed("chat", "-", stdin="Длинный\nвопрос\n", **account)
    assert sandbox.state.chats()[0]["messages"][-1]["content"] == "Длинный\nвопрос\n"
    assert "empty" in refused("chat", "-", stdin=" \n", **account)


def test_a_question_about_what_is_piped_in(account: dict[str, str], sandbox: SandboxServer) -> None:
    printed("chat", "Перескажи", stdin="Жили-были.\n", **account)
    assert sandbox.state.chats()[0]["messages"][-1]["content"] == "Перескажи\n\nЖили-были.\n"


def test_a_pipe_without_a_question(account: dict[str, str], sandbox: SandboxServer) -> None:
    printed("chat", stdin="Привет", **account)
    assert sandbox.state.chats()[0]["messages"][-1]["content"] == "Привет"
    assert "empty" in refused("chat", **account)


def test_without_any_standard_input(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз."})
    for question, told in (('"Считай."', "Раз.\n"), ("", "")):
        command = f'exec "{COMMAND[0]}" -m gpt2giga chat {question} <&-'
        done = subprocess.run(
            ["sh", "-c", command], env=environment(**account), capture_output=True, text=True, timeout=SECONDS
        )
        assert done.stdout == told and "Traceback" not in done.stderr, done


def test_a_picture_through_a_pipe(account: dict[str, str], sandbox: SandboxServer) -> None:
    command = [*COMMAND, "chat", "Что это?"]
    done = subprocess.run(command, env=environment(**account), input=png(), capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, done
    assert len(sandbox.state.chats()[0]["messages"][-1]["attachments"]) == 1


def test_files_and_a_system_message(account: dict[str, str], sandbox: SandboxServer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "notes.py").write_text("print('привет')")
    printed("chat", "Что это?", "--image", "a.png", "--system", "Кратко.", **account)
    printed("chat", "Что это?", "--file", "notes.py", **account)
    first, second = sandbox.state.chats()
    assert first["messages"][0] == {"role": "system", "content": "Кратко."}
    assert [len(asked["messages"][-1]["attachments"]) for asked in (first, second)] == [1, 1]
    assert "nothing.png" in refused("chat", "x", "--image", "nothing.png", **account)


def test_one_json_object(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз.\nДва.", "finish_reason": "length"})
    answer = json.loads(printed("chat", "Считай.", "--json", "--model", "GigaChat-2-Lite", **account))
    assert (answer["text"], answer["model"], answer["finish"]) == ("Раз.\nДва.", "GigaChat-2", "length")
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    assert answer["sources"] == [] and answer["usage"]["prompt_tokens"] > 0


def test_thoughts_are_beside_the_answer(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"reasoning": "Надо посчитать.", "text": "Два."})
    done = run("chat", "1+1?", "--model", "GigaChat-3-Pro", **account)
    assert done.stdout == "Два.\n" and done.stderr.startswith("Надо посчитать.\n")


def test_a_search_with_its_sources(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    newer = {**account, "GPT2GIGA_GIGACHAT_API_MODE": "v2"}
    done = run("chat", "Найди новости.", "--model", "GigaChat-3-Ultra", **newer)
    assert "[web_search]\n" in done.stderr
    assert any(line.startswith("[1] ") and "https://" in line for line in done.stdout.splitlines())
    answer = json.loads(printed("chat", "Найди новости.", "--json", "--model", "GigaChat-3-Ultra", **newer))
    assert answer["sources"][0]["url"].startswith("https://")


def test_a_picture_becomes_a_file(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "picture-1.png").write_bytes(b"mine")
    Screen().show([Picture("id", "image/png", png()), Picture("id", "image/png")])
    assert (tmp_path / "picture-2.png").read_bytes() == png() and len([*tmp_path.iterdir()]) == 2
    assert capsys.readouterr() == ("", "The picture is in picture-2.png\nThe picture could not be downloaded\n")


def test_a_conversation(account: dict[str, str], sandbox: SandboxServer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    sandbox.state.script({"text": "Раз."}, {"text": "Два."}, {"text": "Три."})
    with Terminal("chat", "--system", "Кратко.", **account) as terminal:
        terminal.type(TURN, "Считай.")
        terminal.type(TURN, "/file 'a.png'")
        terminal.type(TURN, "Дальше.")
        terminal.type(TURN, "/model GigaChat-2-Pro")
        terminal.type(TURN, "/clear")
        terminal.type(TURN, "/system")
        terminal.type(TURN, "/etc/hosts — что это?")
        terminal.type(TURN, "/exit")
        assert terminal.end() == 0
    first, second, third = sandbox.state.chats()
    said = [message["content"] for message in second["messages"]]
    assert said == ["Кратко.", "Считай.", "Раз.", "Дальше."] and "attachments" in second["messages"][-1]
    assert first["model"] == "GigaChat-2-Max" and third["model"] == "GigaChat-2-Pro"
    assert [message["content"] for message in third["messages"]] == ["/etc/hosts — что это?"]


def test_mistakes_do_not_end_a_conversation(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402}, {"text": "Раз."})
    with Terminal("chat", **account) as terminal:
        for line in ("Привет.", "/file nowhere", "/model GigaChat-2-Maxi", "/fly", "Считай.", "\x04"):
            terminal.type(TURN, line)
        assert terminal.end() == 0
    for words in (
        "top up",
        "nowhere cannot be read",
        "The closest one is GigaChat-2-Max",
        "/fly is not a command",
        "Раз.",
    ):
        assert words in terminal.screen
    assert [message["content"] for message in sandbox.state.chats()[-1]["messages"]] == ["Считай."]


def test_ctrl_c_stops_the_answer_only(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": f"раз {'и ' * MANY}всё", "frame_delay": 1}, {"text": "Пять."})
    with Terminal("chat", **account) as terminal:
        terminal.type(TURN, "Считай.")
        terminal.press("раз", "\x03")
        terminal.type(TURN, "Дальше.")
        terminal.type(TURN, "/exit")
        assert terminal.end() == 0
    stopped = sandbox.state.chats()[1]["messages"][1]["content"]
    assert stopped.startswith("раз") and "всё" not in stopped


def test_ctrl_c_ends_a_question_quietly(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": f"раз {'и ' * MANY}всё", "frame_delay": 1})
    command = [*COMMAND, "chat", "Считай."]
    process = subprocess.Popen(command, env=environment(**account), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=SECONDS)
    assert (process.returncode, told) == (130, b"")


def test_a_model_that_does_not_exist(account: dict[str, str]) -> None:
    assert "The closest one is GigaChat-2-Max." in refused("chat", "x", "--model", "GigaChat-2-Maxi", **account)


def test_refusals_say_what_to_do(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    assert "top up in Sber Studio" in refused("chat", "x", **account)


def test_an_answer_that_breaks_off(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз два три", "cut_after": 2})
    done = run("chat", "x", **account)
    assert done.returncode == 2 and done.stdout.startswith("раз") and done.stdout.endswith("\n")
    assert "closed the connection" in done.stderr


def test_an_answer_that_is_cut_short(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "раз", "finish_reason": "length"})
    assert "was cut" in run("chat", "x", **account).stderr


def test_an_answer_cannot_steer_the_terminal(account: dict[str, str], sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "a\x1b[2Jb\x9bc\td"})
    assert printed("chat", "x", **account) == "a[2Jbc\td\n"
