"""PostgreSQL's driver is loaded where there is a PostgreSQL, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
IMPORT_ALL = """
import importlib, pkgutil, sys
import gpt2giga
for module in pkgutil.walk_packages(gpt2giga.__path__, "gpt2giga."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
USE_SQLITE = """
from pathlib import Path
from gpt2giga.store.database import Database
from gpt2giga.store.sqlite import SQLiteFile
Database(SQLiteFile(Path(sys.argv[1]) / "file.sqlite3")).do(lambda connection: None)
"""
USE_POSTGRESQL = """
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.postgresql import PostgreSQL
try:
    Database(PostgreSQL("postgresql://127.0.0.1:1/nobody")).do(lambda connection: None)
except Unusable as unusable:
    print(unusable)
"""
TELL = "print('psycopg' in sys.modules)"


def run(*programs: str, argument: Path) -> list[str]:
    command = [sys.executable, "-c", "\n".join((*programs, TELL)), argument]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines()


def test_the_driver_costs_nobody_else_anything(tmp_path: Path) -> None:
    """A tenth of a second and 8 MB of each process, wherever it is installed."""
    assert run(IMPORT_ALL, USE_SQLITE, argument=tmp_path) == ["False"]


def test_it_is_used_where_it_is_needed(tmp_path: Path) -> None:
    """Nobody listens there, which only the driver can tell."""
    *words, loaded = run("import sys", USE_POSTGRESQL, argument=tmp_path)
    assert loaded == "True" and "refused" in " ".join(words)


def test_it_may_be_there_before() -> None:
    program = "import psycopg, sys, gpt2giga.store.orm as orm; print(orm.peewee.psycopg is psycopg)"
    assert run(program, argument=ROOT) == ["True", "True"]
