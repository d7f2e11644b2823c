"""Where settings come from: the process's environment and the file .env. The only module that reads either."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from dotenv.parser import parse_stream

from gpt2giga.config.settings import Settings, SettingsError
from gpt2giga.config.variables import check, is_ours, parse, unknown_variables
from gpt2giga.language import _, reason


def from_variables(variables: Mapping[str, str]) -> Settings:
    """As a process uses them. Raises SettingsError."""
    settings = parse(variables)
    if settings.store.state_dir:
        return settings
    return replace(settings, store=replace(settings.store, state_dir=_users_state_dir(variables)))


def _users_state_dir(variables: Mapping[str, str]) -> str | None:
    """Of the XDG Base Directory Specification; None for a user without a home. The sandbox has one of its own: what was
    tried there is nobody's usage.
    """
    base = Path(variables.get("XDG_STATE_HOME", ""))
    try:
        folder = base if base.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return str(folder / ("gpt2giga-sandbox" if variables.get("GPT2GIGA_SANDBOX") else "gpt2giga"))


def read_settings(
    env_file: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    has_stored_accounts: Callable[[Settings], bool] = lambda _: False,
) -> tuple[dict[str, str], Settings, list[str]]:
    """The variables, their settings, and a sentence for whatever is allowed but doubtful. Raises SettingsError."""
    variables, doubts = read_variables(env_file)
    variables |= overrides or {}
    doubts += unknown_variables(variables)
    try:
        settings = from_variables(variables)
        check(settings, has_stored_accounts)
    except SettingsError as error:
        file = env_file or Path(".env")
        missing = [] if file.exists() else misnamed(file) or [_("no file {file} was found", file=file)]
        raise SettingsError("; ".join([str(error), *doubts, *missing])) from None
    for variable in ("GIGACHAT_BASE_URL", "GIGACHAT_AUTH_URL"):
        if "@" in urlsplit(variables.get(variable, "")).netloc:
            doubts.append(
                _(
                    "{variable}: user and password in it are not used; set GIGACHAT_USER and GIGACHAT_PASSWORD",
                    variable=variable,
                )
            )
    doubts += [
        _(
            "GPT2GIGA_API_KEY: key {place} has no name, for what follows its colon is shorter than 8 characters",
            place=place,
        )
        for place, key in enumerate(settings.server.api_key, 1)
        if key.is_nearly_named
    ]
    if not settings.account.verify_ssl_certs:
        doubts.append(
            _(
                "GIGACHAT_VERIFY_SSL_CERTS=False: GigaChat's certificate is not checked, so anyone on the way can read "
                "the key; True works without further setup"
            )
        )
    return variables, settings, doubts


def misnamed(file: Path) -> list[str]:
    """A sentence where only a file is there that editors on Windows have named, without showing so."""
    other = file.with_name(f"{file.name}.txt")
    if file.exists() or not other.exists():
        return []
    return [_("{other} is not read: rename it to {file}", other=other, file=file.name)]


def read_variables(env_file: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """As they are, in order or not, and a sentence for each line of the file that is none.

    Raises SettingsError when the file cannot be read.
    """
    in_file, doubts = _read_file(env_file or Path(".env"), must_exist=env_file is not None)
    return _with_environment(in_file), doubts


def environment() -> dict[str, str]:
    """The process's own, for programs that it starts."""
    return dict(os.environ)


def set_language(language: str) -> None:
    """For gettext, which click asks, and which looks there at each message."""
    os.environ["LANGUAGE"] = language


def metrics_folder() -> str | None:
    """Where processes count together, in the variable of prometheus-client, which reads it by itself."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def set_metrics_folder(folder: Path) -> None:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _with_environment(in_file: Mapping[str, str]) -> dict[str, str]:
    """Real environment variables win over the file, except below systemd.

    systemd has read the same file with rules of its own (`PORT=8080 # comment` keeps the comment) and passes
    on what it saw when the service started; the file itself is right, and fresh after a reload.

    Variables of the file that are not ours (HTTPS_PROXY and the like) are meant for libraries, which read
    the process's environment, so they are put there.
    """
    # Hosting panels and compose files set empty variables for what nobody filled in: they hide nothing. gunicorn,
    # which looks for itself too, would stumble over them.
    for variable in [name for name, value in os.environ.items() if is_ours(name) and not value.strip()]:
        del os.environ[variable]
    for variable, value in in_file.items():
        if not is_ours(variable):
            os.environ.setdefault(variable, value)
    return {**os.environ, **in_file} if _below_systemd() else {**in_file, **os.environ}


def _below_systemd() -> bool:
    """True in the process that systemd started as a service and in its direct children (systemd >= 248)."""
    return os.environ.get("SYSTEMD_EXEC_PID") in (str(os.getpid()), str(os.getppid()))


def _read_file(path: Path, *, must_exist: bool) -> tuple[dict[str, str], list[str]]:
    try:
        bindings = [*parse_stream(io.StringIO(_decode(path.read_bytes())))]
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(_("{path} does not exist", path=path)) from None
        return {}, []
    except OSError as error:
        if _below_systemd() and any(map(is_ours, os.environ)):  # systemd read it as root and passed the values on
            return {}, []
        raise SettingsError(_("{path} cannot be read: {why}", path=path, why=reason(error))) from None
    broken = [binding.original.line for binding in bindings if binding.error or (binding.key and binding.value is None)]
    values = {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}
    return values, [_("{path}: line {line} is not NAME=value", path=path, line=line) for line in broken]


def _decode(raw: bytes) -> str:
    """Editors on Windows save Russian comments as cp1251, and BOMs before UTF-8 and UTF-16."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1251", errors="replace")
    return text.replace("\0", "")  # which no variable can hold
