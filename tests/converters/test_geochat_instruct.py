from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reading import read_all

from georsmllm.converters.geochat_instruct import CONVERTER
from georsmllm.errors import UsageError
from georsmllm.geometry import area, to_shapely
from georsmllm.types import Mention, Sample, Text, rbox

SHIP, TILTED = "{<10><20><30><60>|<0>}", "{<50><40><70><60>|<90>}"
SHIP_PX = rbox(((20, 20), (60, 20), (60, 60), (20, 60)))  # of a picture of 200 x 100
ONE, BOTH = (Mention("answer", 0, (0,)),), (Mention("answer", 0, (0, 1)),)


def put(root: Path, *turns: tuple[str, str], image: str = "P0001_0002.png", size: tuple[int, int] = (200, 100)) -> Path:
    """A file with one record and its image below root."""
    messages = [
        {"from": speaker, "value": value}
        for turn in turns
        for speaker, value in zip(("human", "gpt"), turn, strict=True)
    ]
    Image.new("RGB", size).save(root / image)
    path = root / "GeoChat_Instruct.json"
    path.write_text(json.dumps([{"id": image, "image": image, "conversations": messages}]))
    return path


def bench(root: Path, part: str, **line: Any) -> Path:
    Image.new("RGB", (200, 100)).save(root / "P0009_0001.png")
    path = root / f"{part}.jsonl"
    path.write_text(json.dumps({"question_id": 0, "image_id": "P0009_0001", **line}) + "\n")
    return path


def one(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def test_a_record_without_turns_is_a_sample_that_says_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    sample = one(tmp_path)
    assert (sample.texts, sample.targets, sample.tags, sample.exhaustive) == ((), (), ("unlabelled",), ())
    assert (sample.id, sample.split) == ("geochat_instruct/GeoChat_Instruct/P0001_0002.png", "train")


@pytest.mark.parametrize(
    ("image", "scene"),
    [
        ("P0001_0002.png", "dota/P0001"),
        ("00017_0000.png", "dior/00017"),
        ("00017.jpg", "dior/00017"),
        ("airport_12.jpg", "geochat_instruct/airport_12"),
        ("6279.jpg", "geochat_instruct/6279"),
    ],
)
def test_images_of_dota_and_dior_keep_their_scene(tmp_path: Path, image: str, scene: str) -> None:
    put(tmp_path, image=image)
    assert one(tmp_path).scene == scene


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        (
            "<image>\n[refer] where is <p>the ship</p> ?",
            SHIP,
            Text("expression", "the ship", mentions=ONE, topic="refer"),
        ),
        (
            "\n[refer] give me the location of <p> 2 ships </p>",
            f"{SHIP}<delim>{TILTED}",
            Text("expression", "2 ships", mentions=BOTH, topic="refer"),
        ),
        ("[refer] the ship", SHIP, Text("expression", "the ship", mentions=ONE, topic="refer")),
        (
            f"[identify] what is {SHIP}?",
            "<p>a grey ship</p>",
            Text("region", "", "a grey ship", (Mention("text", 0, (0,)),), "identify"),
        ),
        (
            "[grounding] describe it",
            f"<p>Two ships</p> {SHIP}{TILTED} at sea.",
            Text("caption", "Two ships at sea.", mentions=(Mention("text", 9, (0, 1)),), topic="grounding"),
        ),
        ("[grounding] describe it", "A sea.", Text("caption", "A sea.", topic="grounding")),
        ("Describe the image.", "A sea.", Text("caption", "A sea.")),
        ("Is this a sea?", "Yes", Text("question", "Is this a sea?", "Yes")),
        ("How many?\nAnswer in one word or a short phrase.", "2", Text("question", "How many?", "2")),
        (
            f"Is {SHIP} a ship?",
            f"Yes, as {TILTED}.",
            Text("question", "Is a ship?", "Yes, as.", (Mention("text", 2, (0,)), Mention("answer", 7, (1,)))),
        ),
        (
            "[refer] where is <p>the ship</p>?",
            "Nowhere.",
            Text("question", "where is the ship?", "Nowhere.", topic="refer"),
        ),
    ],
)
def test_a_turn_is_read_by_its_tag_and_its_boxes(tmp_path: Path, question: str, answer: str, text: Text) -> None:
    put(tmp_path, (question, answer))
    assert one(tmp_path).texts == (text,)


