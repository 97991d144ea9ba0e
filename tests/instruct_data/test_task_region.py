from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm.contracts import AskOptions, Limits, Refusal
from georsmllm.instruct_data.tasks.region import NOTHING_CHANGED, TASK, describe
from georsmllm.pointtext import parse
from georsmllm.types import (
    UNNAMED,
    ImageRef,
    Instruction,
    Mention,
    PointSet,
    Record,
    Ring,
    Said,
    Sample,
    Target,
    Text,
    Window,
    box,
    point,
    polygon,
    rbox,
)

Recorder = Callable[[Instruction], Record]
IMAGE = ImageRef("a.png", 1000, 1000)
SQUARE = ((100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0))
WORDINGS = AskOptions(templates=("Describe {region}.", "What changed at {pair_region}?"))


def quad(x: float, y: float, side: float = 50) -> PointSet:
    return rbox(((x, y), (x + side, y), (x + side, y + side), (x, y + side)))


def ship(x: float, y: float, **more: object) -> Target:
    return replace(Target(0, "ship", quad(x, y)), **more)  # type: ignore[arg-type]


def view(*targets: Target, images: int = 1, exhaustive: tuple[str, ...] = ()) -> Sample:
    return Sample("v/a", "v", "train", "v/a", (IMAGE,) * images, targets, exhaustive=exhaustive)


def ask(sample: Sample, options: AskOptions = WORDINGS, seed: int = 0) -> dict[str, Instruction]:
    return {i.id.partition("#")[2]: i for i in TASK.build(sample, Random(seed), options).instructions}


def said_forms(sample: Sample, key: str) -> set[str]:
    found = [part for seed in range(60) for part in ask(sample, seed=seed)[key].prompt if isinstance(part, Said)]
    return {shape.kind + "|" * bool(shape.keypoints) for said in found for shape in said.shapes}


def test_an_empty_view_asks_nothing() -> None:
    assert ask(view()) == {}


def test_one_object_is_described_by_its_class(record_of: Recorder) -> None:
    instruction = ask(view(ship(100, 100)))["region-one:ship"]
    record = record_of(instruction)
    head, _, region = record.messages[0].content.removesuffix(".").rpartition(" ")
    assert head == "<image>\n[region] Describe"
    assert len(parse(region)) == 1
    assert record.gold_text == "A ship."
    assert instruction.direction == "reverse"
    assert TASK.score(record.gold_text, record).value == 1


@pytest.mark.parametrize(
    ("shape", "forms"),
    [
        (point(5, 5), {"point"}),
        (box(10, 10, 90, 90), {"point", "box"}),
        (quad(10, 10), {"point", "box", "rbox"}),
        (polygon(Ring(SQUARE)), {"point", "box", "rbox", "box|", "polygon"}),
        (rbox(((10, 10), (20, 0), (190, 170), (180, 180))), {"point", "rbox"}),  # a bare box would hold all else
    ],
)
def test_a_region_takes_every_form_that_its_shape_has(shape: PointSet, forms: set[str]) -> None:
    assert said_forms(view(Target(0, "ship", shape)), "region-one:ship") == forms


def test_a_point_is_no_region_where_two_objects_share_it() -> None:
    sample = view(Target(0, "port", quad(0, 0, 400)), ship(180, 180))
    assert said_forms(sample, "region-one:port") == {"box", "rbox"}
    assert said_forms(sample, "region-one:ship") == {"box", "rbox"}


def test_a_group_is_described_by_its_number(record_of: Recorder) -> None:
    asked = ask(view(*(ship(60 * i, 100) for i in range(3))))
    assert record_of(asked["region-group:ship"]).gold_text == "Three ships."
    many = ask(view(*(ship(60 * i, 100) for i in range(12))))
    assert record_of(many["region-group:ship"]).gold_text == "12 ships."


