from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from georsmllm import taxonomy
from georsmllm.contracts import AskOptions, Built, Refusal
from georsmllm.instruct_data.tasks.tags import TASK, decidable
from georsmllm.types import ImageRef, Instruction, Record, Sample, Target, Text, Window, box

Recorder = Callable[[Instruction], Record]

LOVEDA = ("agricultural land", "background", "bare land", "building", "forest", "road", "water")
SURE = ("bare land", "building", "cropland", "forest", "road", "water")


def band(label: str, height: float, ignore: str | None = None) -> Target:
    """An area over the whole width of a view of 100 x 100, so that its height is its share in per cent."""
    return Target(0, label, box(0, 0, 100, height), ignore=ignore)


def cover(*targets: Target, dataset: str = "loveda", exhaustive: tuple[str, ...] = LOVEDA) -> Sample:
    image = ImageRef("1.png", 100, 100)
    return Sample("loveda/1", dataset, "", f"{dataset}/1", (image,), targets, classes=LOVEDA, exhaustive=exhaustive)


def scene(*names: str, dataset: str = "resisc45") -> Sample:
    texts = tuple(Text("scene", name) for name in names)
    return Sample("r/1", dataset, "", "scene_folder/1", (ImageRef("1.png", 256, 256),), texts=texts)


def built(view: Sample, seed: int = 0, *templates: str) -> Built:
    return TASK.build(view, Random(seed), AskOptions(templates=templates))


def only(view: Sample, seed: int = 0, *templates: str) -> Instruction:
    (one,) = built(view, seed, *templates).instructions
    return one


def test_a_view_without_land_cover_or_scene_class_is_not_asked() -> None:
    assert built(cover(dataset="dota")) == Built()


def test_a_view_of_background_has_no_cover() -> None:
    one = only(cover(band("background", 100)))
    assert (one.id, one.form, one.answer, one.negative, one.targets) == (
        "loveda/1#tags-coarse",
        "coarse",
        ("none",),
        True,
        (),
    )
    assert sorted(one.labels) == list(SURE)


def test_the_covers_are_answered_by_falling_area() -> None:
    view = cover(band("building", 10), band("agricultural land", 40), band("background", 20), band("forest", 30))
    one = only(view)
    assert (one.answer, one.targets, one.negative) == (("cropland, forest, building",), (0, 1, 3), False)


def test_the_areas_of_a_cover_add_up_and_specks_count_but_are_not_asked() -> None:
    view = cover(band("water", 10), band("forest", 6), band("forest", 5), band("forest", 0.5, "under_size"))
    one = only(view)
    assert (one.answer, one.targets) == (("forest, water",), (0, 1, 2))


@pytest.mark.parametrize(
    ("height", "answer"), [(0.5, "none"), (0.99, "none"), (1.0, "water"), (1.01, "water"), (100.0, "water")]
)
def test_a_cover_of_one_per_cent_is_there(height: float, answer: str) -> None:
    assert only(cover(band("water", height))).answer == (answer,)


def test_equal_areas_are_ordered_by_name_whatever_the_seed() -> None:
    view = cover(band("water", 20), band("forest", 20), band("road", 20))
    assert {only(view, seed).answer for seed in range(10)} == {("forest, road, water",)}
    assert len({only(view, seed).labels for seed in range(10)}) > 5


def test_the_wording_names_the_choices_in_the_order_of_the_labels() -> None:
    one = only(cover(band("water", 20)), 1, "From {covers}?")
    assert one.prompt == (f"From {', '.join(one.labels)}?",)


def test_a_dataset_under_another_name_is_known_by_its_scene() -> None:
    assert only(replace(cover(band("water", 20)), dataset="mine")).answer == ("water",)


def test_what_is_only_asked_elsewhere_or_unsure_is_refused_by_name() -> None:
    result = built(cover(band("background", 50), band("water", 50)))
    assert result.refusals == (Refusal("background", "no_sure_cover", (0,)),)
    assert built(cover(band("water", 9), exhaustive=("water",))).refusals == (Refusal("water", "too_few_covers", (0,)),)
    pair = replace(cover(band("water", 9)), images=cover().images * 2)
    assert built(pair) == Built(refusals=(Refusal("water", "two_images", (0,)),))


