"""Stands here until views.py imports the shared module."""

from __future__ import annotations

from gpt2giga.dialects.tokens import to_texts as to_texts
