"""Scenes that look alike share a side of a split; what looks like an evaluation image leaves training, by name."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from georsmllm.instruct_data.build import silent
from georsmllm.instruct_data.mixture import Mixed, mix
from georsmllm.looks import MOST_BITS, distance
from georsmllm.recipe import Mix, Recipe, Source, Split
from georsmllm.types import Message, Provenance, Record, ViewFacts

HALVES = {"train": 0.5, "val": 0.5}


def looks(*ones: int) -> str:
    """A hash with these bits set; the low half of the first word, so that no turned view comes near."""
    return f"{sum(1 << one for one in ones):032x}"


A = looks(*range(10))
NEAR_A = looks(*range(2, 12))
"""4 bits from A."""
FAR = [looks(*range(i, 128, 5), i + 20, i + 33, *range(60, 60 + 7 * i)) for i in range(5)]


def record(name: str, said: str, split: str = "", *, scene: str = "", content: str = "") -> Record:
    view = ViewFacts(f"{name}.png", 9, 9, (), (), "", content or f"pixels {name}", said)
    origin = Provenance(
        dataset="d", source_split=split, scene=scene or name, sample=name, form="all", labels=(), negative=False,
        direction="", twin_of="", views=(view,), stretch="", licence="", mended=(), dialect="georsmllm",
    )  # fmt: skip
    return Record(name, (f"images/{name}.png",), (Message("user", "?"),), "det", (), "none", origin)


def mixed(folder: Path, split: Split, *records: Record, seed: int = 0) -> tuple[Mixed, dict[str, str]]:
    """What the mixture says, and the side of every record that is written."""
    recipe = Recipe(
        sources=(Source(dataset="d", path="p"),), tasks=("det",), mix=Mix(negatives=1.0), split=split, seed=seed
    )
    part = folder / "part.jsonl"
    part.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in records))
    result = mix(recipe, [part], folder, folder / "out", bar=silent)
    assert result.made == result.written + sum(result.dropped.values())
    sides = {}
    for shard in result.shards:
        for line in (folder / "out" / shard.path).read_bytes().splitlines():
            sides[msgspec.json.decode(line, type=Record).id] = shard.split
    return result, sides


def test_the_hashes_of_these_tests_are_as_far_apart_as_they_say() -> None:
    assert distance(A, NEAR_A) == 4
    assert all(distance(A, far) > MOST_BITS for far in FAR)
    assert all(distance(one, other) > MOST_BITS for one in FAR for other in FAR if one != other)


def test_nothing_looks_like_nothing(tmp_path: Path) -> None:
    result, sides = mixed(tmp_path, Split(ratios=HALVES))
    assert (result.joined, sides) == ({"same_pixels": 0, "look_alikes": 0}, {})
    result, _ = mixed(tmp_path, Split(ratios=HALVES), record("a", ""), record("b", ""))
    assert result.joined == {"same_pixels": 0, "look_alikes": 0}


@pytest.mark.parametrize("seed", range(12))
def test_scenes_that_look_alike_go_to_one_side_together(tmp_path: Path, seed: int) -> None:
    made = [record("a", A), record("b", NEAR_A), *(record(f"f{i}", far) for i, far in enumerate(FAR))]
    result, sides = mixed(tmp_path, Split(by="scene", ratios=HALVES), *made, seed=seed)
    assert sides["a"] == sides["b"]
    assert len(sides) == len(made)
    assert (result.joined, result.dropped) == ({"same_pixels": 0, "look_alikes": 2}, {})


@pytest.mark.parametrize("by", ["official", "auto"])
def test_a_training_scene_that_looks_like_an_evaluation_scene_is_left_out(tmp_path: Path, by: str) -> None:
    made = (
        record("trained", A, "train"),
        record("tested", NEAR_A, "test"),
        record("same_scene", FAR[0], "train", scene="trained"),
        record("other", FAR[1], "train"),
    )
    result, sides = mixed(tmp_path, msgspec.structs.replace(Split(), by=by), *made)
    assert sides == {"tested": "test", "other": "train"}
    assert result.dropped == {"looks_like_evaluation": 2}


def test_test_wins_over_val_and_what_left_val_no_longer_takes_from_training(tmp_path: Path) -> None:
    like_val_only = looks(*range(6), *range(12, 18))
    assert distance(NEAR_A, like_val_only) > MOST_BITS >= distance(A, like_val_only)
    made = (record("train", like_val_only, "train"), record("val", A, "val"), record("test", NEAR_A, "test"))
    result, sides = mixed(tmp_path, Split(by="official"), *made)
    assert sides == {"test": "test", "train": "train"}
    assert result.dropped == {"looks_like_evaluation": 1}


def test_equal_pixels_go_before_looks(tmp_path: Path) -> None:
    made = (record("trained", A, "train", content="same"), record("tested", A, "test", content="same"))
    result, sides = mixed(tmp_path, Split(), *made)
    assert sides == {"tested": "test"}
    assert result.dropped == {"scene_in_evaluation_split": 1}
    assert result.joined == {"same_pixels": 2, "look_alikes": 0}


def test_a_person_may_say_that_looks_do_not_matter(tmp_path: Path) -> None:
    made = (record("trained", A, "train"), record("tested", A, "test"))
    result, sides = mixed(tmp_path, Split(look_alikes=False), *made)
    assert sides == {"trained": "train", "tested": "test"}
    assert result.joined == {"same_pixels": 0, "look_alikes": 0}


def chain(length: int) -> list[Record]:
    """Each looks like its neighbours and like nothing else."""
    return [record(f"c{i:02d}", looks(*range(5 * i, 5 * i + 12))) for i in range(length)]


def test_a_chain_of_look_alikes_is_cut_and_not_tied_together(tmp_path: Path) -> None:
    links = chain(20)
    sides_of = set()
    for seed in range(8):
        result, sides = mixed(tmp_path, Split(by="scene", ratios=HALVES), *links, seed=seed)
        assert set(result.dropped) <= {"looks_like_evaluation"}
        assert len(sides) >= 8
        sides_of.add(frozenset(sides.values()))
        for one, other in pairwise(links):
            if {one.id, other.id} <= sides.keys():
                assert sides[one.id] == sides[other.id]
    assert frozenset(("train", "val")) in sides_of


@settings(max_examples=60, deadline=None)
@given(
    made=st.lists(
        st.tuples(
            st.integers(0, 4), st.integers(0, 8), st.integers(0, 4), st.sampled_from(["train", "val", "test", ""])
        ),
        max_size=14,
    ),
    by=st.sampled_from(["scene", "official", "auto"]),
    seed=st.integers(0, 9),
)
def test_no_look_alikes_are_on_two_sides_and_the_order_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[int, int, int, str]],
    by: str,
    seed: int,
) -> None:
    lines = [
        record(
            f"r{i}",
            looks(*range(4 * bits, 4 * bits + 12)) if bits else "",
            split,
            scene=f"s{scene}",
            content=f"p{pixels}",
        )
        for i, (scene, bits, pixels, split) in enumerate(made)
    ]
    folder = tmp_path_factory.mktemp("mixed")
    split = msgspec.structs.replace(Split(ratios=HALVES), by=by)
    result, sides = mixed(folder, split, *lines, seed=seed)
    said = {line.id: line.provenance.views[0].looks for line in lines}
    kept = [name for name in sides if said[name]]
    for one in kept:
        for other in kept:
            assert sides[one] == sides[other] or distance(said[one], said[other]) > MOST_BITS
    again, same = mixed(folder, split, *lines[::-1], seed=seed)
    assert (same, again.dropped, again.joined) == (sides, result.dropped, result.joined)
