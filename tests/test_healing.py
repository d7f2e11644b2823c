"""What breaks beside the service, a full disk, folders and files that are gone, costs little, and heals by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from gpt2giga.telemetry.metrics_file import MetricsFile
from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import eventually, HELLO

CHAT = "/v1/chat/completions"
SIZE = "4m"
ALONE = "WARNING Metrics are counted in this worker alone, for there is no room to share them: "


class Disk:
    """A file system of a few megabytes. `obstacle`: why there is none here; then the folder is an ordinary one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
        try:
            self.obstacle = subprocess.run(command, capture_output=True, text=True).stderr.strip()
        except FileNotFoundError:
            self.obstacle = "there is no command mount"

    def fill(self) -> None:
        if self.obstacle:
            return
        with self._filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def empty(self) -> None:
        self._filling.unlink(missing_ok=True)

    def close(self) -> None:
        if not self.obstacle:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture(scope="module")
def shared_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    disk = Disk(tmp_path_factory.mktemp("disk"))
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def shared_started(shared_disk: Disk, shared_sandbox: SandboxServer, tmp_path_factory: Any) -> Iterator[Service]:
    """While the disk was full. Two workers, and two requests at a time."""
    places = {name: str(shared_disk.folder) for name in ("GPT2GIGA_RUNTIME_DIR", "TMPDIR")}
    places["GPT2GIGA_STATE_DIR"] = str(shared_disk.folder / "state")
    settings = {"GPT2GIGA_WORKERS": "2", "GPT2GIGA_MAX_CONCURRENCY": "2", "GPT2GIGA_METRICS": "True"}
    shared_disk.fill()
    with Service(tmp_path_factory.mktemp("healing"), shared_sandbox, **places, **settings) as service:
        if not shared_disk.obstacle:
            assert eventually(lambda: service.log.read_text().count(ALONE) == 2), "each worker says so"
        yield service
        assert "Unexpected failure" not in service.log.read_text()


@pytest.fixture
def service(shared_started: Service, shared_disk: Disk, sandbox: SandboxServer) -> Service:
    shared_started.log.start_here()
    shared_disk.empty()
    return shared_started


@pytest.fixture
def disk(shared_disk: Disk) -> Iterator[Disk]:
    if shared_disk.obstacle:
        pytest.skip(f"no file system can be mounted here: {shared_disk.obstacle}")
    yield shared_disk
    shared_disk.empty()


def workers(service: Service) -> list[int]:
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def replace_workers(service: Service, *old: int) -> None:
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: len(workers(service)) == 2 and not {*old} & {*workers(service)})


def ask(service: Service, _: int = 0) -> int:
    """Over a connection of its own, which any worker may take."""
    return service.post(CHAT, {"messages": HELLO}).status_code


def ask_at_once(service: Service, sandbox: SandboxServer, count: int = 16) -> int:
    """The most requests that were at the sandbox at a time."""
    sandbox.state.reset()
    sandbox.state.script({"text": "Раз два", "delay": 0.1, "times": count})
    with ThreadPoolExecutor(count) as pool:
        assert [*pool.map(lambda number: ask(service, number), range(count))] == [200] * count
    return sandbox.state.counters.peak_streams


def answered(service: Service) -> float:
    samples = [
        sample for family in text_string_to_metric_families(service.get("/metrics").text) for sample in family.samples
    ]
    return sum(s.value for s in samples if s.name == "gpt2giga_requests_total" and s.labels["route"] == CHAT)


def test_metrics_without_room_for_them(service: Service, disk: Disk) -> None:
    """Today's workers count alone; those that come when there is room count together."""
    first = workers(service)
    assert len(first) == 2
    assert (
        service.said_at_the_start.count("Metrics are counted in this worker alone")
        + service.log.file.read_text().count("Metrics are counted")
        >= 2
    )
    assert [ask(service) for _ in range(8)] == [200] * 8
    assert eventually(lambda: 0 < answered(service) <= 8)
    replace_workers(service, *first)
    assert [ask(service) for _ in range(8)] == [200] * 8
    assert eventually(lambda: {answered(service) for _ in range(8)} == {8})
    disk.fill()
    assert [ask(service) for _ in range(8)] == [200] * 8
    assert eventually(lambda: {answered(service) for _ in range(8)} == {16})
    assert "SIGBUS" not in service.log.read_text() and service.process.poll() is None


