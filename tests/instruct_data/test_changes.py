from __future__ import annotations

from dataclasses import replace

import pytest

from georsmllm.instruct_data.tasks._changes import captions_of_all, describes, says_unchanged
from georsmllm.instruct_data.tasks._given import told
from georsmllm.types import ImageRef, Ring, Sample, Target, Text, Window, polygon


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", False),
        # the five of LEVIR-CC
        (" there is no difference .", True),
        ("the two scenes seem identical", True),
        ("the scene is the same as before .", True),
        ("no change has occurred", True),
        ("almost nothing has changed .", True),
        # others' words
        ("Nothing changed here.", True),
        ("There are no visible changes between the two images.", True),
        ("Both images look the same.", True),
        ("No buildings changed here.", True),
        ("The scene remains unchanged", True),
        # what is no denial of any change
        ("the scene is the same but a house appeared", False),
        ("no trees are left", False),
        ("there is no road any more", False),
        ("a house is built on the same place", False),
        ("nothing is left of the wood", False),
        ("almost nothing has changed except for a new house", False),
    ],
)
def test_what_says_that_nothing_changed(text: str, expected: bool) -> None:
    assert says_unchanged(text) is expected


BOTH = ("building", "road")


@pytest.mark.parametrize(
    ("text", "counts", "expected"),
    [
        ("", {"building": 1}, False),
        ("a house has been built in the woods", {}, False),
        ("a house has been built in the woods", {"building": 1}, True),
        ("a house has been built in the woods", {"building": 3}, False),
        ("many villas are constructed", {"building": 3}, True),
        ("two small buildings have been built in the woods", {"building": 2}, True),
        ("two small buildings have been built in the woods", {"building": 3}, False),
        ("a row of houses appear on the bareland", {"building": 5}, True),
        # a class that is named and did not change, and one that changed and is not named
        ("some houses are built beside the road", {"building": 4}, False),
        ("some houses are built", {"building": 4, "road": 1}, False),
        ("a winding road is built and many houses beside it", {"building": 4, "road": 2}, True),
        # ground that gives way, and things that are no class of the dataset
        ("trees are removed and a road is built", {"road": 1}, False),
        ("the desert has turned into a road", {"road": 1}, False),
        ("a parking lot and a house have been built", {"building": 1}, False),
        ("the scene is the same as before", {"building": 1}, False),
        ("a house appears but the road is gone", {"building": 1, "road": 1}, False),
    ],
)
def test_a_caption_is_a_query_only_where_it_is_about_just_what_changed(
    text: str, counts: dict[str, int], expected: bool
) -> None:
    assert describes(text, counts, BOTH) is expected


def test_a_class_is_named_by_its_own_words_too() -> None:
    assert describes("three swimming pools appear", {"swimming pool": 3}, ("swimming pool", "road"))
    assert not describes("three tennis courts appear", {"tennis court": 2}, ("tennis court", "road"))
    assert describes("three storage tanks appear", {"storage tank": 3}, ("storage tank", "road"))


HOUSE = Target(1, "building", polygon(Ring(((10, 10), (40, 10), (40, 40), (10, 40)))))
PAIR = (ImageRef("A/a.png", 256, 256), ImageRef("B/a.png", 256, 256))
TOWN = Sample(
    "d/a", "d", "train", "d/a", PAIR, (HOUSE,),
    (Text("caption", "a house appears ."), Text("caption", "a road appears"), Text("caption", "a villa has been built")),
    (), BOTH, BOTH,
)  # fmt: skip


def test_the_captions_of_all_changes_are_what_the_dataset_says_of_them() -> None:
    assert captions_of_all(TOWN) == ("A house appears", "A villa has been built")
    assert told(TOWN) == {(0,): "A house appears"}


@pytest.mark.parametrize(
    "pair",
    [
        replace(TOWN, targets=()),
        replace(TOWN, images=PAIR[:1]),
        replace(TOWN, exhaustive=("building",)),
        replace(TOWN, targets=(HOUSE, replace(HOUSE, ignore="under_size"))),
        replace(TOWN, targets=(HOUSE, replace(HOUSE, image=0))),
        replace(TOWN, targets=(replace(HOUSE, label="pool"),)),
        replace(TOWN, images=tuple(replace(image, window=Window(0, 0, 256, 256)) for image in PAIR)),
    ],
)
def test_where_not_every_change_is_known_no_caption_is_about_all(pair: Sample) -> None:
    assert captions_of_all(pair) == ()
