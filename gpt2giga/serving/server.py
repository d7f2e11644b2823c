"""gunicorn's settings, and the server that the command starts with them."""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections.abc import Mapping
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from gpt2giga.serving import process_log
from gpt2giga.serving.address import banner
from gpt2giga.serving.current_settings import check_upstream, CurrentSettings
from gpt2giga.serving.metrics_folder import MetricsFolder
from gpt2giga.serving.worker import LAST_EVENTS_SECONDS, STOP_SIGNALS, Worker

# Connections beside the requests in work: probes, requests to be refused, and those kept open between two requests.
SPARE_CONNECTIONS = 2000
# What it says of its workers at every start and end is not for everybody.
GUNICORN_LEVELS = {"debug": "info", "info": "warning"}


class GunicornConfiguration:
    """gunicorn's settings. It lives as long as the master does: through all reloads."""

    def __init__(self, current: CurrentSettings) -> None:
        """Raises SettingsError."""
        self.current = current
        self._metrics = MetricsFolder()
        check_upstream(current.settings.account)

    def to_gunicorn(self) -> dict[str, Any]:
        settings, variables = self.current.settings, self.current.variables
        announcement = banner(settings)  # now, for nothing that serves speaks the user's language
        return {
            "bind": settings.server.address,
            "workers": settings.server.workers,
            "worker_class": "gpt2giga.serving.worker.Worker",
            # A worker without a free connection would not even answer /health.
            "worker_connections": settings.limits.max_open_requests + SPARE_CONNECTIONS,
            # Silence of a whole worker, not the length of an answer.
            "timeout": 60,
            "graceful_timeout": settings.server.graceful_timeout + LAST_EVENTS_SECONDS,
            "keepalive": 5,
            # gevent patches a worker before the application is imported into it.
            "preload_app": False,
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
            # A header named SCRIPT_NAME would move every path of ours, and web servers may let through a client's.
            "forwarder_headers": "",
            # Nobody's word for the scheme matters to us: so no request is refused for contradictory ones, and none
            # need be looked at for whose it is.
            "secure_scheme_headers": {},
            "forwarded_allow_ips": "*",
            # It would be opened in $HOME, which a service user does not have.
            "control_socket_disable": True,
            # For a unix socket: besides the owner also the group, nginx's, may use it.
            "umask": 0o117,
            "logger_class": "gpt2giga.serving.gunicorn_log.GunicornLog",
            # Further down it tells the path of every request, with what may be a key.
            "loglevel": GUNICORN_LEVELS.get(settings.server.log_level, settings.server.log_level),
            "on_starting": self._prepare,
            "on_reload": self._prepare,
            # A collection would write to every page that master and worker could share.
            "pre_fork": lambda _, __: gc.freeze(),
            "post_fork": lambda _, worker: self._equip(worker, variables),
            "child_exit": lambda _, worker: self._metrics.forget(worker.pid),
            "on_exit": lambda _: self._metrics.remove(),
            "post_worker_init": lambda worker: _announce(worker, announcement),
        }

    def _prepare(self, master: Arbiter) -> None:
        server = self.current.settings.server
        if server.metrics:
            self._metrics.make(server.runtime_folder, master.cfg.uid, master.cfg.gid)

    def _equip(self, worker: Worker, variables: Mapping[str, str]) -> None:
        self._metrics.join()
        worker.variables = variables


_file_configuration: list[GunicornConfiguration] = []


def configuration_of_file() -> dict[str, Any]:
    """For deploy/gunicorn.conf.py, which gunicorn runs anew at each reload: what outlives that is kept here.

    Raises SettingsError.
    """
    if _file_configuration:
        _file_configuration[0].current.renew()
    else:
        process_log.begin(process_log.wanted_form())
        _file_configuration.append(GunicornConfiguration(CurrentSettings()))
    return _file_configuration[0].to_gunicorn()


def raise_file_limit() -> None:
    """A stream takes two descriptors, and shells and systemd allow 1024 in all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(worker: Worker, announcement: str) -> None:
    """Once, when the first worker has loaded the application: from now on requests are answered."""
    # A terminal sends Ctrl-C to all processes, and the master tells its workers too; twice would be a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is there now stays, and no garbage collection need look at it.
    gc.collect()
    gc.freeze()
    if worker.age == 1:
        print(announcement, flush=True)


class _ReloadWait(Exception):
    pass


class Master(Arbiter):
    """gunicorn's reload returns when the last old answer has ended, and hears no signal until then: neither a
    second reload nor a stop. Nothing needs that wait."""

    _reloading = False

    def reload(self) -> None:
        self._reloading = True
        try:
            super().reload()
        except _ReloadWait:
            pass
        finally:
            self._reloading = False

    def spawn_worker(self) -> Any:
        """A signal that comes before the worker has handlers of its own waits for them instead of being lost."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def reap_workers(self) -> None:
        if self._reloading:  # which asks for it nowhere but in the wait
            raise _ReloadWait
        super().reap_workers()


class Server(BaseApplication):
    """gunicorn in the foreground."""

    def __init__(self, current: CurrentSettings) -> None:
        """Raises SettingsError."""
        self._configuration = GunicornConfiguration(current)
        super().__init__()

    def do_load_config(self) -> None:
        """Without gunicorn's own way to end when a setting is wrong: the command has a better one."""
        self.load_default_config()
        self.load_config()

    def load_config(self) -> None:
        for name, value in self._configuration.to_gunicorn().items():
            self.cfg.set(name, value)

    def reload(self) -> None:
        self._configuration.current.renew()
        super().reload()

    def run(self) -> None:
        Master(self).run()