def test_a_box_turns_clockwise_about_its_centre_in_pixels_and_never_in_percents(tmp_path: Path) -> None:
    put(tmp_path, ("[refer] <p>a</p>", f"{SHIP}{TILTED}"))
    ship, tilted = (target.shape for target in one(tmp_path).targets)
    assert ship == SHIP_PX
    # 40 x 20 px around (120, 50), turned by 90 degrees: 20 wide, 40 high
    assert tilted == rbox(((110, 30), (130, 30), (130, 70), (110, 70)))


def test_dropping_the_angle_would_turn_a_third_of_all_boxes(tmp_path: Path) -> None:
    put(tmp_path, ("[refer] <p>a</p>", "{<40><40><60><50>|<90>}"))
    shape = one(tmp_path).targets[0].shape
    assert to_shapely(shape).bounds == (95, 25, 105, 65)


def test_a_box_that_leaves_the_image_is_cut_and_counted(tmp_path: Path) -> None:
    put(tmp_path, ("[refer] <p>a</p>", "{<-10><20><30><60>|<0>}"), ("[refer] <p>b</p>", "{<-28><20><30><60>|<0>}"))
    sample = one(tmp_path)
    assert [(area(target.shape), round(target.visible, 2), target.ignore) for target in sample.targets] == [
        (60 * 40, 0.75, None),
        (60 * 40, 0.52, "low_visibility"),
    ]
    assert sample.mended == (("clipped_to_image", 2),)


@pytest.mark.parametrize(
    "boxes",
    ["{<77><981><83><100>|<29>}", "{<1><2><3>|<4>}", "{<1.5><2><3><4>|<5>}", "{<9><2><3><4>|<5>}", "{<1><2><3><4>|<5>"],
)
def test_a_turn_whose_boxes_cannot_be_read_is_left_out_and_counted(tmp_path: Path, boxes: str) -> None:
    put(tmp_path, ("[refer] <p>a</p>", boxes), ("Is this a sea?", "Yes"))
    sample = one(tmp_path)
    assert [text.kind for text in sample.texts] == ["question"]
    assert (sample.targets, sample.mended) == ((), (("unreadable_boxes_dropped", 1),))


def test_a_turn_that_stands_twice_is_read_once(tmp_path: Path) -> None:
    put(tmp_path, *[("[refer] <p>a</p>", SHIP)] * 2, ("Describe it.", ""))
    sample = one(tmp_path)
    assert len(sample.texts) == 1
    assert sample.mended == (("empty_text_dropped", 1), ("repeated_text_dropped", 1))


def test_no_markup_reaches_a_sentence(tmp_path: Path) -> None:
    put(tmp_path, ("<image>\nWhat is <p>this</p>?", f"<p>A ship</p> {SHIP}<delim>{TILTED} and <ref>a sea</ref>."))
    (text,) = one(tmp_path).texts
    assert not set("<>{}") & set(text.text + text.answer)


def test_a_scene_brings_the_classes_that_were_offered(tmp_path: Path) -> None:
    put(tmp_path, ("Classify the image.\nClasses: airport, port, dense residential", "Port."))
    sample = one(tmp_path)
    assert [(text.kind, text.text) for text in sample.texts] == [("scene", "port")]
    assert sample.classes == ("airport", "dense residential", "port")


def test_referring_has_corners_in_pixels(tmp_path: Path) -> None:
    quads = [[[20, 20], [60, 20], [60, 60], [20, 60]], [110, 30, 130, 30, 130, 70, 110, 70]]
    bench(tmp_path, "referring", question="2 ships", ground_truth=quads, type="grounding", obj_ids=[1, 2])
    sample = one(tmp_path)
    assert (sample.split, sample.scene) == ("test", "dota/P0009")
    assert sample.texts == (Text("expression", "2 ships", mentions=BOTH, topic="grounding"),)
    assert [target.shape for target in sample.targets] == [SHIP_PX, rbox(((110, 30), (130, 30), (130, 70), (110, 70)))]


def test_referring_may_have_boxes_as_the_model_writes_them(tmp_path: Path) -> None:
    bench(tmp_path, "referring", question="the ship", ground_truth=SHIP)
    assert [target.shape for target in one(tmp_path).targets] == [SHIP_PX]


