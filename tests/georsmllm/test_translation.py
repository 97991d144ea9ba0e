"""Answers of other dialects reach the judges in our own words, and what the dialect's ear refuses stays refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hand_made_set import SHIP, SHIP_2, SIZE, gold, record
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.contracts import Score, Spoken
from georsmllm.discover import dialect, dialect_names, task
from georsmllm.hearing import hear
from georsmllm.pointtext import decode
from georsmllm.translation import ceiling, judge, own, translate
from georsmllm.types import Message, PointSet, Record, box

DET = task("det")


def in_dialect(name: str, one: Record, text: str) -> Record:
    messages = (one.messages[0], Message("assistant", text))
    return replace(one, messages=messages, gold_text=text, provenance=replace(one.provenance, dialect=name))


def ships(name: str, *shapes: PointSet) -> Record:
    """A detection record whose answer the pen of the dialect has written."""
    form = dialect(name)
    text = form.encode([Spoken(shape, "ship" if form.is_labelled else "") for shape in shapes], SIZE, None)
    plain = record("det", "Where are the ships?", "", golds=tuple(gold("ship", shape) for shape in shapes))
    return in_dialect(name, plain, text)


ROTATING = [name for name in dialect_names() if "rbox" in dialect(name).kinds]


@pytest.mark.parametrize("name", ROTATING)
def test_a_gold_text_in_any_dialect_is_judged_as_good_as_its_rounding_lets_it(name: str) -> None:
    said = ships(name, SHIP, SHIP_2)
    judged = judge(DET, said.gold_text, said)
    assert judged.verdict == "ok"
    assert judged.parts["mean_iou"] > 0.8
    assert ceiling(DET, said.gold_text, said).value == 1


@pytest.mark.parametrize("name", dialect_names())
def test_nothing_is_nothing_in_every_dialect(name: str) -> None:
    said = ships(name)
    assert translate(said.gold_text, said) == ("none", "")
    assert judge(DET, said.gold_text, said).value == 1


def test_our_own_text_is_left_alone() -> None:
    own_record = record("det", "Where?", "[(1,2),(3,4)] and ] [( junk")
    assert translate(own_record.gold_text, own_record) == (own_record.gold_text, "")
    assert own(own_record) is own_record


def test_our_own_text_is_none_of_another_dialect() -> None:
    said = ships("geochat", SHIP)
    assert judge(DET, "[(125,125),(375,208),(343,375),(93,291)]", said).verdict == "syntax"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{<1><2><3>}", "syntax"),
        ("{<1><2><3><4>|<99>}", "out_of_range"),
        ("{<9><2><3><4>|<9>}", "reversed_box"),
        ("ships", "syntax"),
    ],
)
def test_a_refused_answer_bears_the_reason_of_its_dialect(text: str, reason: str) -> None:
    judged = judge(DET, text, ships("geochat", SHIP))
    assert (judged.verdict, judged.value) == (reason, 0)


def test_words_around_a_stretch_stay() -> None:
    said = ships("geochat", SHIP)
    text = f"There is one at {said.gold_text}, and none elsewhere."
    translated = translate(text, said).text
    assert translated.startswith("There is one at [(") and translated.endswith("], and none elsewhere.")


def test_a_corner_beyond_the_border_is_brought_to_it() -> None:
    said = ships("geochat", SHIP)
    text = translate("{<90><40><110><60>|<90>}", said).text
    (heard,) = decode(text, SIZE)
    assert max(x for x, _ in heard.rings[0].points) <= SIZE[0]


SEVERAL = record(
    "det",
    "Find ships and airplanes, a line each.",
    "",
    golds=(gold("ship", SHIP),),
    labels=("ship", "airplane"),
    form="several",
)


def test_one_piece_with_labels_becomes_a_line_for_each_class() -> None:
    form = dialect("rscovlm")
    text = form.encode([Spoken(SHIP, "ship")], SIZE, None)
    said = in_dialect("rscovlm", SEVERAL, text)
    assert [line.partition(": ")[0] for line in translate(text, said).text.split("\n")] == ["ship", "airplane"]
    assert judge(DET, text, said).value == 1
    other = form.encode([Spoken(SHIP, "tank")], SIZE, None)
    assert judge(DET, other, said).verdict == "unknown_label"
    assert judge(DET, "junk", said) == judge(DET, "[", said)
    assert judge(DET, "junk", said).verdict == "syntax"


def test_lines_of_classes_are_translated_line_by_line() -> None:
    text = f"ship: {dialect('fit_rs').encode([Spoken(SHIP)], SIZE, None)}\nairplane: {dialect('fit_rs').encode([], SIZE, None)}"
    said = in_dialect("fit_rs", SEVERAL, text)
    assert judge(DET, text, said).value == 1
    assert [one.label for one in hear(said, "answer").objects] == ["ship"]
    assert hear(said, "answer").troubles == ()


def test_the_ceiling_of_a_coarse_dialect_is_that_of_its_own_rounding() -> None:
    speck = box(10.8, 10.4, 11.5, 11.0)  # cut to the percents of (10.24, 9.60, 10.88, 10.56)
    plain = record("det", "Where are the ships? Use upright boxes.", "", golds=(gold("ship", speck),))
    said = in_dialect("vrsbench", plain, dialect("vrsbench").encode([Spoken(speck)], SIZE, None))
    assert judge(DET, said.gold_text, said).value == 0
    assert ceiling(DET, said.gold_text, said).value == 1
    wrong = dialect("vrsbench").encode([Spoken(box(30, 30, 40, 40))], SIZE, None)
    assert ceiling(DET, wrong, said).value == 0


def test_a_place_on_the_earth_is_no_shape() -> None:
    said = in_dialect("teochat", record("geoloc", "Where is this?", ""), "Lyon, (45.76, 4.84)")
    assert translate(said.gold_text, said) == (said.gold_text, "")


def test_words_of_another_dialect_are_heard_with_the_label_of_their_answer() -> None:
    said = ships("geochat", SHIP, SHIP_2)
    heard = hear(said, "answer")
    assert [(one.label, one.start, one.end) for one in heard.objects] == [("ship", 0, len(said.gold_text))] * 2
    broken = hear(in_dialect("geochat", said, "{<1><2><3>} (4,5)"), "answer")
    assert [trouble.reason for trouble in broken.troubles] == ["syntax", "stray_coordinates"]
    unknown = hear(in_dialect("klingon", said, "{<1>}"), "answer")
    assert [trouble.reason for trouble in unknown.troubles] == ["unknown_dialect"]


@pytest.mark.parametrize("name", dialect_names())
@given(text=st.text(alphabet='[](){}<>|,;:.-019 \nabelopqurxy_"#`/N', max_size=60))
def test_every_text_is_judged(name: str, text: str) -> None:
    for asked in (ships(name), in_dialect(name, SEVERAL, "")):
        assert isinstance(judge(DET, text, asked), Score)


def test_a_box_of_a_box_dialect_reaches_the_judge_in_its_place() -> None:
    plain = record("det", "Where are the ships? Use upright boxes.", "", golds=(gold("ship", box(8, 6, 24, 18)),))
    said = in_dialect(
        "qwen2_5_vl", plain, dialect("qwen2_5_vl").encode([Spoken(box(8, 6, 24, 18), "ship")], SIZE, None)
    )
    assert judge(DET, said.gold_text, said).parts["mean_iou"] > 0.9