@pytest.mark.parametrize(
    ("phrase", "answer"),
    [
        ("the grey ship at the quay", "The grey ship at the quay."),
        ("Find the grey ship in this image. ", "The grey ship."),
        ("ship number 7", "A ship."),
        ("★ !", "A ship."),
        ("the", "A ship."),
        ("", "A ship."),
    ],
)
def test_the_datasets_own_phrase_becomes_a_sentence(phrase: str, answer: str, record_of: Recorder) -> None:
    assert record_of(ask(view(ship(100, 100, phrase=phrase)))["region-one:ship"]).gold_text == answer


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (ship(100, 100, difficult=True), "difficult"),
        (ship(100, 100, visible=0.5), "low_visibility"),
        (Target(0, "ship", quad(100, 100, 7.9)), "too_small"),
        (Target(0, "ship", box(100, 100, 107, 200)), "too_small"),
        (Target(0, "ship", polygon(Ring(((0, 0), (10, 0), (0, 10))))), "too_small"),
    ],
)
def test_noise_is_refused_by_name(target: Target, reason: str) -> None:
    built = TASK.build(view(target), Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == (Refusal("ship", reason, (0,)),)


def test_an_object_mostly_under_another_of_its_class_is_ambiguous_unless_it_has_a_phrase() -> None:
    built = TASK.build(view(ship(100, 100), ship(110, 100)), Random(0), AskOptions())
    assert built.instructions == ()
    assert built.refusals == (Refusal("ship", "ambiguous", (0, 1)),)
    assert ask(view(ship(100, 100, phrase="the left ship"), ship(110, 100, phrase="the right ship")))


def test_named_targets_are_described_together_or_not_at_all(record_of: Recorder) -> None:
    sample = view(ship(0, 100), ship(100, 100), Target(0, "ship", quad(300, 300, 5)))
    (instruction,) = describe(sample, (0, 1), Random(0), WORDINGS).instructions
    assert (instruction.form, instruction.targets) == ("group", (0, 1))
    assert record_of(instruction).gold_text == "Two ships."
    (instruction,) = describe(sample, (1,), Random(0), WORDINGS).instructions
    assert (instruction.form, record_of(instruction).gold_text) == ("one", "A ship.")
    assert describe(sample, (0, 2), Random(0), WORDINGS).refusals == (Refusal("ship", "too_small", (2,)),)
    assert describe(sample, (0, 2), Random(0), WORDINGS).instructions == ()
    few = AskOptions(Limits(max_objects=1))
    assert describe(sample, (0, 1), Random(0), few).refusals == (Refusal("ship", "over_budget", (0, 1)),)


def test_who_is_not_drawn_is_named() -> None:
    sample = view(*(ship(60 * i, 100) for i in range(4)))
    built = TASK.build(sample, Random(0), AskOptions(Limits(max_objects=3)))
    (instruction,) = built.instructions
    assert instruction.form == "one"
    assert built.refusals == (Refusal("ship", "not_drawn", tuple(i for i in range(4) if i not in instruction.targets)),)


def test_changes_are_described_as_new_or_altered(record_of: Recorder) -> None:
    targets = [Target(1, "building", quad(100 * i, 100)) for i in range(2)]
    asked = ask(view(*targets, images=2))
    assert set(asked) == {"region-one:building", "region-group:building"}
    assert record_of(asked["region-one:building"]).gold_text == "A new or altered building."
    record = record_of(asked["region-group:building"])
    assert record.gold_text == "New or altered buildings."
    assert record.messages[0].content.startswith("<image>\n<image>\n[region] What changed at [")
    assert TASK.score("A new or altered building.", record).value < 1
    assert TASK.score("new buildings", record).value == 1


def test_a_place_without_change_lies_apart_from_every_change(record_of: Recorder) -> None:
    sample = view(Target(1, "building", quad(0, 0, 500)), images=2, exhaustive=("building",))
    for seed in range(40):
        instruction = ask(sample, seed=seed)["region-none"]
        (said,) = (part for part in instruction.prompt if isinstance(part, Said))
        assert said.shapes[0].rings[0].points[0] > (501, 501) or max(said.shapes[0].rings[0].points[0]) > 501
        assert instruction.negative
        assert record_of(instruction).gold_text == "No buildings changed here."
    everywhere = view(Target(1, "building", quad(0, 0, 1000)), images=2, exhaustive=("building",))
    assert "region-none" not in ask(everywhere)
    assert "region-none" not in ask(replace(sample, exhaustive=()))


def test_the_number_in_a_class_name_is_no_count(record_of: Recorder) -> None:
    boeing = [Target(0, "boeing 747", quad(60 * i, 100)) for i in range(2)]
    one = record_of(ask(view(boeing[0]))["region-one:boeing_747"])
    two = record_of(ask(view(*boeing))["region-group:boeing_747"])
    assert [TASK.score("One Boeing 747.", record).value for record in (one, two)] == [1, pytest.approx(1 / 3)]
    assert TASK.score("2 Boeing 747s.", two).value == 1
    assert TASK.score("A boeing 747.", two).value < 1


def test_areas_of_a_class_map_are_not_counted_as_things(record_of: Recorder) -> None:
    squares = [polygon(Ring(tuple((x + 150 * i, y) for x, y in SQUARE))) for i in range(2)]
    for label, answer in (("building", "Buildings."), ("water", "Two water areas.")):
        sample = replace(view(*(Target(0, label, shape) for shape in squares)), tags=("areas",))
        record = record_of(ask(sample)[f"region-group:{label}"])
        assert record.gold_text == answer
        assert TASK.score(answer, record).value == 1


@pytest.mark.parametrize(
    ("exhaustive", "answer"),
    [
        (("building",), "No buildings changed here."),
        (("water",), "No water areas changed here."),
        (("building", "road"), NOTHING_CHANGED),
        (("building", "★"), "No buildings changed here."),
        (("★",), None),
        ((), None),
    ],
)
def test_no_change_is_said_of_the_annotated_classes(
    exhaustive: tuple[str, ...], answer: str | None, record_of: Recorder
) -> None:
    asked = ask(view(images=2, exhaustive=exhaustive))
    assert [record_of(i).gold_text for i in asked.values()] == ([] if answer is None else [answer])
    for instruction in asked.values():
        assert TASK.score(answer or "", record_of(instruction)).value == 1
        assert "★" not in instruction.labels


@pytest.mark.parametrize(
    ("answer", "verdict", "value"),
    [
        ("Three ships.", "ok", 1.0),
        ("3 grey ships by the quay", "ok", 1.0),
        ("Two ships.", "ok", 0.5),
        ("ships", "ok", 2 / 3),
        ("Three cars.", "ok", 0.5),
        ("", "empty", 0.0),
        ("?!", "empty", 0.0),
        ("Three ships (10,20)", "coordinates", 0.0),
    ],
)
def test_scores_of_a_group(answer: str, verdict: str, value: float, record_of: Recorder) -> None:
    record = record_of(ask(view(*(ship(60 * i, 100) for i in range(3))))["region-group:ship"])
    score = TASK.score(answer, record)
    assert (score.verdict, score.value) == (verdict, pytest.approx(value))


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("No buildings changed here.", 1),
        ("Nothing changed here.", 1),
        ("There is no change.", 1),
        ("unchanged", 1),
        ("No change but a new building.", 2 / 9),
        ("A new crane.", 0),
        ("New buildings.", 1 / 3),
        ("", 0),
    ],
)
def test_scores_of_a_place_without_change(answer: str, value: float, record_of: Recorder) -> None:
    record = record_of(ask(view(images=2, exhaustive=("building",)))["region-none"])
    assert TASK.score(answer, record).value == pytest.approx(value)


