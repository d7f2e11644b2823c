"""Any number of texts of any length, over a service that limits both."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2giga.errors import ContextTooLong, UpstreamError
from gpt2giga.upstream import embeddings
from gpt2giga.upstream.embeddings import embed, Embedding, normalized


class Model:
    """Takes `most` characters a text; its vector is made of what the text is made of. names: it says which is too long,
    and counts a token for each character."""

    def __init__(self, most: int = 10, *, names: bool = False) -> None:
        self.most, self.names = most, names
        self.refused = 0
        self.accepted: list[list[str]] = []

    def __call__(self, texts: list[str]) -> list[Embedding]:
        long = [(number, len(text)) for number, text in enumerate(texts) if len(text) > self.most]
        if long:
            self.refused += 1
            raise ContextTooLong("index {}: {} (max {})".format(*long[0], self.most) if self.names else "too long")
        self.accepted.append(texts)
        return [Embedding([text.count("a") / len(text), text.count("b") / len(text)], len(text)) for text in texts]


TEXTS = st.lists(st.text("ab ", min_size=1, max_size=60), min_size=1, max_size=12)


@settings(deadline=None)
@given(TEXTS, st.booleans())
def test_in_order_and_nothing_lost(texts: list[str], names: bool) -> None:
    model = Model(names=names)
    found = embed(texts, model, most_texts=90, average=True)
    assert "".join(text for batch in model.accepted for text in batch) == "".join(texts)
    for text, got in zip(texts, found, strict=True):
        assert got.tokens == len(text) and got.averaged == (len(text) > model.most)
        # The mean by length of shares is the share in the whole text.
        assert math.isclose(got.vector[0], text.count("a") / len(text), abs_tol=1e-9)


def test_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "MOST_CHARACTERS", 20)
    model = Model()
    embed(["a"] * 4 + ["b" * 9] * 3, model, most_texts=3, average=True)
    assert model.accepted == [["a"] * 3, ["a", "b" * 9, "b" * 9], ["b" * 9]]


def test_only_the_long_text_is_cut() -> None:
    model = Model()
    found = embed(["one", "two", "aaaaa bbbbb", "three"], model, most_texts=90, average=True)
    assert [got.averaged for got in found] == [False, False, True, False]
    assert [text for batch in model.accepted for text in batch if "a" in text or "b" in text] == ["aaaaa", " bbbbb"]


def test_a_text_that_is_named_costs_two_requests() -> None:
    """Cut into as many parts as it needs, and sent again with the others."""
    model = Model(most=100, names=True)
    embed([*["one", "two"] * 30, "aaaa bbbb " * 80, *["three"] * 10], model, most_texts=90, average=True)
    assert (model.refused, len(model.accepted)) == (1, 1)


@pytest.mark.parametrize("words", ["index 7: 99 (max 10)", "index 0: 9 (max 10)", "index 0: 9 (max 0)", "index 1: 9"])
def test_words_that_make_no_sense_are_answered_by_halves(words: str) -> None:
    model = Model()

    def send(texts: list[str]) -> list[Embedding]:
        try:
            return model(texts)
        except ContextTooLong:
            raise ContextTooLong(words) from None

    assert [each.averaged for each in embed(["one", "aaaaa bbbbb"], send, most_texts=90, average=True)] == [False, True]


def test_words_stay_whole_where_they_can() -> None:
    model = Model(most=12)
    embed(["aaaaaa bbbbbb"], model, most_texts=90, average=True)
    assert model.accepted == [["aaaaaa"], [" bbbbbb"]]


def test_refused_unless_wanted() -> None:
    with pytest.raises(ContextTooLong):
        embed(["a" * 11], Model(), most_texts=90, average=False)


def test_a_character_that_is_too_long() -> None:
    """A model that takes nothing at all must not be asked for ever."""
    with pytest.raises(ContextTooLong):
        embed(["aaa"], Model(most=0), most_texts=90, average=True)


def test_parts_of_different_lengths() -> None:
    """Their mean would mean nothing."""

    def send(texts: list[str]) -> list[Embedding]:
        if len(texts[0]) > 10:
            raise ContextTooLong("too long")
        return [Embedding([0.5] * len(texts[0]), 1)]

    with pytest.raises(UpstreamError, match="different lengths"):
        embed(["aaaaa bbbbbb"], send, most_texts=90, average=True)


def test_no_direction_has_no_length() -> None:
    found = [Embedding([3.0, -4.0], 7, averaged=True), Embedding([0.0, 0.0], 1), Embedding([], 0)]
    assert [*normalized(found)] == [Embedding([0.6, -0.8], 7, averaged=True), *found[1:]]