@pytest.mark.parametrize(
    ("part", "line", "texts"),
    [
        ("referring", {"question": "the ship", "ground_truth": []}, ()),
        (
            "region_captioning",
            {"question": SHIP, "ground_truth": "a grey ship", "type": "ref1"},
            (Text("region", "", "a grey ship", (Mention("text", 0, (0,)),), "ref1"),),
        ),
        (
            "grounding_description",
            {"description": f"<p>A ship</p> {SHIP}."},
            (Text("caption", "A ship.", mentions=(Mention("text", 6, (0,)),), topic="grounding"),),
        ),
        ("aid", {"text": "Which?", "ground_truth": "MediumResidentialgt"}, (Text("scene", "medium residential"),)),
        ("UCmerced", {"text": "Which?", "question_id": "golfcourse/golfcourse01.tif"}, (Text("scene", "golf course"),)),
        ("lrben", {"text": "Is it rural?\nAnswer in one word.", "category": "rural_urban"}, ()),
        (
            "hrben",
            {"text": "Is it rural?\nAnswer in one word.", "category": "presence", "ground_truth": "no"},
            (Text("question", "Is it rural?", "no", topic="presence"),),
        ),
    ],
)  # fmt: skip
def test_every_part_of_the_benchmark_is_read(
    tmp_path: Path, part: str, line: dict[str, Any], texts: tuple[Text, ...]
) -> None:
    bench(tmp_path, part, **line)
    sample = one(tmp_path)
    assert sample.texts == texts
    assert sample.tags == (() if texts else ("unlabelled",))
    assert sample.mended == ((("class_typo", 1),) if part == "aid" else ())


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        ({"question": "a", "ground_truth": [[1, 2, 3]]}, "bad_entry", "expected four corners in pixels, got 3 numbers"),
        ({"question": "a", "ground_truth": [[1e300] * 8]}, "bad_entry", "expected four corners in pixels"),
        ({"question": ["a"]}, "bad_entry", "Expected `str | null`, got `array`"),
    ],
)
def test_a_bad_line_is_named_with_its_place(tmp_path: Path, line: dict[str, Any], reason: str, message: str) -> None:
    bench(tmp_path, "referring", **line)
    samples, (error,) = read_all(CONVERTER, tmp_path)
    assert samples == []
    assert (error.reason, error.where) == (reason, "referring.jsonl@0")
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"image": "a.png", "conversations": "none"}, "bad_entry"),
        ({"image": "a.png", "conversations": [{"from": "human"}]}, "bad_entry"),
        ({"conversations": []}, "no_image"),
        ({"image": None, "conversations": []}, "no_image"),
        ({"image": "gone.png", "conversations": []}, "image_missing"),
    ],
)
def test_a_bad_record_is_named_and_the_others_are_read(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    good = {"image": "b.png", "conversations": []}
    (tmp_path / "GeoChat_Instruct.json").write_text(json.dumps([record, good]))
    (sample,), (error,) = read_all(CONVERTER, tmp_path)
    assert sample.images[0].path == "b.png"
    assert (error.reason, error.where) == (reason, "GeoChat_Instruct.json@1")


def test_the_json_itself_may_be_the_path(tmp_path: Path) -> None:
    path = put(tmp_path, ("Is this a sea?", "Yes")).rename(tmp_path / "mine.json")
    assert one(path).id == "geochat_instruct/mine/P0001_0002.png"
    with pytest.raises(UsageError, match=r"neither GeoChat_Instruct\.json nor"):
        list(CONVERTER.find(tmp_path))


def test_real_ground_truth_strings_are_heard(tmp_path: Path, real: Callable[[str], Path]) -> None:
    """The published boxes, in the re-coding [[x1, y1, x2, y2, t]]: nearly all lie in the image, none is unreadable."""
    lines = (real("earthdial_eval_gt") / "geochat_bench_referring_300.jsonl").read_text().splitlines()
    boxes = [json.loads(line)["gt_bbox"] for line in lines]
    said = [text.replace("[[", "{<").replace("]]", ">}").replace(", ", "><") for text in boxes]
    turns = [(f"[refer] <p>number {i}</p>", "}".join(_piped(text.split("}")))) for i, text in enumerate(said)]
    put(tmp_path, *turns, size=(512, 512))
    sample = one(tmp_path)
    assert len(sample.texts) == len(lines) == 300
    assert dict(sample.mended).keys() <= {"clipped_to_image"}
    assert sum(target.ignore is None for target in sample.targets) > 0.9 * len(sample.targets)


def _piped(boxes: list[str]) -> list[str]:
    """{<a><b><c><d><t> as {<a><b><c><d>|<t>."""
    return ["|<".join(box.rsplit("<", 1)) if box else "" for box in boxes]
