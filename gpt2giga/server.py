"""gunicorn's settings, and the server that the command starts with them."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Callable
from typing import Any
from typing import TYPE_CHECKING

from gunicorn.app.base import BaseApplication

from gpt2giga.listening import banner
from gpt2giga.settings import Settings
from gpt2giga.settings import SettingsError

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker

log = logging.getLogger(__name__)


def gunicorn_settings(settings: Settings) -> dict[str, Any]:
    return {
        "bind": settings.address,
        "workers": settings.workers,
        "worker_class": "gevent",
        # Well above what one process can carry: a full worker would not even answer /health.
        "worker_connections": 4000,
        # Silence of a whole worker, not the length of an answer.
        "timeout": 60,
        "graceful_timeout": 300,
        "keepalive": 5,
        # gevent patches a worker before the application is imported into it.
        "preload_app": False,
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        # It would be opened in $HOME, which a service user does not have.
        "control_socket_disable": True,
        # Files are the owner's; a unix socket is also for the group, nginx's.
        "umask": 0o117 if settings.host.startswith("unix:") else 0o077,
        "loglevel": "warning",
        "post_worker_init": lambda worker: _announce(worker, settings),
    }


def raise_file_limit() -> None:
    """A stream takes two descriptors, and shells and systemd allow 1024 in all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _announce(worker: Worker, settings: Settings) -> None:
    """Once, when the first worker has loaded the application: from now on requests are answered."""
    if worker.age == 1:
        print(banner(settings), flush=True)


class Server(BaseApplication):
    """gunicorn in the foreground. `load_settings` is called again on every reload (HUP)."""

    def __init__(self, load_settings: Callable[[], Settings]) -> None:
        self._load_settings = load_settings
        self._settings: Settings | None = None
        super().__init__()

    def load_config(self) -> None:
        try:
            self._settings = self._load_settings()
        except SettingsError as error:
            if self._settings is None:
                raise
            log.error("The former settings stay: %s", error)
        assert self._settings is not None
        for name, value in gunicorn_settings(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from gpt2giga.factory import create_app  # only in the worker, after gevent has patched it

        return create_app(self._settings)
