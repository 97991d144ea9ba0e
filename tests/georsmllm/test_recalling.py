"""No question is asked twice, in one process or after a kill; what decides an answer decides whether it is recalled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from georsmllm.answering import Answer, Decoding, Question
from georsmllm.constrain.form import Points
from georsmllm.errors import UsageError
from georsmllm.recalling import Recalling
from georsmllm.types import Message

GREEDY = Decoding(64)


def question(name: str, words: str = "[det] Where are the ships?") -> Question:
    return Question(name, (Message("user", words),), ((64, 64),), list, "here")


class Echo:
    """Answers with the question's id, counts, and stops after some batches."""

    batch_size = 8

    def __init__(self, most: int = 99) -> None:
        self.asked: list[list[str]] = []
        self.most = most

    def stream(self, batches, decoding, *, tick):
        for batch in batches:
            if len(self.asked) == self.most:
                raise KeyboardInterrupt
            self.asked.append([one.id for one in batch])
            yield [Answer(f"{one.id} é", "stop", 1) for one in batch]


def answers(engine, batches, decoding=GREEDY):
    return [[answer.text for answer in found] for found in engine.stream(batches, decoding)]


def test_nothing_is_asked_of_nothing():
    engine = Echo()
    assert answers(Recalling(engine, who="m"), []) == []
    assert engine.asked == []


def test_a_question_is_asked_once_and_answers_keep_their_places():
    engine = Echo()
    recalling = Recalling(engine, who="m")
    assert answers(recalling, [[question("a"), question("b")]]) == [["a é", "b é"]]
    assert answers(recalling, [[question("b"), question("c")], [question("a")]]) == [["b é", "c é"], ["a é"]]
    assert engine.asked == [["a", "b"], ["c"]]
    assert (recalling.num_asked, recalling.num_recalled) == (3, 2)


@pytest.mark.parametrize(
    ("other", "decoding", "who"),
    [
        (question("b"), GREEDY, "m"),
        (question("a", "[det] Where are the planes?"), GREEDY, "m"),
        (replace(question("a"), sizes_wh=((32, 64),)), GREEDY, "m"),
        (replace(question("a"), form=Points()), GREEDY, "m"),
        (question("a"), Decoding(128), "m"),
        (question("a"), GREEDY, "another model"),
    ],
)
def test_whatever_decides_an_answer_makes_it_another_question(tmp_path, other, decoding, who):
    journal = tmp_path / "answers.jsonl"
    answers(Recalling(Echo(), who="m", journal=journal), [[question("a")]])
    engine = Echo()
    answers(Recalling(engine, who=who, journal=journal), [[other]], decoding)
    assert engine.asked == [[other.id]]


def test_a_killed_ask_goes_on_where_it_was(tmp_path):
    journal = tmp_path / "below" / "answers.jsonl"
    batches = [[question("a")], [question("b")], [question("c")]]
    with pytest.raises(KeyboardInterrupt):
        answers(Recalling(Echo(most=2), who="m", journal=journal), batches)
    with journal.open("ab") as out:
        out.write(b'["half a li')
    engine = Echo()
    assert answers(Recalling(engine, who="m", journal=journal), batches) == [["a é"], ["b é"], ["c é"]]
    assert engine.asked == [["c"]]
    again = Echo()
    answers(Recalling(again, who="m", journal=journal), batches)
    assert again.asked == []


def test_a_damaged_journal_is_one_line_with_its_place(tmp_path):
    journal = tmp_path / "answers.jsonl"
    journal.write_bytes(b'["k",["a","stop",1]]\n{"no": 1}\n')
    with pytest.raises(UsageError, match=r"answers.jsonl:2: .*delete it"):
        Recalling(Echo(), who="m", journal=journal)


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    recalling = Recalling(Echo(), who="m", journal=tmp_path / "file" / "answers.jsonl")
    with pytest.raises(UsageError, match="cannot write"):
        answers(recalling, [[question("a")]])
