from __future__ import annotations

from dataclasses import replace
from random import Random
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import recorded

from georsmllm import discover
from georsmllm.contracts import AskOptions, Built, Limits, Task
from georsmllm.types import (
    ImageRef,
    Mention,
    PointSet,
    Record,
    Ring,
    Sample,
    Target,
    Text,
    box,
    polygon,
    rbox,
)

NAMES = discover.task_names()
SEEDS = range(5)
CLASSES = ("building", "harbor", "plane", "road", "ship", "small vehicle", "water")


def _quad(x: float, y: float, w: float, h: float) -> tuple[tuple[float, float], ...]:
    return (x, y), (x + w, y), (x + w, y + h), (x, y + h)


def _area(x: float, y: float, w: float, h: float) -> PointSet:
    return polygon(Ring(_quad(x, y, w, h)))


def _sample(
    name: str, *targets: Target, dataset: str = "dota", size: int = 512, images: int = 1, texts: tuple[Text, ...] = ()
) -> Sample:
    refs = tuple(ImageRef(f"{name}-{i}.png", size, size) for i in range(images))
    return Sample(
        f"{dataset}/{name}", dataset, "train", f"{dataset}/{name}", refs, targets, texts, (), CLASSES, CLASSES
    )


ROTATED = rbox(((100, 60), (160, 100), (140, 130), (80, 90)))
FRAME = polygon(Ring(_quad(200, 200, 100, 100)), Ring(_quad(220, 220, 60, 60), "-"))
SPECK = Target(0, "water", _area(500, 500, 3, 3), ignore="under_size")

