"""JSON among the words of an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.upstream.emulation.json_in_text import DocumentEnd, find_documents

ROWS = {
    "alone": ('{"a": 1}', '{"a": 1}'),
    "a preface": ('Вот JSON:\n{"a": 1}', '{"a": 1}'),
    "a preface with brackets": ('Вот [JSON] {как просили}: {"a": 1}', '{"a": 1}'),
    "an afterword": ('{"a": "}"}\n\nЧто-нибудь ещё?', '{"a": "}"}'),
    "a fence between words": ('Вот:\n```json\n{"a": [1]}\n```\nГотово!', '{"a": [1]}'),
    "an example before it": ('Например, {}. Ответ: {"a": 1}', '{"a": 1}'),
    "a list": ("Числа: [1, 2].", "[1, 2]"),
    "a text in a fence": ('```json\n"нет"\n```', '"нет"'),
    "no JSON": ("Один.", "Один."),
    "deep": ("[" * 100_000, "[" * 100_000),
}


@pytest.mark.parametrize("text, document", ROWS.values(), ids=ROWS)
def test_the_longest_comes_first(text: str, document: str) -> None:
    assert find_documents(text)[0] == document


def test_only_some_are_looked_at() -> None:
    assert len(find_documents("[1] " * 1000)) == 4


VALUES: Any = st.recursive(
    st.one_of(st.integers(), st.text('"\\{}[]a', max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text('"\\}', max_size=3), inner)),
    max_leaves=9,
)


@settings(deadline=None)
@given(
    value=st.one_of(st.lists(VALUES, max_size=3), st.dictionaries(st.text(max_size=3), VALUES)), size=st.integers(1, 7)
)
def test_the_end_in_any_pieces(value: Any, size: int) -> None:
    document = json.dumps(value, ensure_ascii=False)
    text = document + ' Готово: {"b": 2}]'
    end = DocumentEnd()
    assert "".join(end.cut(text[at : at + size]) for at in range(0, len(text), size)) == document