@pytest.mark.parametrize(
    ("dataset", "tags"),
    [
        ("loveda", ("building", "road", "water", "cropland", "forest", "bare land")),
        ("openearthmap", ("building", "water", "cropland", "grassland", "bare land")),
        ("deepglobe_landcover", ("water", "cropland", "forest", "grassland", "bare land")),
        ("isprs", ("building",)),
        ("landcoverai", ("building", "road", "water", "forest")),
        ("nowhere", ()),
    ],
)
def test_only_tags_that_the_dataset_decides_are_asked(dataset: str, tags: tuple[str, ...]) -> None:
    table = taxonomy.coarse_table(dataset)
    assert decidable(table, tuple(table)) == tags
    assert decidable(table, ()) == ()


def test_one_class_that_is_not_exhaustive_takes_its_tag_away() -> None:
    table = taxonomy.coarse_table("gid15")
    assert "water" in decidable(table, tuple(table))
    assert "water" not in decidable(table, tuple(label for label in table if label != "pond"))


@pytest.mark.parametrize(
    ("view", "form", "answer"),
    [
        (scene("airport"), "levels", "Level-1: Transportation Land; Level-2: Airport"),
        (scene("Circular_farmland"), "levels", "Level-1: Cultivated Land; Level-2: Irrigated Land"),
        (scene("dense_residential"), "level1", "Level-1: Residential Land"),
        (
            scene("Park", dataset="aid"),
            "levels",
            "Level-1: Public Administration & Service Land; Level-2: Park & Green Space",
        ),
    ],
)
def test_a_scene_is_answered_at_the_levels_that_its_class_decides(view: Sample, form: str, answer: str) -> None:
    one = only(view)
    assert (one.form, one.answer, one.targets, one.negative) == (form, (answer,), (), False)
    assert one.id == f"r/1#tags-{form}:{one.labels[0].replace(' ', '_')}"


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (scene("ship"), "outside_taxonomy"),
        (scene("tennis_court"), "ambiguous_use"),
        (scene("volcano"), "no_crosswalk"),
        (scene("airport", dataset="mine"), "no_crosswalk"),
        (replace(scene("airport"), images=(ImageRef("1.png", 9, 9, Window(0, 0, 9, 9)),)), "cut_view"),
    ],
)
def test_a_scene_whose_use_is_open_is_refused_by_name(view: Sample, reason: str) -> None:
    (refusal,) = built(view).refusals
    assert (refusal.reason, refusal.targets) == (reason, ())
    assert built(view).instructions == ()


def test_a_view_of_two_scenes_is_refused() -> None:
    assert [refusal.reason for refusal in built(scene("airport", "runway")).refusals] == ["several_scenes"] * 2


def test_the_wordings_of_the_land_use_name_every_class() -> None:
    (words,) = only(scene("dense residential"), 0, "{uses}").prompt
    assert words == "; ".join(above.name for above in taxonomy.land_use())
    (words,) = only(scene("airport"), 0, "{tree}").prompt
    assert isinstance(words, str)
    assert words.startswith("Cultivated Land (Paddy Field / Irrigated Land / Dry Land); Garden Land (")
    assert all(below.name in words for above in taxonomy.land_use() for below in above.children)


@pytest.mark.parametrize(
    ("text", "verdict", "value", "exact_match", "in_order"),
    [
        ("", "empty", 0.0, 0.0, 0.0),
        ("none", "ok", 0.0, 0.0, 0.0),
        ("forest, water", "ok", 1.0, 1.0, 1.0),
        (" Forest ,WATER.\n", "ok", 1.0, 1.0, 1.0),
        ("water, forest", "ok", 1.0, 1.0, 0.0),
        ("forest", "ok", 2 / 3, 0.0, 0.0),
        ("forest, road", "ok", 0.5, 0.0, 0.0),
        ("forest, water, road, building", "ok", 2 / 3, 0.0, 0.0),
        ("forest, forest", "repeated_tag", 0.0, 0.0, 0.0),
        ("forest, tundra", "unknown_tag", 0.0, 0.0, 0.0),
        ("forest and water", "unknown_tag", 0.0, 0.0, 0.0),
        ("forest, ", "unknown_tag", 0.0, 0.0, 0.0),
        ("grassland", "unknown_tag", 0.0, 0.0, 0.0),
    ],
)
def test_covers_are_judged_as_a_set(
    text: str, verdict: str, value: float, exact_match: float, in_order: float, record_of: Recorder
) -> None:
    judged = TASK.score(text, record_of(only(cover(band("forest", 60), band("water", 30)))))
    assert (judged.verdict, judged.value) == (verdict, pytest.approx(value))
    assert judged.parts == {"exact_match": exact_match, "in_order": in_order}