WORLD = (
    _sample("empty"),
    _sample(
        "rotated", Target(0, "ship", ROTATED), *(Target(0, "plane", rbox(_quad(60 * i, 300, 40, 30))) for i in range(5))
    ),
    _sample(
        "upright", *(Target(0, "small vehicle", box(50 * i, 10, 50 * i + 20, 40)) for i in range(4)), dataset="coco"
    ),
    _sample("phrases", Target(0, "ship", ROTATED, phrase="the long ship by the quay"), dataset="rrsis"),
    _sample("many", *(Target(0, "ship", rbox(_quad(16 * (i % 30), 16 * (i // 30), 10, 10))) for i in range(150))),
    _sample(
        "ignored",
        Target(0, "ship", ROTATED, ignore="difficult"),
        Target(0, "ship", rbox(_quad(300, 300, 50, 20))),
        Target(0, "harbor", rbox(_quad(400, 300, 50, 20)), difficult=True),
    ),
    _sample("tiny", Target(0, "ship", rbox(_quad(100.2, 100.2, 0.3, 0.3))), size=4096),
    _sample(
        "areas",
        Target(0, "water", FRAME),
        Target(0, "water", _area(10, 10, 90, 40)),
        SPECK,
        *(Target(0, "building", _area(40 * i, 400, 20 + i, 20)) for i in range(4)),
        dataset="loveda",
    ),
    _sample("scene", dataset="scene_folder", texts=(Text("scene", "harbor"),)),
    _sample("unchanged", dataset="levir_cd", images=2),
    _sample(
        "changed",
        Target(1, "building", _area(20, 20, 30, 40)),
        Target(1, "building", polygon(Ring(((100, 20), (160, 50), (140, 90), (90, 60))))),
        Target(1, "building", _area(400, 440, 3, 3), ignore="under_size"),
        dataset="levir_cd",
        images=2,
    ),
    _sample(
        "told",
        Target(0, "ship", ROTATED),
        Target(0, "harbor", rbox(_quad(300, 300, 90, 40))),
        texts=(
            Text(
                "caption",
                "a ship lies off the harbor .",
                mentions=(Mention("text", 7, (0,)), Mention("text", 26, (1,))),
            ),
            Text("caption", "A ship has left the quay. It is long."),
            Text("question", "Is there a ship?", "Yes.", topic="presence"),
            Text("question", "How many ships are there?", "1"),
            Text("question", "Is it a rural or an urban area", "rural"),
            Text("question", "What is this thing?", "a long ship", mentions=(Mention("text", 18, (0,)),)),
            Text("question", "What lies where?", "A ship off the harbor.", mentions=(Mention("answer", 6, (0,)),)),
            Text("relation", "What lies off this quay?", "", (Mention("text", 23, (1,)), Mention("answer", 0, (0,)))),
            Text("relation", "How does this lie to the quay?", "It lies off it", (Mention("text", 13, (0,)),)),
            Text(
                "relation",
                "Name it, and what it lies off.",
                "A ship is off it.",
                (Mention("text", 7, (0,)), Mention("answer", 6, (0,))),
            ),
            Text("relation", "What lies inside of this?", "", (Mention("text", 24, (1,)),)),
            Text("question", "Why is it there?", "Because the quay of the harbor is too short for it."),
        ),
    ),
    _sample(
        "referred",
        Target(0, "object", ROTATED),
        Target(0, "object", rbox(_quad(300, 300, 90, 40)), phrase="the quay on the right side"),
        Target(0, "ship", rbox(_quad(400, 100, 60, 20)), phrase="★"),
        texts=(
            Text("expression", "Find the long ship.", mentions=(Mention("answer", 0, (0,)),)),
            Text("expression", "the two grey things", mentions=(Mention("answer", 0, (1, 2)),)),
            Text("expression", "which place could shelter boats?", mentions=(Mention("answer", 0, (1,)),)),
            Text("expression", "the red crane"),
            Text("region", "", "A long grey ship off the quay", (Mention("text", 0, (0,)),)),
            Text("region", "", "Two things at (3, 4)", (Mention("text", 0, (0, 1)),)),
        ),
    ),
    _sample(
        "outlined",
        Target(0, "object", polygon(*_area(10, 10, 90, 40).rings, *_area(200, 10, 60, 40).rings)),
        texts=(
            Text("expression", "the old lake", mentions=(Mention("answer", 0, (0,)),)),
            Text("expression", "What holds back floods?", mentions=(Mention("answer", 0, (0,)),)),
            Text("expression", "the red barn"),
        ),
    ),
    _sample(
        "told-apart",
        Target(1, "building", _area(20, 20, 30, 40)),
        Target(1, "building", _area(120, 20, 30, 40)),
        images=2,
        texts=(Text("caption", "many villas are built"), Text("caption", "Houses appear.")),
    ),
    _sample("told-alike", images=2, texts=(Text("caption", "the scene is the same as before ."),)),
    replace(
        _sample("mapped", texts=(Text("place", "Köln"),)),
        images=(ImageRef("m.tif", 512, 512, None, (0.5, 0, 346000, 0, -0.5, 5648000), "EPSG:25832"),),
    ),
    replace(
        _sample("turned"), images=(ImageRef("t.tif", 512, 512, None, (0.3, 0.2, 5000, 0.2, -0.3, -9000), "EPSG:3857"),)
    ),
)


def _built(task: Task) -> list[tuple[Sample, Built]]:
    return [(view, task.build(view, Random(seed), AskOptions())) for view in WORLD for seed in SEEDS]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def task(name: str) -> Task:
    return discover.task(name)


def test_there_are_tasks() -> None:
    assert {"change", "det", "region", "seg"} <= set(NAMES)


def test_a_task_finds_something_to_ask_in_the_world(name: str, task: Task) -> None:
    instructions = [i for _, built in _built(task) for i in built.instructions]
    assert instructions
    assert {i.task for i in instructions} == {name}


def test_the_same_view_and_numbers_give_the_same_questions(task: Task) -> None:
    assert _built(task) == _built(task)


def test_ids_are_unique_and_name_view_task_and_form(name: str, task: Task) -> None:
    for view, built in _built(task):
        ids = [i.id for i in built.instructions]
        assert len(set(ids)) == len(ids)
        assert all(i.id.startswith(f"{view.id}#{name}-{i.form}") for i in built.instructions)


def test_wordings_are_many_distinct_and_plain(task: Task) -> None:
    slots = [frozenset(slot for _, slot, _, _ in Formatter().parse(t) if slot is not None) for t in task.templates]
    assert len(set(task.templates)) == len(task.templates)
    assert len(slots) >= 12
    for form in set(slots):
        assert slots.count(form) >= 6, sorted(form)
    for template, names in zip(task.templates, slots, strict=True):
        assert all(name.isidentifier() for name in names)
        assert template == " ".join(template.split())
        assert template[0].isupper() or template[0] == "{"
        assert template[-1] in ".?!"
        assert "<image>" not in template
        assert "[" not in template


def test_a_persons_wordings_take_the_place_of_the_tasks_own(task: Task) -> None:
    own = {t: f"Xyz {t}" for t in task.templates}
    options = AskOptions(templates=tuple(own.values()))
    for view in WORLD:
        for instruction in task.build(view, Random(0), options).instructions:
            assert isinstance(instruction.prompt[0], str)
            assert instruction.prompt[0].startswith("Xyz ")


def test_gold_text_reaches_the_ceiling(task: Task) -> None:
    for _, built in _built(task):
        for instruction in built.instructions:
            record = recorded(instruction)
            score = task.score(record.gold_text, record)
            assert score.verdict == "ok", (instruction.id, record.gold_text)
            assert score.value >= task.ceiling, (instruction.id, record.gold_text)


def test_questions_are_plain_words_without_tag_or_image_token(task: Task) -> None:
    for _, built in _built(task):
        for instruction in built.instructions:
            for part in instruction.prompt:
                if isinstance(part, str):
                    assert "<image>" not in part
                    assert "{" not in part
                    assert "_" not in part


def test_every_target_is_asked_refused_or_ignored(name: str, task: Task) -> None:
    if all(i.direction == "" for _, built in _built(task) for i in built.instructions):
        pytest.skip(f"{name} asks about whole scenes or sums, not about where each target is")
    for view, built in _built(task):
        asked = {i for instruction in built.instructions for i in instruction.targets}
        refused = {i for refusal in built.refusals for i in refusal.targets}
        ignored = {i for i, target in enumerate(view.targets) if target.ignore is not None}
        assert asked | refused | ignored == set(range(len(view.targets))), view.id
        assert not asked & ignored
        assert all(refusal.reason for refusal in built.refusals)


@pytest.mark.parametrize("label", ["", "★", "???", "the", "pier (12, 5)"])
def test_a_class_whose_name_is_no_words_is_refused_by_that_name(task: Task, label: str) -> None:
    if not any(i.labels for _, built in _built(task) for i in built.instructions):
        pytest.skip("its questions are about no class")
    known = {"classes": (label, "harbor"), "exhaustive": (label, "harbor")}
    worlds = (
        _sample("rotated", Target(0, label, ROTATED), Target(0, label, rbox(_quad(300, 300, 50, 20)))),
        _sample("areas", Target(0, label, FRAME), Target(0, label, _area(10, 10, 90, 40))),
        _sample("absent", Target(0, "harbor", FRAME)),
        _sample("scene", dataset="scene_folder", texts=(Text("scene", label),)),
        _sample("changed", Target(1, label, _area(20, 20, 30, 40)), images=2),
    )
    reasons: set[str] = set()
    for view in worlds:
        for seed in SEEDS:
            built = task.build(replace(view, **known), Random(seed), AskOptions())
            assert all(label not in i.labels for i in built.instructions if i.form != "coarse"), view.id
            reasons |= {refusal.reason for refusal in built.refusals if refusal.label == label}
    assert "unspeakable_label" in reasons or task.title == "Land-cover and land-use tags"


def test_answers_keep_to_the_budget(task: Task) -> None:
    limits = Limits(max_objects=3, max_points=40, max_ring_points=16)
    for view in WORLD:
        for instruction in task.build(view, Random(1), AskOptions(limits)).instructions:
            assert sum(len(said.shapes) for said in instruction.gold) <= 3, instruction.id
            record = recorded(instruction)
            assert task.score(record.gold_text, record).value >= task.ceiling


@settings(deadline=None, max_examples=30)
@given(st.text() | st.text(alphabet="[](),;:|+-none0123456789\nship ", max_size=80))
def test_any_text_is_judged(text: str) -> None:
    for task, records in _one_record_a_form().items():
        for record in records:
            score = task_named(task).score(text, record)
            assert 0 <= score.value <= 1
            assert score.verdict == "ok" or score.value == 0


@pytest.mark.parametrize("text", ["", "none", "[" * 100_000, "[(1,2),(3,4)];" * 6_000, "a" * 100_000, "\0\ud800"])
def test_long_and_broken_answers_are_judged(text: str) -> None:
    for task, records in _one_record_a_form().items():
        for record in records:
            score = task_named(task).score(text, record)
            assert 0 <= score.value <= 1
            assert score.parts.keys() == task_named(task).score(record.gold_text, record).parts.keys()


def task_named(name: str) -> Task:
    return discover.task(name)


_RECORDS: dict[str, list[Record]] = {}


def _one_record_a_form() -> dict[str, list[Record]]:
    if not _RECORDS:
        for name in NAMES:
            forms = {i.form: i for _, built in _built(discover.task(name)) for i in built.instructions}
            _RECORDS[name] = [recorded(forms[form]) for form in sorted(forms)]
    return _RECORDS
