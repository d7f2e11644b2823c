"""Which certificates are trusted, and by whom; tests/test_tls.py shakes hands."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import certifi
import pytest

from gpt2giga.config.account import AccountSettings
from gpt2giga.config.settings import SettingsError
from gpt2giga.config.variables import parse
from gpt2giga.upstream.transport import tls
from gpt2giga.upstream.transport.sdk import GigaChatClient
from tests.certificates import Authority

FINGERPRINT = (
    "D2:6D:2D:02:31:B7:C3:9F:92:CC:73:85:12:BA:54:10:35:19:E4:40:5D:68:B5:BD:70:3E:97:88:CA:8E:CF:31"  # SHA-256
)


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    tls._context.cache_clear()
    yield
    tls._context.cache_clear()


def context(**settings: str) -> ssl.SSLContext:
    return tls.ssl_context(parse(settings).account)


def roots(context: ssl.SSLContext) -> set[bytes]:
    return {*context.get_ca_certs(binary_form=True)}


def in_file(path: str | Path) -> set[bytes]:
    pem = Path(path).read_text()
    end = "-----END CERTIFICATE-----"
    return {ssl.PEM_cert_to_DER_cert(part[part.index("-----BEGIN") :] + end) for part in pem.split(end)[:-1]}


def test_the_shipped_root_is_the_right_one() -> None:
    [root] = in_file(tls.RUSSIAN_ROOT)
    assert hashlib.sha256(root).hexdigest().upper() == FINGERPRINT.replace(":", "")


def test_it_is_added_to_those_of_certifi() -> None:
    found = context()
    assert found.verify_mode == ssl.CERT_REQUIRED and found.check_hostname
    assert roots(found) == in_file(certifi.where()) | in_file(tls.RUSSIAN_ROOT)


def test_another_root_is_added(tmp_path: Path) -> None:
    root = Authority(tmp_path).root
    assert roots(context(GIGACHAT_CA_BUNDLE_FILE=root)) == roots(context()) | in_file(root)


def test_nothing_outside_of_the_client_is_changed() -> None:
    environ, trusted = dict(os.environ), Path(certifi.where()).read_bytes()
    default = ssl._create_default_https_context
    unchecked = GigaChatClient(AccountSettings(credentials="a2V5OmtleQ==", verify_ssl_certs=False))
    with closing(unchecked), closing(GigaChatClient(AccountSettings(access_token="t"))):
        assert in_file(tls.RUSSIAN_ROOT).isdisjoint(roots(ssl.create_default_context(cafile=certifi.where())))
        assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
    assert ssl._create_default_https_context is default
    assert dict(os.environ) == environ and Path(certifi.where()).read_bytes() == trusted


def test_clients_with_the_same_settings_share_one() -> None:
    assert context() is context() is not context(GIGACHAT_VERIFY_SSL_CERTS="False")


def test_switched_off() -> None:
    found = context(GIGACHAT_VERIFY_SSL_CERTS="False")
    assert found.verify_mode == ssl.CERT_NONE and not found.check_hostname


@pytest.mark.parametrize("content", [None, "no certificate", ""], ids=["absent", "garbage", "empty"])
@pytest.mark.parametrize("variable", ["GIGACHAT_CA_BUNDLE_FILE", "GIGACHAT_CERT_FILE"])
def test_files_that_cannot_be_used(tmp_path: Path, variable: str, content: str | None) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match=variable):
        context(**{variable: str(path)})


def test_a_key_that_does_not_belong_to_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("other")
    assert context(GIGACHAT_CERT_FILE=one.certificate, GIGACHAT_KEY_FILE=one.key)
    with pytest.raises(SettingsError, match="GIGACHAT_KEY_FILE"):
        context(GIGACHAT_CERT_FILE=one.certificate, GIGACHAT_KEY_FILE=other.key)