def test_every_class_name_scores_one_alone_and_in_a_group(record_of: Recorder, class_names: tuple[str, ...]) -> None:
    assert len(class_names) > 50
    for name in class_names:
        for instruction in ask(view(*(Target(0, name, quad(60 * i, 100)) for i in range(2)))).values():
            record = record_of(instruction)
            score = TASK.score(record.gold_text, record)
            assert (score.value, score.parts["named"]) == (1, 1), record.gold_text
            one = TASK.score("One.", record)
            assert one.value < 1


@pytest.fixture(scope="module")
def class_names() -> tuple[str, ...]:
    from pathlib import Path

    from georsmllm.classes import canonical

    lists = msgspec.json.decode((Path(__file__).parents[1] / "data/class_lists.json").read_bytes())
    return tuple(sorted({canonical(name) for names in lists.values() for name in names}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text())
def test_no_text_breaks_the_judge(record_of: Recorder, text: str) -> None:
    score = TASK.score(text, record_of(ask(view(ship(100, 100)))["region-one:ship"]))
    assert 0 <= score.value <= 1
    assert score.verdict == "ok" or score.value == 0


def described(answer: str, *indices: int) -> Text:
    return Text("region", "", answer, (Mention("text", 0, indices),) if indices else ())


def test_a_region_that_the_dataset_describes_has_its_words_for_an_answer(record_of: Recorder) -> None:
    sample = replace(view(ship(100, 100), ship(500, 500)), texts=(described("A long ship. It is docked", 0),))
    answers = {name: record_of(one).gold_text for name, one in ask(sample, seed=3).items()}
    assert "A long ship. It is docked." in answers.values()
    assert len([answer for answer in answers.values() if "long" in answer]) == 1
    for name, one in ask(sample, seed=3).items():
        assert TASK.score(answers[name], record_of(one)).value == 1


def test_a_description_of_several_classes_at_once_is_one_question(record_of: Recorder) -> None:
    sample = replace(
        view(ship(100, 100), Target(0, "harbor", quad(300, 300))), texts=(described("A ship off a harbor", 0, 1),)
    )
    one = ask(sample)["region-group:text:0"]
    assert (one.labels, one.targets) == (("harbor", "ship"), (0, 1))
    assert record_of(one).gold_text == "A ship off a harbor."


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (replace(view(ship(100, 100)), texts=(described("A ship"),)), "mentions_nothing"),
        (replace(view(ship(100, 100)), texts=(described("A ship at (3, 4)", 0),)), "coordinates_in_text"),
        (replace(view(ship(100, 100, ignore="crowd")), texts=(described("A ship", 0),)), "mentions_ignored"),
        (replace(view(), images=(replace(IMAGE, window=Window(0, 0, 9, 9)),), texts=(described("A ship"),)), "cut_view"),
        (replace(view(ship(100, 100), images=2), texts=(described("A ship", 0),)), "on_first_image"),
        (view(replace(ship(100, 100), label=UNNAMED)), "unnamed"),
        (replace(view(replace(ship(100, 100), label="★")), texts=(described("A ship", 0),)), "unspeakable_label"),
    ],
)  # fmt: skip
def test_a_region_without_fit_words_is_refused_by_name(sample: Sample, reason: str) -> None:
    assert reason in {refusal.reason for refusal in TASK.build(sample, Random(0), AskOptions()).refusals}


