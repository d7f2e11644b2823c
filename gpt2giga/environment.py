"""Where settings come from: the process's environment and the file .env. The only module that reads either."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from gpt2giga.settings import check
from gpt2giga.settings import parse
from gpt2giga.settings import PREFIXES
from gpt2giga.settings import Settings
from gpt2giga.settings import SettingsError
from gpt2giga.settings import unknown_variables

log = logging.getLogger(__name__)


def load_settings(env_file: Path | None = None, overrides: Mapping[str, str] | None = None) -> Settings:
    """Raises SettingsError. `overrides` (the command line) win over everything."""
    variables = {**read_variables(env_file), **(overrides or {})}
    for sentence in unknown_variables(variables):
        log.warning("%s", sentence)
    settings = parse(variables)
    check(settings)
    return settings


def read_variables(env_file: Path | None = None) -> dict[str, str]:
    """Real environment variables win over the file, except below systemd.

    systemd has read the same file with rules of its own (`PORT=8080 # comment` keeps the comment) and passes
    on what it saw when the service started; the file itself is right, and fresh after a reload.

    Variables of the file that are not ours (HTTPS_PROXY and the like) are meant for libraries, which read
    the process's environment, so they are put there.
    """
    in_file = _read_file(env_file or Path(".env"), must_exist=env_file is not None)
    for variable, value in in_file.items():
        if not variable.startswith(PREFIXES):
            os.environ.setdefault(variable, value)
    # Hosting panels and compose files set empty variables for what nobody filled in: they hide nothing.
    real = {variable: value for variable, value in os.environ.items() if value.strip()}
    return {**real, **in_file} if _below_systemd() else {**in_file, **real}


def _below_systemd() -> bool:
    """True in the process that systemd started as a service and in its direct children (systemd >= 248)."""
    return os.environ.get("SYSTEMD_EXEC_PID") in (str(os.getpid()), str(os.getppid()))


def _read_file(path: Path, *, must_exist: bool) -> dict[str, str]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"{path} does not exist") from None
        return {}
    except OSError as error:
        if _below_systemd():  # systemd read it as root and passed the values on
            return {}
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    values = dotenv_values(stream=io.StringIO(_decode(raw)), interpolate=False)
    return {key: value for key, value in values.items() if value is not None}


def _decode(raw: bytes) -> str:
    """Windows editors save Russian comments as cp1251, and a BOM before UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1251", errors="replace")