def test_metrics_that_find_no_more_room(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the library's own file this test would end the process that runs it."""
    monkeypatch.setattr(MetricsFile, "in_memory", False)
    path = disk.folder / "counter_1.db"
    with contextlib.closing(MetricsFile(str(path))) as file:
        disk.fill()
        for number in range(2000):
            file.write_value(f"{number}{'x' * 100}", number, 0)  # type: ignore[no-untyped-call]
        figures = [value for _, value, _ in file.read_all_values()]  # type: ignore[no-untyped-call]
        assert figures == [*range(2000)]
    assert MetricsFile.in_memory and not path.exists(), "nobody reads what is not kept up to date"


def test_a_full_disk_keeps_no_response_and_fails_none(service: Service, disk: Disk) -> None:
    def create(service: Service) -> str:
        answer = service.post("/v1/responses", {"model": "GigaChat", "input": "Привет! " * 5000})
        assert answer.status_code == 200 and answer.json()["status"] == "completed"
        return f"/v1/responses/{answer.json()['id']}"

    shutil.rmtree(disk.folder / "state", ignore_errors=True)
    disk.fill()
    create(service)  # where there is not even a file yet
    disk.empty()
    kept = create(service)
    disk.fill()
    lost = [create(service) for _ in range(6)]
    assert any(service.get(path).status_code != 200 for path in lost)
    assert 0 < service.log.read_text().count("Responses are not kept: ") <= 4, "once a worker, each time"
    disk.empty()
    for path in [kept, *(create(service) for _ in range(4))]:
        assert {service.get(path).status_code for _ in range(4)} == {200}, service.log.read_text()


def test_a_file_larger_than_the_disk_for_temporary_files(service: Service, disk: Disk) -> None:
    file = ("a.txt", "слово " * 500_000, "text/plain")
    answer = requests.post(f"{service.url}/v1/files", files={"file": file}, data={"purpose": "assistants"}, timeout=30)
    assert answer.status_code == 200, answer.text


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "overwritten": lambda file: file.write_bytes(b"no database " * 10_000),
    "deleted": lambda file: [left.unlink() for left in file.parent.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_kept_responses_that_were_spoilt(service: Service, shared_disk: Disk, damage: Callable[[Path], Any]) -> None:
    def turn(previous: str | None) -> str:
        body = {"model": "GigaChat", "input": "Привет!", "previous_response_id": previous}
        answer = service.post("/v1/responses", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    before = [turn(None) for _ in range(6)]
    damage(shared_disk.folder / "state" / "gpt2giga.sqlite3")
    for _ in range(2):  # what a worker still remembers of the file ends with it
        last = None
        for _ in range(6):
            last = turn(last)
        assert {service.get(f"/v1/responses/{last}").status_code for _ in range(6)} == {200}
        replace_workers(service, *workers(service))
    assert {service.get(f"/v1/responses/{lost}").status_code for lost in before} <= {200, 404}


def test_the_slots_folder_is_moved_away(service: Service, sandbox: SandboxServer, shared_disk: Disk) -> None:
    """What had it open would count there for ever, and a new worker somewhere else."""
    assert ask_at_once(service, sandbox) == 2
    [folder] = shared_disk.folder.glob("gpt2giga-slots-*")
    folder.rename(shared_disk.folder / "moved")
    replace_workers(service, workers(service)[0])
    assert ask_at_once(service, sandbox) == 2


def test_the_slots_folder_cannot_be_used_for_a_while(
    service: Service, sandbox: SandboxServer, shared_disk: Disk
) -> None:
    ask_at_once(service, sandbox)
    [folder] = shared_disk.folder.glob("gpt2giga-slots-*")
    folder.rename(shared_disk.folder / "unreadable")
    folder.write_text("")
    assert 2 <= ask_at_once(service, sandbox) <= 4
    counted_alone = service.log.read_text().count("counted in this process only")
    assert counted_alone in (1, 2)
    folder.unlink()

    def is_shared_again() -> bool:
        """Each worker tries again by itself. One alone has two as well, so the log has to say it too."""
        shares = ask_at_once(service, sandbox) == 2
        return shares and service.log.read_text().count("over all workers again") >= counted_alone

    assert eventually(is_shared_again, 15)


def test_the_folder_of_metrics_is_gone(service: Service, shared_disk: Disk) -> None:
    [folder] = shared_disk.folder.glob("gpt2giga-metrics-*")
    shutil.rmtree(folder)
    assert ask(service) == 200 and eventually(lambda: answered(service))
    replace_workers(service, *workers(service))
    assert [ask(service) for _ in range(8)] == [200] * 8
    assert eventually(lambda: 0 < answered(service) <= 8)
    assert f"Metrics are counted in this worker alone, for {folder} is gone" in service.log.read_text()
