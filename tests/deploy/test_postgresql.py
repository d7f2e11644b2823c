"""The database on a real PostgreSQL: the tests of kept responses once more, and what may happen to a server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peewee
import pytest
from flask import Flask

from gpt2giga.dialects.responses.store import Store
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.postgresql import PostgreSQL
from gpt2giga.store.response_tables import KeptResponse
from gpt2giga.upstream.embeddings import Embedding
from gpt2giga.web.remembered_embeddings import EmbeddingStore
from gpt2giga_sandbox.server import SandboxServer
from tests import test_background
from tests.deploy.conftest import public_folder
from tests.deploy.running import running
from tests.dialects.responses.test_conversation_store import *  # noqa: F403
from tests.dialects.responses.test_store import *  # noqa: F403  # the same tests, with the fixtures of this file
from tests.dialects.responses.test_store import MIB, OpenDatabase, room, turn
from tests.service import free_port, Service
from tests.sockets import eventually
from tests.store import test_upgrades
from tests.store.test_keys import *  # noqa: F403
from tests.store.test_remembered_embeddings import *  # noqa: F403
from tests.store.test_upgrades import Rows, test_nothing_is_lost, test_the_counting_goes_on  # noqa: F401
from tests.store.test_usage import *  # noqa: F403
from tests.store.test_usage import counter_of, over
from tests.test_packages import test_accounts_and_packages_that_are_gone, test_what_the_whole_is  # noqa: F401

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "se cret'@:/"
QUOTED = "se%20cret%27%40%3A%2F"


class Server:
    """Of the user postgres, for PostgreSQL does not serve root."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder, self.log = free_port(), folder, folder / "postgres.log"
        self.url = f"postgresql://postgres:{QUOTED}@127.0.0.1:{self.port}/postgres"
        self._stack = contextlib.ExitStack()
        shutil.chown(folder, "postgres")
        (folder / "password").write_text(PASSWORD)
        shutil.chown(folder / "password", "postgres")
        options = ["--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync", "--encoding=UTF8", "--no-locale"]
        command = self._as_postgres("initdb", f"--pgdata={folder}/data", *options)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)

    def _as_postgres(self, program: str, *words: str) -> list[str]:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", str(PROGRAMS / program), *words]

    def start(self) -> None:
        options = ("listen_addresses=127.0.0.1", f"port={self.port}", "unix_socket_directories=", "fsync=off")
        words = [word for option in options for word in ("-c", option)]
        command = self._as_postgres("postgres", "-D", f"{self._folder}/data", *words)
        process = self._process = self._stack.enter_context(running(command, self.log))
        self._stack.callback(process.send_signal, signal.SIGINT)  # TERM would wait for its clients
        assert eventually(self._accepts), self.log.read_text()

    def _accepts(self) -> bool:
        """The port is open before it does."""
        ready = [PROGRAMS / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(ready, timeout=10).returncode == 0

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections and answers nothing, as on a machine that is out of breath."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        processes = [self._process.pid, *map(int, children.split())]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def stop(self) -> None:
        self._stack.close()

    def run(self, statement: str) -> str:
        """What it gives, one line a row."""
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        command = [str(PROGRAMS / "psql"), "--quiet", "--host=127.0.0.1", f"--port={self.port}", "--username=postgres"]
        command += ["--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", f"--command={statement}"]
        done = subprocess.run(command, check=True, env=environment, timeout=30, stdout=subprocess.PIPE, text=True)
        return done.stdout


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Server]:
    with public_folder() as folder:
        server = Server(folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    yield shared_server
    shared_server.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@pytest.fixture
def open_database(server: Server) -> Iterator[OpenDatabase]:
    opened: list[Database] = []

    def open_database() -> Database:
        opened.append(Database(PostgreSQL(server.url)))
        return opened[-1]

    yield open_database
    for database in opened:
        database.close()


@pytest.fixture
def former_database(server: Server, open_database: OpenDatabase) -> Database:
    server.run((test_upgrades.FOLDER / "version_1.postgresql.sql").read_text())
    return open_database()


@pytest.fixture
def copied(server: Server) -> Callable[[str], Rows]:
    def read(table: str) -> Rows:
        rows = server.run(f"SELECT * FROM {table}_version_1").splitlines()
        return [tuple(row.split("|")) for row in rows]

    return read


def count(database: Database) -> int:
    return database.do(lambda connection: KeptResponse.select().count(connection))


def test_connections_that_the_server_has_ended_are_made_again(open_database: OpenDatabase, server: Server) -> None:
    database = open_database()
    assert count(database) == 0
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gpt2giga'")
    assert count(database) == 0


def test_a_server_that_is_away_is_waited_for_once(
    open_database: OpenDatabase, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database()
    store = Store(database, 30, room())
    store.save("a", turn(1))
    server.stop()
    tries: list[object] = []
    connect = peewee.PostgresqlDatabase.connect
    monkeypatch.setattr(peewee.PostgresqlDatabase, "connect", lambda found: tries.append(found) or connect(found))
    for _ in range(3):
        with pytest.raises(Unusable) as caught:
            count(database)
        assert "refused" in str(caught.value) and PASSWORD not in str(caught.value)
    assert len(tries) == 1
    server.start()
    assert eventually(lambda: _counts(database, 1), seconds=20)


def _counts(database: Database, wanted: int) -> bool:
    with contextlib.suppress(Unusable):
        return count(database) == wanted
    return False


def test_a_server_that_is_frozen_stops_no_answer(
    start_service: Callable[..., Service], server: Server, sandbox: SandboxServer
) -> None:
    """Embeddings ask it on their way; what was counted meanwhile is written later, and once."""
    service = start_service(GPT2GIGA_DATABASE_URL=server.url)

    asked: list[str] = []

    def tokens(text: str) -> int:
        asked.append(text)
        answer = service.post("/v1/embeddings", {"input": text})
        return int(answer.json()["usage"]["prompt_tokens"])

    assert (tokens("a") > 0, tokens("a")) == (True, 0)
    with server.frozen():
        assert tokens("a") > 0 and tokens("b") > 0
    assert eventually(lambda: tokens("c") == 0, seconds=60)
    used = "SELECT SUM(requests) FROM usage WHERE route = '/v1/embeddings'"
    assert eventually(lambda: int(server.run(used) or 0) == len(asked), seconds=60)


def test_what_two_processes_write_at_once_is_written_in_one_order(open_database: OpenDatabase, server: Server) -> None:
    """Or each waits for a row of the other's, until the server ends the work of one of them after a second."""
    texts = [str(number) for number in range(400)]
    both = threading.Barrier(2)

    def embed(asked: list[str]) -> list[Embedding]:
        both.wait(30)
        return [Embedding([1.0] * 100, 1) for _ in asked]

    def count(order: list[str]) -> None:
        counter = counter_of(open_database())
        for text in order:
            counter.add(over(text, status=500, cause=text))
        both.wait(30)
        counter.close()

    def remember(order: list[str]) -> None:
        EmbeddingStore(open_database(), 8 * MIB).embed(order, "model", "", embed)

    for write in (remember, count):
        with ThreadPoolExecutor(2) as pool:
            assert [*pool.map(write, (texts, texts[::-1]))]
    assert "deadlock" not in server.log.read_text()


def test_two_services_keep_their_responses_in_one_place(
    start_service: Callable[..., Service], sandbox: SandboxServer, server: Server
) -> None:
    """As if on two machines; one of them goes on with what the other has begun, and answers go on without a server."""
    one, other = (start_service(GPT2GIGA_DATABASE_URL=server.url) for _ in range(2))
    first = one.post("/v1/responses", {"model": "GigaChat", "input": "Раз"}).json()
    body = {"model": "GigaChat", "input": "Два", "previous_response_id": first["id"]}
    assert other.post("/v1/responses", body).status_code == 200
    assert "Раз" in str(sandbox.state.requests("/chat/completions")[-1])
    server.stop()
    try:
        refused = other.post("/v1/responses", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
        assert QUOTED not in refused.text and PASSWORD not in refused.text
        assert one.post("/v1/responses", {"model": "GigaChat", "input": "Три"}).status_code == 200
    finally:
        server.start()
    assert eventually(lambda: other.post("/v1/responses", body).status_code == 200, seconds=20)


def test_what_is_made_in_the_background(app_with: Callable[..., Flask], server: Server, sandbox: SandboxServer) -> None:
    """By one application, for a client of another."""
    one, other = (app_with(GPT2GIGA_DATABASE_URL=server.url).test_client() for _ in range(2))
    conversation = one.post("/v1/conversations", json={}).get_json()["id"]
    sandbox.state.script({"text": "Раз."}, {"text": "Два."})
    asked = test_background.ask(one, conversation=conversation)
    assert test_background.text_of(test_background.finished(other, asked["id"])) == "Раз."
    streamed = test_background.read_first(other)
    assert test_background.finished(one, streamed)["status"] == "completed"
    told = test_background.events(one, streamed)
    assert told[0]["type"] == "response.created" and told[-1]["type"] == "response.completed"
    kept = other.get(f"/v1/conversations/{conversation}/items").get_json()["data"]
    assert [item["role"] for item in kept] == ["assistant", "user"]
