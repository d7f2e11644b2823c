"""Why a certificate was refused, in words: a clock that is wrong comes first, for it spoils every date."""

from __future__ import annotations

import re
import ssl
import time
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from gpt2giga.language import _, N_
from gpt2giga.upstream.transport.connect import Route

LOOK_SECONDS = 5.0
LARGEST_DIFFERENCE_SECONDS = 300
LARGEST_HEAD_BYTES = 16 * 1024
ADDRESS = (N_("belongs to another host"), N_("check the address, and what answers in its place"))
# By OpenSSL's X509_V_ERR_...: what is wrong, and what to do.
FAULTS = {
    9: (N_("is not valid yet, or one that signed it is not"), N_("whoever made it has to say why")),
    10: (N_("has expired, or one that signed it has"), N_("only its owner can renew it")),
    62: ADDRESS,
    64: ADDRESS,
}
UNTRUSTED = (N_("is not trusted"), N_("name its root certificate in GIGACHAT_CA_BUNDLE_FILE"))
# The two dates of a certificate in DER (RFC 5280, 4.1.2.5), in either of their forms.
VALIDITY = re.compile(rb"\x30[\x1e\x20\x22](?:\x17\x0d|\x18\x0f)(\d{12,14})Z(?:\x17\x0d|\x18\x0f)(\d{12,14})Z")


def explain(failure: ssl.SSLCertVerificationError, url: str) -> str:
    """Looks at the certificate again, since OpenSSL does not show one that it has refused. url: empty if unknown."""
    certificate, head = _look(url) if url else (b"", b"")
    what, advice = FAULTS.get(failure.verify_code, UNTRUSTED)
    fault = _("the certificate {what}{validity}", what=_(what), validity=_validity(certificate))
    clocks = _clocks(head)
    return (
        _("{clocks}: set it right first. As it is, {fault}.", clocks=clocks, fault=fault)
        if clocks
        else f"{fault}: {_(advice)}."
    )


def _look(url: str) -> tuple[bytes, bytes]:
    """The certificate and the head of an answer, as far as they can be had. Nothing of the account is sent."""
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    certificate = head = b""
    with suppress(httpx.HTTPError, OSError):
        connection: Any = Route(url, unchecked, LOOK_SECONDS).open()
        with closing(connection):
            certificate = connection.getpeercert(True) or b""
            host = urlsplit(url).hostname or ""
            connection.sendall(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            end = time.monotonic() + LOOK_SECONDS
            while b"\r\n\r\n" not in head and len(head) < LARGEST_HEAD_BYTES and time.monotonic() < end:
                if not (piece := connection.recv(4096)):
                    break
                head += piece
    return certificate, head


def _clocks(head: bytes) -> str:
    """Empty when this machine's clock and theirs agree, or theirs is not known."""
    here, date = time.time(), re.search(rb"\r\nDate: *([^\r\n]+)", head, re.IGNORECASE)
    try:
        there = parsedate_to_datetime(date[1].decode("latin-1")).timestamp() if date else here
    except (ValueError, OverflowError):
        return ""
    if abs(here - there) < LARGEST_DIFFERENCE_SECONDS:
        return ""
    here_utc, there_utc = (time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment)) for moment in (here, there))
    return _("this machine's clock says {here}, theirs {there}", here=here_utc, there=there_utc)


def _validity(certificate: bytes) -> str:
    found = VALIDITY.search(certificate)
    first, last = (_date(text.decode()) for text in found.groups()) if found else ("", "")
    return _(" (good from {first} to {last})", first=first, last=last) if found else ""


def _date(text: str) -> str:
    if len(text) == 12:  # years from 1950 to 2049 have two digits
        text = ("19" if text >= "5" else "20") + text
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]} UTC"
