"""The database on a real PostgreSQL: the tests of kept responses once more, and what may happen to a server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import peewee
import pytest

from gpt2giga.dialects.responses.store import Store
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.postgresql import PostgreSQL
from gpt2giga.store.tables import KeptResponse
from gpt2giga_sandbox.server import SandboxServer
from tests.deploy.conftest import public_folder
from tests.deploy.running import children, running
from tests.dialects.responses.test_store import *  # noqa: F403  # the same tests, with the fixtures of this file
from tests.dialects.responses.test_store import MIB, OpenDatabase, turn
from tests.service import free_port, Service
from tests.sockets import eventually
from tests.store import test_upgrades
from tests.store.test_keys import *  # noqa: F403
from tests.store.test_remembered_embeddings import *  # noqa: F403
from tests.store.test_upgrades import Rows, test_nothing_is_lost, test_the_counting_goes_on  # noqa: F401
from tests.store.test_usage import *  # noqa: F403
from tests.test_packages import test_accounts_and_packages_that_are_gone, test_what_the_whole_is  # noqa: F401

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "se cret'@:/"
QUOTED = "se%20cret%27%40%3A%2F"


class Server:
    """Of the user postgres, for PostgreSQL does not serve root."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
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
        process = self._process = self._stack.enter_context(running(command, self._folder / "postgres.log"))
        self._stack.callback(process.send_signal, signal.SIGINT)  # TERM would wait for its clients
        assert eventually(self._accepts), (self._folder / "postgres.log").read_text()

    def _accepts(self) -> bool:
        """The port is open before it does."""
        ready = [PROGRAMS / "pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(ready, timeout=10).returncode == 0

    def stop(self) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and says nothing, as a machine does whose disk hangs."""
        processes = [self._process.pid, *children(self._process.pid)]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

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
    store = Store(database, 30, MIB)
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
