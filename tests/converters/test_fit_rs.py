from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reading import read_all

from georsmllm.converters.fit_rs import CLASSES, CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import Mention, Sample, Text, rbox

TANK, CAR = "{<25.00><25.00><25.00><12.50>|<90>}", "{<50.00><75.00><30.00><20.00>|<90>}"
TANK_PX = rbox(((22, 12), (28, 12), (28, 38), (22, 38)))
PATCH = "0000__512__0___824.png"
SORRY = "I'm sorry, I cannot answer as the given image does not contain any given objects."
ALL = "[detection]Detect all the tanks in the image and output their locations."


def boxes(*each: str) -> str:
    return f"<rbox>({', '.join(each)})</rbox>"


def put(
    root: Path,
    *turns: tuple[str, str],
    name: str = "FIT-RS-train-1415k.json",
    image: str = PATCH,
    size: tuple[int, int] = (100, 100),
) -> Path:
    """A file with one record and its image below root."""
    messages = [
        {"from": speaker, "value": value}
        for turn in turns
        for speaker, value in zip(("human", "gpt"), turn, strict=True)
    ]
    Image.new("RGB", size).save(root / image)
    path = root / name
    path.write_text(json.dumps([{"id": 1, "image": image, "conversations": messages}]))
    return path


def one(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def test_a_record_without_turns_is_a_sample_that_says_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    sample = one(tmp_path)
    assert (sample.texts, sample.targets, sample.tags, sample.exhaustive) == ((), (), ("unlabelled",), ())
    assert len(sample.classes) == len(CLASSES) + 1 == 49


@pytest.mark.parametrize(
    ("image", "scene"),
    [
        (PATCH, "star/0000"),
        ("1234__512__412___0.png", "star/1234"),
        ("P0001__1024__0___0.png", "dota/P0001"),
        ("P0001__512__0___0.png", "dota/P0001"),
        ("12__1024__0___824.png", "fit_rs/12"),
        ("airport_1.jpg", "fit_rs/airport_1"),
    ],
)
def test_patches_of_one_scene_are_one_scene(tmp_path: Path, image: str, scene: str) -> None:
    put(tmp_path, image=image)
    assert one(tmp_path).scene == scene


def test_a_box_is_centre_and_sides_turned_clockwise_in_pixels(tmp_path: Path) -> None:
    put(tmp_path, (ALL, f"There is 1 tank in the image: {boxes(TANK)}"), size=(200, 100))
    # 25 % of 200 and 12.5 % of 100 around (50, 25), turned by 90 degrees
    assert one(tmp_path).targets[0].shape == rbox(((43.75, 0), (56.25, 0), (56.25, 50), (43.75, 50)))


@pytest.mark.parametrize(
    ("answer", "mentions"),
    [
        (f"There is 1 tank in the image: {boxes(TANK)}", (Mention("answer", 0, (0,)),)),
        (f"There are 2 tanks in the image: {boxes(TANK, CAR)}", (Mention("answer", 0, (0, 1)),)),
        (SORRY, ()),
    ],
)
def test_detection_is_an_expression_of_all_or_of_none(
    tmp_path: Path, answer: str, mentions: tuple[Mention, ...]
) -> None:
    put(tmp_path, (ALL, answer))
    sample = one(tmp_path)
    assert sample.texts == (Text("expression", "all tanks", mentions=mentions, topic="detection"),)
    assert {target.label for target in sample.targets} <= {"tank"}


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Can you locate all the boarding_bridges in the image?", "all boarding bridges"),
        ("Detect all the car_parkings and output their locations.", "all car parkings"),
        ("Provide the coordinates of all ships in the image.", "all ships"),
        ("I need you to detect and locate all ships present in the image.", "all ships"),
        ("Locate and list the positions of all ships that appear in the image.", "all ships"),
        ("Detect the locations of all ships objects in the provided image.", "all ships"),
        ("Identify all the ships and mark their locations.", "all ships"),
        ("Please locate all the ships in the given image.", "all ships"),
        ("Find all ships", "all ships"),
    ],
)
def test_every_wording_of_detection_names_its_class(tmp_path: Path, question: str, text: str) -> None:
    put(tmp_path, (f"[detection]{question}", SORRY))
    assert [one_text.text for one_text in one(tmp_path).texts] == [text]


@pytest.mark.parametrize(
    "answer",
    [
        f"There are 2 tanks in the image: {boxes(TANK, CAR)}, and due to the context length, the remaining ...",
        f"There are 3 tanks in the image: {boxes(TANK, CAR)}",
    ],
)  # fmt: skip
def test_an_answer_that_leaves_objects_out_gives_objects_and_no_sentence(tmp_path: Path, answer: str) -> None:
    put(tmp_path, (ALL, answer))
    sample = one(tmp_path)
    assert (len(sample.targets), sample.texts) == (2, ())
    assert sample.mended == (("cut_answer_dropped", 1),)
    assert sample.tags == ()


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        (
            f"Describe {boxes(TANK)}.",
            "A fully visible medium car on the top left part of the image.",
            Text(
                "region",
                "",
                "A fully visible medium car on the top left part of the image.",
                (Mention("text", 0, (0,)),),
            ),
        ),
        (
            f"Describe the region {TANK}.",
            f"A large tank on the left.\n 1 car{boxes(CAR)} is <rel>parked alongside with</rel> it.",
            Text(
                "relation",
                "Describe the region.",
                "A large tank on the left. 1 car is parked alongside with it.",
                (Mention("text", 19, (0,)), Mention("answer", 31, (1,))),
            ),
        ),
        (
            f"What is the relation between {boxes(TANK)} and {boxes(CAR)}?",
            "subject: tank, object: car, <rel>over</rel>",
            Text(
                "relation",
                "What is the relation between and?",
                "subject: tank, object: car, over",
                (Mention("text", 28, (0,)), Mention("text", 32, (1,))),
            ),
        ),
        (
            "Describe the image with places.",
            f"2 <ref>cars</ref>{boxes(TANK, CAR)} stand there.",
            Text("caption", "2 cars stand there.", mentions=(Mention("text", 6, (0, 1)),)),
        ),
        ("Provide a caption.", "Two tanks.", Text("caption", "Two tanks.")),
        ("What is the scene category?", "Airport.", Text("scene", "airport")),
        ("Are there ships?", "No", Text("question", "Are there ships?", "No")),
        (
            "Which relations?",
            "tank <not co-storage with> tank, tank <over> tank",
            Text("question", "Which relations?", "tank not co-storage with tank, tank over tank"),
        ),
    ],
)
def test_a_turn_is_read_by_its_boxes_and_its_words(tmp_path: Path, question: str, answer: str, text: Text) -> None:
    put(tmp_path, (f"<image>\n{question}", answer))
    assert one(tmp_path).texts == (text,)


