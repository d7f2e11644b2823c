"""gunicorn's settings, and the server that the command starts with them."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TYPE_CHECKING

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from gpt2giga.config.settings import parse, Settings, SettingsError
from gpt2giga.config.sources import checked_variables
from gpt2giga.serving.address import banner, check_address
from gpt2giga.serving.metrics_folder import MetricsFolder
from gpt2giga.serving.worker import LAST_WORDS, STOPS
from gpt2giga.serving.worker import Worker as OurWorker
from gpt2giga.telemetry import log_format

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker

log = logging.getLogger(__name__)


# Connections beside the requests in work: probes, requests to be refused, and those kept open between two requests.
RESERVE = 2000

FOLDER = MetricsFolder()


def configuration(env_file: Path | None = None, overrides: Mapping[str, str] | None = None) -> dict[str, Any]:
    """gunicorn's settings, read anew on every start and reload (HUP). A reload that finds a mistake changes nothing."""
    try:
        variables = checked_variables(env_file, overrides)
        _check_surroundings(parse(variables))
        OurWorker.variables = variables
    except SettingsError as error:
        if not OurWorker.variables:
            raise
        log.error("The former settings stay: %s", error)
    return gunicorn_settings(parse(OurWorker.variables))


def _check_surroundings(settings: Settings) -> None:
    """Raises SettingsError for what would end the whole service if gunicorn or a new worker found it."""
    if settings.ca_bundle_file or settings.cert_file:
        from gpt2giga.upstream.transport.tls import ssl_context

        ssl_context(settings)
    if OurWorker.variables and settings.address != parse(OurWorker.variables).address:
        check_address(settings)


def gunicorn_settings(settings: Settings) -> dict[str, Any]:
    return {
        "bind": settings.address,
        "workers": settings.workers,
        "worker_class": "gpt2giga.serving.worker.Worker",
        # A worker without a free connection would not even answer /health.
        "worker_connections": settings.max_open_requests + RESERVE,
        # Silence of a whole worker, not the length of an answer.
        "timeout": 60,
        "graceful_timeout": settings.graceful_timeout + LAST_WORDS,
        "keepalive": 5,
        # gevent patches a worker before the application is imported into it.
        "preload_app": False,
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        # It would be opened in $HOME, which a service user does not have.
        "control_socket_disable": True,
        # For a unix socket: besides the owner also the group, nginx's, may use it.
        "umask": 0o117,
        "loglevel": "warning",
        "on_starting": lambda master: _prepare(master, settings),
        "on_reload": lambda master: _prepare(master, settings),
        # A collection would write to every page that master and worker could share.
        "pre_fork": lambda _, __: gc.freeze(),
        "post_fork": lambda _, __: FOLDER.join(),
        "child_exit": lambda _, worker: FOLDER.forget(worker.pid),
        "on_exit": lambda _: FOLDER.remove(),
        "post_worker_init": lambda worker: _announce(worker, settings),
    }


def _prepare(master: Arbiter, settings: Settings) -> None:
    log_format.adopt_gunicorns()
    FOLDER.make(settings, master.cfg.uid, master.cfg.gid)


def raise_file_limit() -> None:
    """A stream takes two descriptors, and shells and systemd allow 1024 in all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(worker: Worker, settings: Settings) -> None:
    """Once, when the first worker has loaded the application: from now on requests are answered."""
    # A terminal sends Ctrl-C to all processes, and the master tells its workers too; twice would be a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is there now stays, and no garbage collection need look at it.
    gc.collect()
    gc.freeze()
    if worker.age == 1:
        print(banner(settings), flush=True)


class _Waits(Exception):
    pass


class Master(Arbiter):
    """gunicorn's reload returns when the last old answer has ended, and hears no signal until then: neither a
    second reload nor a stop. Nothing needs that wait."""

    _reloading = False

    def reload(self) -> None:
        self._reloading = True
        try:
            super().reload()
        except _Waits:
            pass
        finally:
            self._reloading = False

    def spawn_worker(self) -> Any:
        """A signal that comes before the worker has handlers of its own waits for them instead of being lost."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def reap_workers(self) -> None:
        if self._reloading:  # which asks for it nowhere but in the wait
            raise _Waits
        super().reap_workers()


class Server(BaseApplication):
    """gunicorn in the foreground."""

    def __init__(self, env_file: Path | None, overrides: Mapping[str, str]) -> None:
        self._env_file, self._overrides = env_file, overrides
        super().__init__()

    def do_load_config(self) -> None:
        """Without gunicorn's own way to end when a setting is wrong: the command has a better one."""
        self.load_default_config()
        self.load_config()

    def load_config(self) -> None:
        for name, value in configuration(self._env_file, self._overrides).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from gpt2giga.factory import create_app  # only in the worker, after gevent has patched it

        return create_app()

    def run(self) -> None:
        Master(self).run()
