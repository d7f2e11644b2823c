"""Stands here until views.py and response.py import the shared module."""

from __future__ import annotations

from gpt2giga.dialects.tokens import estimate as estimate
from gpt2giga.dialects.tokens import to_texts

texts = to_texts
