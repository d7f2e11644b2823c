"""The settings of SaluteSpeech, Sber's speech service, which has a key of its own."""

from __future__ import annotations

from dataclasses import dataclass

from gpt2giga.config.parsers import authorization_key, one_of, url
from gpt2giga.config.setting import setting

# What counts as the model of what it does.
SALUTESPEECH = "salutespeech"
SPEECH_SCOPES = ("SALUTE_SPEECH_PERS", "SALUTE_SPEECH_B2B", "SALUTE_SPEECH_CORP")


@dataclass(frozen=True)
class SpeechSettings:
    """Whose SaluteSpeech it is, and the way there; certificates are checked as GigaChat's are."""

    PREFIX = "SALUTESPEECH_"

    credentials: str | None = setting(
        None,
        "Authorization Key of SaluteSpeech, for speech from text and transcripts with timestamps",
        authorization_key,
        secret=True,
    )
    scope: str = setting(
        "SALUTE_SPEECH_PERS", "Account type at SaluteSpeech: personal, prepaid or corporate", one_of(*SPEECH_SCOPES)
    )
    base_url: str = setting("https://smartspeech.sber.ru/rest/v1", "Address of SaluteSpeech", url)
    auth_url: str = setting(
        "https://ngw.devices.sberbank.ru:9443/api/v2/oauth", "Address that issues SaluteSpeech's tokens", url
    )

    @property
    def slots(self) -> int:
        """Requests at a time (SaluteSpeech 1.6)."""
        return 5 if self.scope == "SALUTE_SPEECH_PERS" else 10
