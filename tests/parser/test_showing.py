"""A plan as people read it: which step does what, what feeds it, which one is the answer."""

from __future__ import annotations

import msgspec
import pytest

from georsmllm.parser.plan import Plan, Relation
from georsmllm.parser.prompting import examples
from georsmllm.parser.showing import condition, dot, lines

PLANS = {example.query: example.plan for example in examples()}
REPLACED = "Which new greenhouses stand where there was orchard before?"


def test_a_single_step():
    assert lines(PLANS["show me the helipads"]) == [
        "s1  detect            helipads",
        "      Detect all helipads.",
        "=>  s1 is the answer (boxes)",
    ]


def test_steps_say_what_feeds_them():
    assert lines(PLANS["Find the orange buses within 100 m of the train station."]) == [
        "s1  detect            buses",
        "      Detect all buses.",
        "s2  filter_attribute  color = orange     <- s1",
        "      From s1, keep the orange buses.",
        "s3  detect            the train station  (anchor)",
        "      Detect the train station.",
        "s4  filter_relation   within 100 m       <- s2, anchor s3",
        "      From s2, keep the buses within 100 m of s3.",
        "=>  s4 is the answer (boxes)",
    ]


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("Where are the three longest barges west of the lock?", "s4  compare           the 3 greatest by length  <- s3"),
        ("tennis courts that do not adjoin a swimming pool", "s3  filter_relation   not adjacent to  <- s1, anchor s2"),
        ("Outline all orchards and also the vineyards east of the stream.", "s5  combine           union       <- s1, s4"),
        ("Outline all orchards and also the vineyards east of the stream.", "s6  segment           outlines    <- s5"),
        ("Are there more trucks than cars on the ferry?", "s4  count             how many                      <- s3"),
        ("Are there more trucks than cars on the ferry?", "s8  compare           value greater than the other  <- s4, s7"),
        (REPLACED, "s1  change            greenhouses: appeared (images A and B)"),
        (REPLACED, "s2  segment           orchards in image A                     (anchor)"),
    ],
)  # fmt: skip
def test_conditions_in_a_few_words(query, row):
    assert row in lines(PLANS[query])


def test_what_a_language_model_wrote_cannot_move_the_cursor():
    plan = PLANS["show me the helipads"]
    step = msgspec.structs.replace(plan.steps[0], target='kilns"\x1b[2J\n', text="Detect\r\x07 all.")
    evil = msgspec.structs.replace(plan, steps=(step,))
    assert all(line.isprintable() for line in lines(evil))
    assert all(line.isprintable() for line in dot(evil).splitlines())
    assert 's1 detect\\nkilns\\"' in dot(evil)


def test_a_drawing_has_every_step_and_edge():
    drawn = dot(PLANS["Find the orange buses within 100 m of the train station."]).splitlines()
    assert drawn[2:] == [
        '  s1 [label="s1 detect\\nbuses"];',
        '  s2 [label="s2 filter_attribute\\ncolor = orange"];',
        '  s3 [label="s3 detect\\nthe train station", style="dashed"];',
        '  s4 [label="s4 filter_relation\\nwithin 100 m", peripheries=2];',
        "  s1 -> s2;",
        "  s2 -> s4;",
        "  s3 -> s4 [style=dashed];",
        "}",
    ]


def test_every_ideal_plan_is_shown(real):
    for line in real("condition_queries.jsonl").read_text().splitlines():
        plan = msgspec.json.decode(line, type=Plan)
        assert len(lines(plan)) == 2 * len(plan.steps) + 1
        assert not any("None" in row for row in lines(plan))


@pytest.mark.parametrize(
    ("side", "words"), [("east", "on the east side of"), ("both", "on both sides of"), (None, "on side of")]
)
def test_sides_in_words(side, words):
    plan = PLANS["tennis courts that do not adjoin a swimming pool"]
    relation = Relation("on_side_of", False, None, None, side)
    assert condition(msgspec.structs.replace(plan.steps[2], relation=relation)) == words