def test_of_what_has_no_class_the_answer_must_name_what_the_dataset_does(record_of: Recorder) -> None:
    sample = view(replace(ship(100, 100, phrase="the grey ship at the quay"), label=UNNAMED))
    record = record_of(ask(sample)["region-one:object"])
    scores = [TASK.score(text, record).value for text in ("A ship.", "Two ships.", "An object.")]
    assert scores == [pytest.approx(0.4), 0, 0]
    bare = record_of(ask(view(replace(ship(100, 100, phrase="ship"), label=UNNAMED)))["region-one:object"])
    assert [TASK.score(text, bare).value for text in ("A ship.", "A grey ship", "Two ships.", "An object.")] == [
        1, 1, 0, 0,
    ]  # fmt: skip


def test_a_description_is_matched_by_its_words_and_not_by_its_class(record_of: Recorder) -> None:
    record = record_of(ask(view(ship(100, 100, phrase="the grey ship at the quay")))["region-one:ship"])
    assert record.gold_text == "The grey ship at the quay."
    scores = {
        text: TASK.score(text, record).value for text in ("A grey ship at a quay", "The ship.", "The white ship.")
    }
    assert list(scores.values()) == [1, pytest.approx(0.4), pytest.approx(1 / 3)]


def test_articles_are_no_description() -> None:
    assert "A." not in [str(one.answer[0]) for one in ask(view(ship(100, 100, phrase="a"))).values()]
