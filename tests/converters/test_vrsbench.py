from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reading import read_all

from georsmllm.converters.vrsbench import CLASSES, CONVERTER
from georsmllm.errors import UsageError
from georsmllm.types import Mention, Sample, Text, box, rbox

TILTED = [0.1, 0.2, 0.5, 0.1, 0.6, 0.3, 0.2, 0.4]
UPRIGHT = [0.1, 0.2, 0.5, 0.2, 0.5, 0.6, 0.1, 0.6]
TILTED_PX = rbox(((20, 20), (100, 10), (120, 30), (40, 40)))  # of a picture of 200 x 100


def put(root: Path, stem: str, *, split: str = "train", size: tuple[int, int] = (200, 100), **record: Any) -> Path:
    """One annotation file with its image below root."""
    for folder in (f"Annotations_{split}", f"Images_{split}"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(root / f"Images_{split}" / f"{stem}.png")
    path = root / f"Annotations_{split}" / f"{stem}.json"
    path.write_text(json.dumps({"image": f"{stem}.png", **record}))
    return path


def one(root: Path) -> Sample:
    (sample,), bad = read_all(CONVERTER, root)
    assert bad == []
    return sample


def thing(corner: list[float] | None = None, **more: Any) -> dict[str, Any]:
    return {"obj_cls": "ship", "obj_corner": corner, **more}


def evaluation(root: Path, part: str, *lines: dict[str, Any], name: str = "VRSBench_EVAL") -> Path:
    path = root / f"{name}_{part}.json"
    path.write_text(json.dumps([{"image_id": "P0007_0001.png", **line} for line in lines]))
    (root / "Images_val").mkdir(exist_ok=True)
    Image.new("RGB", (200, 100)).save(root / "Images_val" / "P0007_0001.png")
    return path


def test_an_image_of_which_nothing_is_said_is_a_sample_without_targets_and_texts(tmp_path: Path) -> None:
    put(tmp_path, "P0003_0002")
    sample = one(tmp_path)
    assert (sample.targets, sample.texts, sample.mended, sample.exhaustive) == ((), (), (), ())
    assert (sample.id, sample.split, sample.scene) == ("vrsbench/train/P0003_0002", "train", "dota/P0003")


def test_corners_are_fractions_of_the_image_at_hand(tmp_path: Path) -> None:
    put(tmp_path, "P0003_0002", objects=[thing(TILTED, obj_coord=[0.1, 0.1, 0.6, 0.4])])
    (target,) = one(tmp_path).targets
    assert (target.label, target.shape, target.visible, target.ignore) == ("ship", TILTED_PX, 1.0, None)


def test_a_sentence_is_the_phrase_of_its_object_and_an_expression_that_it_answers(tmp_path: Path) -> None:
    sentences = ["The left  ship.", "", None, "The right ship."]
    put(tmp_path, "P0003_0002", objects=[thing(TILTED, referring_sentence=words) for words in sentences])
    sample = one(tmp_path)
    assert [target.phrase for target in sample.targets] == ["The left ship.", "", "", "The right ship."]
    assert sample.texts == (
        Text("expression", "The left ship.", mentions=(Mention("answer", 0, (0,)),), topic="ref"),
        Text("expression", "The right ship.", mentions=(Mention("answer", 0, (3,)),), topic="ref"),
    )


def test_upright_corners_are_a_box_in_images_of_dior_and_nowhere_else(tmp_path: Path) -> None:
    put(tmp_path, "00001_0000", objects=[thing(UPRIGHT), thing(TILTED)])
    put(tmp_path, "P0001_0000", objects=[thing(UPRIGHT)])
    (dior, dota), _ = read_all(CONVERTER, tmp_path)
    assert [target.shape for target in dior.targets] == [box(20, 20, 100, 60), TILTED_PX]
    assert (dior.scene, dior.mended) == ("dior/00001", (("upright_box", 1),))
    assert [target.shape.kind for target in dota.targets] == ["rbox"]
    assert (dota.scene, dota.mended) == ("dota/P0001", ())


@pytest.mark.parametrize(
    ("objects", "shapes", "mended"),
    [
        ([thing([-0.1, 0.2, 0.5, 0.2, 0.5, 0.6, -0.1, 0.6])], [((0, 20), (100, 20), (100, 60), (0, 60))], "clipped_to_image"),
        ([thing([0.1, 0.2, 0.5, 0.6, 0.5, 0.2, 0.1, 0.6])], [((20, 20), (100, 20), (100, 60), (20, 60))], "reordered_corners"),
        ([thing(obj_coord=[0.1, 0.2, 0.5, 0.6])], [((20, 20), (100, 60))], "rounded_box"),
    ],
)  # fmt: skip
def test_what_is_mended_is_counted(tmp_path: Path, objects: list[Any], shapes: list[Any], mended: str) -> None:
    put(tmp_path, "P0003_0002", objects=objects)
    sample = one(tmp_path)
    assert [target.shape.rings[0].points for target in sample.targets] == shapes
    assert sample.mended == ((mended, 1),)


def test_attributes_are_kept_and_the_generators_misspelling_is_mended(tmp_path: Path) -> None:
    facts = {"obj_id": 3, "is_unique": True, "flag": False, "obj_position": "top-left", "obj_rel_size": "largeest"}
    put(tmp_path, "P0003_0002", objects=[thing(TILTED, obj_size="", obj_rel_position="", **facts)])
    sample = one(tmp_path)
    assert sample.targets[0].attributes == (
        ("is_unique", "true"),
        ("obj_id", "3"),
        ("obj_position", "top-left"),
        ("obj_rel_size", "largest"),
    )
    assert sample.mended == (("largest", 1),)


def test_vehicles_of_both_sizes_are_one_class_that_keeps_its_spelling(tmp_path: Path) -> None:
    names = ["small-vehicle", "Large_Vehicle", "vehicle", "plane", "golffield"]
    put(tmp_path, "P0003_0002", objects=[{**thing(TILTED), "obj_cls": name} for name in names])
    sample = one(tmp_path)
    assert [target.label for target in sample.targets] == ["vehicle"] * 3 + ["airplane", "golf course"]
    assert [dict(target.attributes).get("source_label") for target in sample.targets] == [
        "small-vehicle", "Large_Vehicle", None, "plane", "golffield",
    ]  # fmt: skip
    assert len(sample.classes) == len(CLASSES) == 26


def test_a_question_that_stands_twice_is_read_once_whatever_its_number(tmp_path: Path) -> None:
    put(
        tmp_path,
        "P0003_0002",
        qa_pairs=[
            {"ques_id": 0, "question": "How many ships?", "type": "Object Quantity ", "answer": 0},
            {"ques_id": "1", "question": "how many ships? ", "type": "object quantity", "answer": "0"},
            {"ques_id": None, "question": "How many ships?", "type": "object quantity", "answer": "2"},
            {"ques_id": 3.5, "question": "Is there a ship?", "answer": True},
            {"ques_id": 4, "question": "", "answer": "Yes"},
            {"ques_id": 5, "question": "What colour?"},
        ],
    )
    sample = one(tmp_path)
    assert sample.texts == (
        Text("question", "How many ships?", "0", topic="object quantity"),
        Text("question", "How many ships?", "2", topic="object quantity"),
        Text("question", "Is there a ship?", "Yes"),
    )
    assert sample.mended == (("empty_question_dropped", 2), ("repeated_question_dropped", 1))


@pytest.mark.parametrize("name", ["VRSBench_EVAL", "RSBench_EVAL"])
def test_both_generations_of_evaluation_files_are_read_where_val_has_no_annotations(tmp_path: Path, name: str) -> None:
    evaluation(tmp_path, "Cap_v2", {"ground_truth": "A ship.", "type": "caption"}, name=name)
    ref = {"question": "The ship.", "ground_truth": "{<10><10><60><40>}", "obj_corner": TILTED, "obj_cls": "ship"}
    evaluation(tmp_path, "referring", {**ref, "unique": True, "size_group": ""}, name=name)
    evaluation(tmp_path, "vqa", {"question": "A ship?", "ground_truth": "Yes", "type": "object existence"}, name=name)
    sample = one(tmp_path)
    assert (sample.id, sample.split) == ("vrsbench/val/P0007_0001", "val")
    assert [target.shape for target in sample.targets] == [TILTED_PX]
    assert sample.targets[0].attributes == (("is_unique", "true"),)
    assert [(text.kind, text.text, text.answer) for text in sample.texts] == [
        ("caption", "A ship.", ""),
        ("expression", "The ship.", ""),
        ("question", "A ship?", "Yes"),
    ]


def test_evaluation_files_are_not_read_beside_the_annotations_they_were_made_from(tmp_path: Path) -> None:
    put(tmp_path, "P0003_0002", split="val", caption="A ship.")
    evaluation(tmp_path, "Cap", {"ground_truth": "A ship.", "type": "caption"})
    assert [ref.key for ref in CONVERTER.find(tmp_path)] == ["val/P0003_0002"]


@pytest.mark.parametrize(
    ("ground_truth", "ignore"),
    [
        ("{<10><10><60><40>}", None),  # cut, not rounded: one percent off at most
        ("{<9><10><60><39>}", None),
        ("{<10><10><60><44>}", "boxes_disagree"),
        ("{<10><10><60>}", "boxes_disagree"),
    ],
)
def test_ground_truth_is_held_against_the_corners(tmp_path: Path, ground_truth: str, ignore: str | None) -> None:
    line = {"question": "The ship.", "ground_truth": ground_truth, "obj_corner": TILTED, "obj_cls": "ship"}
    evaluation(tmp_path, "referring", line)
    (target,) = one(tmp_path).targets
    assert (target.shape, target.ignore) == (TILTED_PX, ignore)


def test_ground_truth_has_no_form_for_what_leaves_the_image_and_is_not_asked(tmp_path: Path) -> None:
    corner = [-0.02, 0.2, 0.5, 0.2, 0.5, 0.6, -0.02, 0.6]
    line = {"question": "The ship.", "ground_truth": "{<-2><20><50><60>}", "obj_corner": corner, "obj_cls": "ship"}
    evaluation(tmp_path, "referring", line)
    assert one(tmp_path).targets[0].ignore is None


def test_an_old_evaluation_file_without_corners_gives_its_rounded_boxes(tmp_path: Path) -> None:
    evaluation(tmp_path, "referring", {"question": "It.", "ground_truth": "{<10><20><50><60>}", "obj_cls": "ship"})
    sample = one(tmp_path)
    assert [target.shape for target in sample.targets] == [box(20, 20, 100, 60)]
    assert sample.mended == (("rounded_box", 1),)


@pytest.mark.parametrize(
    ("record", "reason", "message"),
    [
        ({"objects": [{**thing(TILTED), "obj_cls": "hut"}]}, "unknown_class", "no VRSBench class is called 'hut'"),
        ({"objects": [thing(TILTED[:6])]}, "bad_entry", "expected 8 numbers of an object, got 6"),
        ({"objects": [thing([51.0, *TILTED[1:]])]}, "out_of_range", "expected fractions of the image from 0 to 1, got 51"),
        ({"objects": [thing()]}, "no_shape", "an object of class 'ship' without obj_corner"),
        ({"objects": [{"obj_corner": TILTED}]}, "bad_entry", "Object missing required field `obj_cls`"),
        ({"objects": "none"}, "bad_entry", "Expected `array`, got `str`"),
        ({"image": "P0009_0000.png"}, "other_image", "the file is of 'P0009_0000.png' by its field image"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_and_nothing_else_is_lost(
    tmp_path: Path, record: dict[str, Any], reason: str, message: str
) -> None:
    put(tmp_path, "P0003_0002", **record)
    put(tmp_path, "P0004_0000")
    (sample,), (error,) = read_all(CONVERTER, tmp_path)
    assert sample.id == "vrsbench/train/P0004_0000"
    assert (error.reason, error.where) == (reason, "Annotations_train/P0003_0002.json")
    assert error.message.startswith(message)


def test_a_file_cut_short_and_one_without_its_image_are_named(tmp_path: Path) -> None:
    path = put(tmp_path, "P0003_0002", caption="A long caption.")
    path.write_text(path.read_text()[:-9])
    put(tmp_path, "P0004_0000")
    (tmp_path / "Images_train" / "P0004_0000.png").unlink()
    samples, bad = read_all(CONVERTER, tmp_path)
    assert samples == []
    assert [(error.reason, error.where) for error in bad] == [
        ("bad_json", "Annotations_train/P0003_0002.json"),
        ("image_missing", "Annotations_train/P0004_0000.json"),
    ]


def test_folders_unzipped_into_folders_and_inputs_of_the_generator_are_found_and_left(tmp_path: Path) -> None:
    put(tmp_path / "Annotations_train", "P0003_0002")
    put(tmp_path, "P0003_0003")
    (tmp_path / "Annotations_train" / "P0003_0003_input.json").write_text("{}")
    (tmp_path / "VRSBench_train.json").write_text("[]")
    assert [ref.key for ref in CONVERTER.find(tmp_path)] == ["train/P0003_0002", "train/P0003_0003"]


@pytest.mark.parametrize("folder", ["Annotations_train", "Images_train"])
def test_two_files_of_one_name_are_one_line_that_names_both(tmp_path: Path, folder: str) -> None:
    path = put(tmp_path, "P0003_0002")
    if folder == "Images_train":
        path = tmp_path / folder / "P0003_0002.png"
    (tmp_path / folder / "again").mkdir()
    (tmp_path / folder / "again" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match=rf"{folder}/.*P0003_0002\.\w+ and {folder}/.*P0003_0002\.\w+; keep one"):
        list(CONVERTER.find(tmp_path))


def test_a_broken_evaluation_file_is_a_usage_error_with_its_place(tmp_path: Path) -> None:
    path = evaluation(tmp_path, "vqa", {"question": "A ship?", "ground_truth": "Yes"})
    path.write_text(path.read_text()[:-1])
    with pytest.raises(UsageError, match=r"VRSBench_EVAL_vqa\.json@\d+: the file ends"):
        list(CONVERTER.find(tmp_path))


def test_a_folder_without_annotations_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "Images_train").mkdir()
    with pytest.raises(UsageError, match=r"expected Annotations_train/P0003_0002\.json"):
        list(CONVERTER.find(tmp_path))