@pytest.mark.parametrize(("text", "verdict", "value"), [("none", "ok", 1.0), ("water", "ok", 0.0), ("", "empty", 0.0)])
def test_no_cover_is_judged_too(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    judged = TASK.score(text, record_of(only(cover())))
    assert (judged.verdict, judged.value) == (verdict, value)


@pytest.mark.parametrize(
    ("text", "verdict", "value", "parts"),
    [
        ("Level-1: Transportation Land; Level-2: Airport", "ok", 1.0, (1.0, 1.0)),
        ("Level-1: Transportation Land; Level-2: Port", "ok", 0.5, (1.0, 0.0)),
        ("Level-1: Transportation Land; Level-2: Lake", "inconsistent", 0.5, (1.0, 0.0)),
        ("Level-1: Other Land; Level-2: Airport", "inconsistent", 0.0, (0.0, 0.0)),
        ("Level-1: Transportation Land; Level-2: Moon", "unknown_level2", 0.5, (1.0, 0.0)),
        ("Level-1: Transportation Land", "missing_level2", 0.5, (1.0, 0.0)),
        ("Level-1: Moon; Level-2: Airport", "unknown_level1", 0.0, (0.0, 0.0)),
        ("Airport", "bad_form", 0.0, (0.0, 0.0)),
    ],
)
def test_both_levels_are_judged(
    text: str, verdict: str, value: float, parts: tuple[float, float], record_of: Recorder
) -> None:
    judged = TASK.score(text, record_of(only(scene("airport"))))
    assert (judged.verdict, judged.value) == (verdict, value)
    assert judged.parts == {"level1_accuracy": parts[0], "level2_accuracy": parts[1]}


@pytest.mark.parametrize(
    ("text", "verdict", "value"),
    [
        ("Level-1: Residential Land", "ok", 1.0),
        ("level-1: residential.", "ok", 1.0),
        ("Level-1: Special Land", "ok", 0.0),
        ("Level-1: Residential Land; Level-2: Urban Residential", "wrong_form", 0.0),
        ("Level-1: Residential Land; Level-2: Lake", "inconsistent", 0.0),
        ("Residential Land", "bad_form", 0.0),
    ],
)
def test_one_level_is_judged(text: str, verdict: str, value: float, record_of: Recorder) -> None:
    judged = TASK.score(text, record_of(only(scene("dense residential"))))
    assert (judged.verdict, judged.value) == (verdict, value)


@pytest.mark.parametrize("dataset", taxonomy.crosswalk_names())
def test_the_gold_of_every_scene_class_scores_one(dataset: str, record_of: Recorder) -> None:
    for name in taxonomy.crosswalk_table(dataset):
        for one in built(scene(name, dataset=dataset)).instructions:
            record = record_of(one)
            assert TASK.score(record.gold_text, record).value == 1.0


@given(heights=st.lists(st.tuples(st.sampled_from(LOVEDA), st.floats(0, 50)), max_size=8), seed=st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_gold_of_any_cover_scores_one(heights: list[tuple[str, float]], seed: int, record_of: Recorder) -> None:
    record = record_of(only(cover(*(band(label, height) for label, height in heights)), seed))
    judged = TASK.score(record.gold_text, record)
    assert (judged.value, judged.parts) == (1.0, {"exact_match": 1.0, "in_order": 1.0})


@given(text=st.text() | st.from_regex(r"(forest|water|none|,| |\.){0,9}", fullmatch=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_judged(text: str, record_of: Recorder) -> None:
    judged = TASK.score(text, record_of(only(cover(band("forest", 60)))))
    assert judged.verdict in ("ok", "empty", "unknown_tag", "repeated_tag")
    assert 0.0 <= judged.value <= float(judged.verdict == "ok")
    for view in (scene("airport"), scene("dense residential")):
        assert TASK.score(text, record_of(only(view))).value == 0.0  # no such text has the form


def test_every_wording_is_a_clean_sentence_that_tells_the_form_of_the_answer() -> None:
    assert len(set(TASK.templates)) == len(TASK.templates)
    for slot, num, told in (
        ("{covers}", 12, ("1 %", "comma")),
        ("{uses}", 6, ("Level-1: name",)),
        ("{tree}", 6, ("Level-2",)),
    ):
        templates = [template for template in TASK.templates if slot in template]
        assert len(templates) == num
        assert all(word in template for template in templates for word in told)
    for template in TASK.templates:
        said = template.format_map(dict.fromkeys(("covers", "uses", "tree"), "forest, water"))
        assert said.count("forest, water") == 1
        assert said[-1] in ".?"
        assert "  " not in said
        assert said[0].isupper()
