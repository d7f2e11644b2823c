"""What the doctor says of each thing that can be wrong between here and GigaChat."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from gpt2giga.commands.command_line import CommandLine
from gpt2giga.commands.gigachat_checks import GigaChatChecks
from gpt2giga.commands.report import Finding, Report
from gpt2giga.config.settings import SettingsError
from gpt2giga.config.sources import read_settings
from gpt2giga_sandbox.server import SandboxServer
from tests.certificates import Authority
from tests.proxy_server import ProxyServer
from tests.service import free_port

Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(account: dict[str, str]) -> Examine:
    def examine(**settings: str) -> dict[str, Finding]:
        report = Report(as_json=True)
        checks = GigaChatChecks(CommandLine(None, {**account, **settings}))
        checks.run(report)
        checks.close()
        return {finding.name: finding for finding in report.findings}

    return examine


def failed(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.status == "failed"]


def test_settings_that_do_not_parse(examine: Examine) -> None:
    findings = examine(GPT2GIGA_PORT="http")
    assert failed(findings) == ["settings"] and "GPT2GIGA_PORT: 'http'" in findings["settings"].detail
    assert {finding.status for name, finding in findings.items() if name != "settings"} == {"skipped"}


def test_settings_that_are_doubtful(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GPT2GIGA_PROT=1\nnonsense\n")
    findings = examine(GIGACHAT_VERIFY_SSL_CERTS="False")
    assert failed(findings) == []
    for words in ("did you mean GPT2GIGA_PORT?", "line 2", "anyone on the way", ".env and the environment"):
        assert words in findings["settings"].detail


def test_what_is_left_of_the_packages(
    examine: Examine, sandbox: SandboxServer, tmp_path: Path, app_with: Callable[..., Flask]
) -> None:
    """A service remembers how much there was; before it has, whatever there is is the whole."""
    kept = {"GPT2GIGA_STATE_DIR": str(tmp_path)}
    sandbox.state.settings.packages = {"GigaChat-Max": 1_000_000, "GigaChat": 0}
    found = examine(**kept)["packages"]
    assert found.status == "ok"
    assert found.detail == "GigaChat used up; GigaChat-Max 1,000,000"
    app_with().extensions["packages"].read()
    sandbox.state.reset()
    sandbox.state.settings.packages = {"GigaChat-Max": 70_000, "GigaChat": 0}
    found = examine(**kept)["packages"]
    assert (found.status, found.detail) == ("warn", "GigaChat used up; GigaChat-Max 70,000")


def test_packages_that_are_not_told(examine: Examine, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "balance", "status": 500})
    found = examine()
    assert found["packages"].status == "warn" and "500" in found["packages"].detail and failed(found) == []
    assert "pays as it goes" in examine(GIGACHAT_SCOPE="GIGACHAT_API_CORP")["packages"].detail


def test_settings_in_a_file_that_is_not_read(examine: Examine, tmp_path: Path) -> None:
    (tmp_path / ".env.txt").write_text("GPT2GIGA_PORT=1\n")
    found = examine()["settings"]
    assert found.status == "warn" and ".env.txt is not read" in found.detail
    with pytest.raises(SettingsError, match=r"no GigaChat account.*; \.env\.txt is not read: rename it to \.env$"):
        read_settings()


def test_a_proxy_that_is_gone(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://user:secret@127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "nowhere")
    findings = examine()
    assert failed(findings) == ["dns"] and "ALL_PROXY: no proxy answers on 127.0.0.1" in findings["dns"].detail
    assert "secret" not in findings["dns"].detail


def test_a_clock_that_is_wrong(examine: Examine) -> None:
    assert examine()["clock"].status == "ok"
    with ProxyServer(answer=b"HTTP/1.1 405 No\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n") as server:
        found = examine(GIGACHAT_AUTH_URL=server.url())["clock"]
    assert found.status == "warn" and "s ahead of GigaChat's" in found.detail


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("not base64", "base64 on one line"),
        ("5aa5a5a5-0000-4000-8000-aaaaaaaaaaaa", "a client id, not the Authorization Key"),
    ],
)
def test_keys_that_are_none(examine: Examine, key: str, words: str) -> None:
    findings = examine(GIGACHAT_CREDENTIALS=key)
    assert failed(findings) == ["key"] and words in findings["key"].detail and key not in findings["key"].detail


def test_a_key_of_somebody_else(examine: Examine, sandbox: SandboxServer) -> None:
    sandbox.state.settings.credentials = base64.b64encode(b"another:account").decode()
    findings = examine()
    assert failed(findings) == ["oauth"] and "make a new Authorization Key" in findings["oauth"].detail


def test_a_scope_of_somebody_else(examine: Examine, sandbox: SandboxServer) -> None:
    sandbox.state.settings.scope = "GIGACHAT_API_CORP"
    findings = examine()
    assert failed(findings) == ["oauth"]
    assert "set GIGACHAT_SCOPE=GIGACHAT_API_CORP" in findings["oauth"].detail
    assert failed(examine(GIGACHAT_SCOPE="GIGACHAT_API_CORP")) == []


def test_names_without_an_address(examine: Examine) -> None:
    findings = examine(GIGACHAT_BASE_URL="https://no.such.host.invalid/v1")
    assert failed(findings) == ["dns"] and "no.such.host.invalid has no address" in findings["dns"].detail


def test_nobody_at_the_address(examine: Examine) -> None:
    findings = examine(GIGACHAT_AUTH_URL="https://127.0.0.1:1/api/v2/oauth")
    assert failed(findings) == ["tls"] and "127.0.0.1:1" in findings["tls"].detail
    assert "cannot be reached" in findings["tls"].detail


def test_behind_a_proxy_its_ways_are_not_ours(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    with ProxyServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())
        monkeypatch.setenv("no_proxy", "nowhere")
        findings = examine()
    assert failed(findings) == [] and "HTTP_PROXY" in findings["dns"].detail and "HTTP_PROXY" in findings["tls"].detail


def test_certificates(examine: Examine, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    signed = authority.for_server()
    with SandboxServer(certfile=signed.certificate, keyfile=signed.key) as sandbox:
        here = {"GIGACHAT_BASE_URL": sandbox.base_url, "GIGACHAT_AUTH_URL": sandbox.auth_url}
        unknown = examine(**here)
        assert failed(unknown) == ["tls"] and "GIGACHAT_CA_BUNDLE_FILE" in unknown["tls"].detail
        assert "OpenSSL: " in unknown["tls"].detail
        known = examine(GIGACHAT_CA_BUNDLE_FILE=authority.root, **here)
        assert failed(known) == []
        assert "signed by GIGACHAT_CA_BUNDLE_FILE, issued by An authority nobody knows" in known["tls"].detail
        careless = examine(GIGACHAT_VERIFY_SSL_CERTS="False", GIGACHAT_CA_BUNDLE_FILE=authority.root, **here)
        assert "without need" in careless["tls"].detail
        assert "no root that is known" in examine(GIGACHAT_VERIFY_SSL_CERTS="False", **here)["tls"].detail
        assert "/nowhere" in examine(GIGACHAT_CA_BUNDLE_FILE="/nowhere", **here)["tls"].detail


def test_a_certificate_that_has_expired(examine: Examine, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    expired = authority.for_days("expired", -9, -2, "subjectAltName=IP:127.0.0.1")
    with SandboxServer(certfile=expired.certificate, keyfile=expired.key) as sandbox:
        address = sandbox.base_url.replace("//", "//user:hidden@")
        findings = examine(GIGACHAT_BASE_URL=address, GIGACHAT_AUTH_URL=address, GIGACHAT_CA_BUNDLE_FILE=authority.root)
    assert failed(findings) == ["tls"]
    assert re.search(r"has expired.* \(good from 20.* UTC to 20.* UTC\)", findings["tls"].detail)
    assert "GIGACHAT_BASE_URL: user and password in it are not used" in findings["settings"].detail
    assert not any("hidden" in finding.detail for finding in findings.values())


@pytest.mark.parametrize("address", ["ftp://user:hidden@host", "user:hidden@host/v1", "https://user:hi/dden@host"])
def test_a_password_in_an_address_that_is_none(examine: Examine, address: str) -> None:
    [detail] = [found.detail for found in examine(GIGACHAT_BASE_URL=address).values() if found.status == "failed"]
    assert detail.startswith("GIGACHAT_BASE_URL: '...@host") and "hi" not in detail.partition(" is not ")[0]


def test_a_model_that_does_not_exist(examine: Examine) -> None:
    findings = examine(GIGACHAT_MODEL="GigaChat-2-Maxi")
    assert "models" in failed(findings) and "closest one is GigaChat-2-Max" in findings["models"].detail
    assert findings["models"].detail.startswith("GIGACHAT_MODEL: ")
    assert examine(GPT2GIGA_EMBEDDINGS="Embed")["models"].detail.startswith("GPT2GIGA_EMBEDDINGS: ")


def test_what_the_account_may_not(examine: Examine, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "embeddings", "status": 403}, {"text": ""}, {}, {"text": "Дождь."})
    findings = examine()
    assert failed(findings) == ["chat", "tool call", "embedding"]
    assert "gave an empty answer" in findings["chat"].detail
    assert "answered in words instead of calling" in findings["tool call"].detail
    assert "has no access" in findings["embedding"].detail


def test_accounts_of_the_clients(examine: Examine) -> None:
    findings = examine(GPT2GIGA_PASS_TOKEN="True", GIGACHAT_CREDENTIALS="")
    assert failed(findings) == [] and findings["oauth"].status == "skipped"