@pytest.mark.parametrize(
    ("question", "answer", "labels"),
    [
        (f"Describe {TANK}.", "A fully visible medium car_parking on the top.", ["car parking"]),
        ("Describe it.", f"2 <ref>cooling_towers</ref>{boxes(TANK, CAR)}.", ["cooling tower"] * 2),
        ("Describe it.", f"A cooling tower {boxes(TANK)} and cars {boxes(CAR)}.", ["cooling tower", "car"]),
        ("Describe it.", f"Something {boxes(TANK)}.", ["object"]),
        (
            f"Relation of {TANK} and {CAR}?",
            "subject: tank, object: car_parking, <rel>over</rel>",
            ["tank", "car parking"],
        ),
        (ALL.replace("tanks", "A220s"), f"There is 1 A220 in the image: {boxes(TANK)}", ["a220"]),
    ],
)
def test_a_class_is_what_the_sentence_calls_the_boxes(
    tmp_path: Path, question: str, answer: str, labels: list[str]
) -> None:
    put(tmp_path, (question, answer))
    sample = one(tmp_path)
    assert [target.label for target in sample.targets] == labels
    assert set(labels) <= set(sample.classes)


def test_turns_of_one_conversation_share_their_boxes(tmp_path: Path) -> None:
    put(tmp_path, (f"Describe {TANK}.", "A thing."), (ALL, f"There is 1 tank in the image: {boxes(TANK)}"))
    sample = one(tmp_path)
    assert [(target.label, target.phrase) for target in sample.targets] == [("tank", "A thing.")]
    assert [text.mentions[0].targets for text in sample.texts] == [(0,), (0,)]


@pytest.mark.parametrize(
    "bad", ["<rbox>({<25.00><25.00><25.00>|<90>})</rbox>", "<rbox>({<25><25><25><25>|<95>})</rbox>"]
)
def test_a_turn_whose_boxes_cannot_be_read_is_left_out_and_counted(tmp_path: Path, bad: str) -> None:
    put(tmp_path, (ALL, f"There is 1 tank in the image: {bad}"), ("Are there ships?", "No"))
    sample = one(tmp_path)
    assert (len(sample.texts), sample.targets) == (1, ())
    assert sample.mended == (("unreadable_boxes_dropped", 1),)


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        (
            {"question": ALL[11:], "ground_truth": f"There is 1 tank in the image: {boxes(TANK)}", "category": "task1"},
            (Text("expression", "all tanks", mentions=(Mention("answer", 0, (0,)),), topic="task1"),),
        ),
        (
            {"text": "Which? A. car B. tank", "ground_truth": "A", "category": "object"},
            (Text("question", "Which? A. car B. tank", "A", topic="object"),),
        ),
        (
            {"question": "Draw the scene.", "ground_truth": f"<ref>tank</ref>{boxes(TANK)}.", "category": "task6"},
            (Text("caption", "tank.", mentions=(Mention("text", 4, (0,)),), topic="task6"),),
        ),
        ({"question": "Which?"}, ()),
    ],
)  # fmt: skip
def test_lines_of_the_benchmarks_are_of_the_test_split(
    tmp_path: Path, line: dict[str, Any], texts: tuple[Text, ...]
) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / PATCH)
    (tmp_path / "test_FITRS_vqa_eval.jsonl").write_text(json.dumps({"question_id": 0, "image": PATCH, **line}))
    sample = one(tmp_path)
    assert (sample.split, sample.texts) == ("test", texts)


def test_parts_of_the_training_set_are_left_out_beside_the_whole(tmp_path: Path) -> None:
    put(tmp_path, name="FIT-RS-train-sample-381k.json")
    put(tmp_path, name="train_instruction_vqa_400k.json")
    assert len(list(CONVERTER.find(tmp_path))) == 2
    put(tmp_path)
    assert [ref.paths[1] for ref in CONVERTER.find(tmp_path)] == ["FIT-RS-train-1415k.json"]


def test_a_folder_without_its_files_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(UsageError, match=r"expected FIT-RS-train-1415k\.json"):
        list(CONVERTER.find(tmp_path))


def test_the_json_itself_may_be_the_path(tmp_path: Path) -> None:
    path = put(tmp_path, ("Are there ships?", "No")).rename(tmp_path / "mine.json")
    assert one(path).id == f"fit_rs/mine/{PATCH}"


def test_twenty_thousand_broken_boxes_take_no_time(tmp_path: Path) -> None:
    put(tmp_path, ("Where are they?", "<rbox>({" * 20_000))
    start = time.perf_counter()
    assert one(tmp_path).mended == (("unreadable_boxes_dropped", 1),)
    assert time.perf_counter() - start < 5
