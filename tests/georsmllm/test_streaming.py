"""Pieces of a text as it comes: joined they are the text, no character comes by halves, and a thread ends with its listener."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from georsmllm.errors import UsageError
from georsmllm.streaming import Say, Words, heard


def as_text(ids: Sequence[int]) -> str:
    """A vocabulary of single bytes, as a byte-level tokenizer decodes it."""
    return bytes(ids).decode("utf-8", "replace")


@given(st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=40))
@example(b"")
@example("Köln 🚢\ufffd".encode())
@example("🚢".encode()[:2])
@example(b"\xf0\x9f\xe2\x82\xff")
def test_pieces_joined_are_the_text(data: bytes) -> None:
    words = Words(as_text)
    pieces = [words.add(byte) for byte in data]
    assert "".join((*pieces, words.rest())) == as_text(data)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=40))
def test_no_character_comes_by_halves(text: str) -> None:
    words = Words(as_text)
    pieces = [words.add(byte) for byte in text.encode()]
    assert [piece for piece in pieces if piece] == list(text)
    assert words.rest() == ""


def test_pieces_are_heard_while_the_thread_works() -> None:
    is_heard = threading.Event()

    def work(say: Say) -> None:
        say("one")
        assert is_heard.wait(5), "the first piece came only at the end"
        say("")
        say("two")

    found = []
    for piece in heard(work):
        found.append(piece)
        is_heard.set()
    assert found == ["one", "two"]


def test_what_the_work_returns_is_what_the_pieces_return() -> None:
    def work(say: Say) -> int:
        say("one")
        return 7

    pieces = heard(work)
    assert next(pieces) == "one"
    with pytest.raises(StopIteration) as end:
        next(pieces)
    assert end.value.value == 7


def test_nothing_said_is_nothing_heard() -> None:
    assert list(heard(lambda _: None)) == []


def test_what_goes_wrong_in_the_thread_rises_after_what_was_said() -> None:
    def work(say: Say) -> None:
        say("one")
        raise UsageError("no")

    pieces = heard(work)
    assert next(pieces) == "one"
    with pytest.raises(UsageError, match=r"^no$"):
        next(pieces)


def counting(said: list[int], say: Say) -> None:
    for number in range(1000):
        said.append(number)
        say(str(number))
        time.sleep(0.002)


def test_whoever_closes_ends_the_thread() -> None:
    said: list[int] = []
    before = threading.active_count()
    pieces = heard(lambda say: counting(said, say))
    assert [next(pieces) for _ in range(3)] == ["0", "1", "2"]
    pieces.close()
    assert threading.active_count() == before
    assert len(said) < 20


def test_stop_ends_it_between_pieces() -> None:
    said: list[int] = []
    found = list(heard(lambda say: counting(said, say), lambda: len(said) > 4))
    assert found == ["0", "1", "2", "3"]
    assert said == [0, 1, 2, 3, 4]


def test_nothing_is_done_before_somebody_listens() -> None:
    before = threading.active_count()
    heard(lambda _: pytest.fail("worked for nobody"))
    assert threading.active_count() == before
