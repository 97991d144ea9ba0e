"""A session from the query to the result, with the real planner and executor, on a model that sees colours."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from blobs import BlobEngine, painted

from georsmllm import loading
from georsmllm.discover import task
from georsmllm.errors import UsageError
from georsmllm.found import Watch
from georsmllm.geometry import bounds
from georsmllm.images import AUTO
from georsmllm.looking import Viewing
from georsmllm.maskdecoder import PolygonDecoder
from georsmllm.parser.planning import Language
from georsmllm.result import Maker
from georsmllm.session import Asking, Session
from georsmllm.types import Message

PLANE, RIVER, SHIP = (240, 240, 240), (40, 80, 200), (220, 60, 60)
COLOURS = {"airplane": PLANE, "river": RIVER, "ship": SHIP}
WORLD = [
    (RIVER, (190, 0, 210, 300)),
    (PLANE, (40, 40, 70, 60)),
    (PLANE, (300, 50, 330, 70)),
    (PLANE, (350, 200, 370, 214)),
]


def session(engine=None, *, decoder=None, **viewing) -> tuple[Session, BlobEngine]:
    engine = engine or BlobEngine(COLOURS)
    return Session(
        engine,
        title="blobs",
        maker=Maker("m" * 64, version="0"),
        make_plan=loading.planning(Language("embedded")),
        execute=loading.executed,
        decoder=decoder or PolygonDecoder(),
        task_of=task,
        viewing=Viewing(**viewing),
        stretch=AUTO,
    ), engine


def boxes(result) -> list[tuple[int, ...]]:
    return sorted(tuple(round(v) for v in bounds(shape)) for shape in result.points)


EAST = "planes on the east bank of the river"


def test_the_paper_s_example():
    asked, engine = session()
    result = asked.ask(painted((400, 300), WORLD), EAST)
    assert boxes(result) == [(300, 50, 330, 70), (350, 200, 370, 214)]
    assert result.text == "2 airplanes."
    assert [step.outputs != () for step in result.outcome.steps] == [True, True, True]
    assert engine.asked == ["[det] Where are the airplanes?", "[seg] Segment all rivers in this image."]
    assert result.maker.planner == "embedded"
    assert result.maker.decoder == PolygonDecoder.title
    assert len(result.masks) == 2
    assert "no affine and no CRS: answers are in pixels" in result.notices


def test_a_large_scene_gives_the_same_answer_tile_by_tile():
    asked, engine = session(tile_px=160, overlap_px=40)
    result = asked.ask(painted((400, 300), WORLD), EAST)
    assert boxes(result) == [(300, 50, 330, 70), (350, 200, 370, 214)]
    assert len(engine.asked) > 10


@pytest.mark.parametrize(
    ("query", "text", "value"),
    [
        ("How many planes are there?", "3 airplanes.", 3),
        ("How many ships are there?", "0.", 0),
        ("Is there a river?", "Yes.", True),
        ("Is there a ship?", "No.", False),
    ],
)
def test_numbers_and_yes_or_no(query, text, value):
    asked, _ = session()
    result = asked.ask(painted((400, 300), WORLD), query)
    assert result.outcome.value == value
    assert type(result.outcome.value) is type(value)
    assert result.text.startswith(text)


def test_a_reference_that_is_not_there_says_so():
    asked, _ = session()
    result = asked.ask(painted((400, 300), WORLD[1:]), EAST)
    assert result.findings == ()
    assert result.outcome.reason == "ANCHOR_NOT_FOUND"
    assert result.text == 'None. "Detect the river." found nothing, and what is asked is related to it.'


def test_an_answer_off_format_is_nothing_and_is_told():
    asked, _ = session(BlobEngine(COLOURS, broken=True))
    result = asked.ask(painted((400, 300), WORLD), "planes")
    assert result.findings == ()
    assert result.outcome.reason == "UNREADABLE"
    assert "could not be read" in result.outcome.steps[0].note


def test_a_query_without_a_condition_is_asked_in_words_with_a_notice():
    asked, engine = session()
    result = asked.ask(painted((64, 64), []), "hello there")
    assert result.text == "A plain."
    assert result.outcome.answer_type == "text"
    assert result.plan is None
    assert any("the model was asked in words" in line for line in result.notices)
    assert engine.asked[0].startswith("[vqa] hello there")


def test_a_tag_asks_the_model_as_it_is():
    asked, engine = session()
    result = asked.ask(painted((400, 300), WORLD), "[seg] Segment all airplanes.")
    assert len(result.findings) == 3
    assert engine.asked == ["[seg] Segment all airplanes."]
    assert result.outcome.answer_type == "masks"


def test_an_unknown_tag_is_one_line():
    asked, _ = session()
    with pytest.raises(UsageError, match="no task is called 'sing'"):
        asked.ask(painted((64, 64), []), "[sing] la")


def test_a_visual_prompt_limits_what_is_looked_at():
    asked, _ = session()
    result = asked.ask(painted((400, 300), WORLD), "planes", box=(380.0, 220.0, 280.0, 190.0))
    assert boxes(result) == [(350, 200, 370, 214)]


def test_a_visual_prompt_and_no_condition_describes_the_place():
    asked, engine = session()
    result = asked.ask(painted((400, 300), WORLD), "hello", box=(0.0, 0.0, 200.0, 150.0))
    assert result.text == "A plain."
    assert engine.asked == ["[region] Describe [(0,0),(500,500)]."]


@pytest.mark.parametrize(
    ("query", "box", "message"),
    [
        ("", None, "an empty query"),
        ("   \n", None, "an empty query"),
        ("x" * 2001, None, "a query of 2001 characters"),
        ("planes", (1.0, 1.0, 1.2, 9.0), "less than a pixel"),
        ("planes", (500.0, 0.0, 900.0, 90.0), "less than a pixel"),
        ("planes", (float("nan"), 0.0, 9.0, 9.0), "finite"),
    ],
)
def test_bad_input_is_one_line(query, box, message):
    asked, _ = session()
    with pytest.raises(UsageError, match=message):
        asked.ask(painted((400, 300), WORLD), query, box=box)


def test_a_pair_must_lie_on_one_grid():
    asked, _ = session()
    with pytest.raises(UsageError):
        asked.ask(painted((400, 300), WORLD), "new planes", image_b=painted((200, 150), []))


def test_what_is_new_on_the_second_image():
    asked, _ = session()
    after = [*WORLD, (PLANE, (100, 240, 130, 260))]
    result = asked.ask(painted((400, 300), WORLD), "planes that appeared", image_b=painted((400, 300), after))
    assert boxes(result) == [(100, 240, 130, 260)]
    assert {one.image for one in result.findings} == {1}


def test_steps_plan_and_progress_are_told_as_they_happen():
    told: list[str] = []
    watch = Watch(
        plan=lambda plan: told.append(f"plan of {len(plan['steps'])}"),
        step=lambda step: told.append(step.id),
        progress=lambda what, done, total: told.append(f"{what} {done}/{total}"),
    )
    asked, _ = session()
    asked.ask(painted((400, 300), WORLD), EAST, watch=watch)
    assert told == ["plan of 3", "s1: airplanes 1/1", "s1", "s2: rivers 1/1", "s2", "s3"]


def test_whoever_is_told_may_end_the_ask():
    class Gone(Exception):
        pass

    def gone(step: object) -> None:
        raise Gone

    asked, engine = session()
    with pytest.raises(Gone):
        asked.ask(painted((400, 300), WORLD), EAST, watch=Watch(step=gone))
    assert len(engine.asked) == 1
    with pytest.raises(Gone):
        asked.ask(painted((400, 300), WORLD), EAST, watch=Watch(tick=lambda: gone(None)))
    assert len(engine.asked) == 1  # between its tokens, before it said anything


def test_a_person_s_own_plan_is_walked():
    plan = {
        "steps": [
            {
                "id": "s1", "type": "detect", "role": "target", "text": "Detect all ships.", "inputs": [], "anchors": [],
                "image": "single", "target": "ships", "attribute": None, "relation": None, "compare": None, "change": None,
                "combine": None,
            }
        ],
        "answer_from": "s1",
        "answer_type": "boxes",
    }  # fmt: skip
    asked, _ = session()
    scene = asked.scene(painted((400, 300), [(SHIP, (10, 10, 50, 30))]))
    result = asked.asked([scene], "whatever", Asking(plan=loading.plan_of(json.dumps(plan))))
    assert boxes(result) == [(10, 10, 50, 30)]
    assert result.maker.planner == "by hand"
    with pytest.raises(UsageError, match="the plan: not a plan"):
        loading.plan_of("{}")


def test_no_masks_where_none_are_wanted():
    asked, _ = session()
    scene = asked.scene(painted((400, 300), WORLD))
    result = asked.asked([scene], "planes", Asking(masks=False))
    assert result.masks == ()
    assert result.maker.decoder == ""


def test_sam_2_outlines_the_answer_and_encodes_the_image_once():
    from georsmllm import sam_tiny
    from georsmllm.sam import Sam2Decoder

    decoder = Sam2Decoder(sam_tiny.model(), "tiny")
    asked, _ = session(decoder=decoder)
    result = asked.ask(painted((400, 300), WORLD), EAST)
    assert result.maker.decoder == "SAM 2 (tiny)"
    assert all(one.mask_score is not None for one in result.findings)
    assert decoder.num_encodings == 1  # of the river's outline and of the planes' alike


def test_metres_and_north_come_from_the_affine(tmp_path):
    """Turned by 90 degrees: what lies to the right in the picture lies south on the ground."""
    pixels = np.asarray(painted((400, 300), WORLD)).transpose(2, 0, 1)
    affine = rasterio.Affine(0, -0.5, 500_000, -0.5, 0, 5_000_000)
    with rasterio.open(
        tmp_path / "scene.tif", "w", driver="GTiff", width=400, height=300, count=3, dtype="uint8", crs="EPSG:32631",
        transform=affine, photometric="RGB",
    ) as out:  # fmt: skip
        out.write(pixels)
    asked, _ = session()
    south = asked.ask(tmp_path / "scene.tif", "planes south of the river")
    assert boxes(south) == [(300, 50, 330, 70), (350, 200, 370, 214)]
    told: dict = south.to_dict()
    (row,) = told["areas"]
    assert (row["class"], row["count"], row["area_px"]) == ("airplane", 2, 880.0)
    assert row["area_m2"] == pytest.approx(220.0, rel=2e-3)
    near = asked.ask(tmp_path / "scene.tif", "planes within 50 m of the river")
    assert boxes(near) == [(300, 50, 330, 70)]


def test_the_model_decides_what_only_the_image_shows():
    asked, engine = session(BlobEngine({"ship": SHIP, "airplane": PLANE}))
    result = asked.ask(painted((400, 300), WORLD), "white planes")
    assert len(result.findings) == 3
    assert engine.asked[-1].startswith("[select] ")


def test_a_reply_comes_piece_by_piece():
    asked, _ = session()
    scene = asked.scene(painted((64, 64), []))
    pieces = list(asked.say([Message("user", "Hello?")], [scene], max_new_tokens=64))
    assert pieces == ["A p", "lai", "n."]
    with pytest.raises(UsageError, match="ends with an answer"):
        asked.say([Message("user", "a"), Message("assistant", "b")], [scene], max_new_tokens=64)
