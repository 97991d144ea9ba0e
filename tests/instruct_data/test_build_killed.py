"""A build killed at any of its effects on the disk goes on, and ends in the same bytes; nobody else's files are touched."""

from __future__ import annotations

import json
from functools import partial

import pytest
from killing import dying
from worlds import recipe, tree

from georsmllm.errors import UsageError
from georsmllm.instruct_data.build import build
from georsmllm.recipe import Mix, Recipe


def rules(seed: int = 0) -> Recipe:
    """A small recipe whose mixture leaves views unused, so that removing them is among the effects."""
    return recipe("dota", seed=seed, mix=Mix(max_per_task={"count": 1, "det": 1, "region": 1}, negatives=0.0))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    build(rules(), tmp_path_factory.mktemp("expected") / "set")
    return tree(tmp_path_factory.getbasetemp() / "expected0" / "set")


def test_killed_before_any_effect_it_goes_on(tmp_path, expected):
    deaths = 0
    while True:
        out = tmp_path / str(deaths)
        if not dying(partial(build, rules(), out), after=deaths):
            break
        build(rules(), out)
        assert tree(out) == expected, f"killed before effect {deaths}"
        deaths += 1
    assert deaths > 20


def test_killed_while_overwriting_it_stays_ours(tmp_path, expected):
    deaths = 0
    while True:
        out = tmp_path / str(deaths)
        build(rules(seed=1), out)
        if not dying(partial(build, rules(), out, overwrite=True), after=deaths):
            break
        build(rules(), out, overwrite=True)
        assert tree(out) == expected, f"killed before effect {deaths}"
        deaths += 1
    assert deaths > 20


def test_a_finished_set_loses_what_a_killed_build_left_beside_it(tmp_path, expected):
    out = tmp_path / "set"
    build(rules(), out)
    (out / ".state").mkdir()
    (out / ".state" / "index.sqlite").write_bytes(b"x")
    assert build(rules(), out).already_there
    assert tree(out) == expected


def test_overwriting_needs_proof_that_the_folder_is_ours(tmp_path):
    site = tmp_path / "site"
    (site / "images").mkdir(parents=True)
    (site / "images" / "logo.png").write_bytes(b"x")
    (site / "manifest.json").write_text(json.dumps({"name": "My app", "icons": []}))
    with pytest.raises(UsageError, match="no set of ours"):
        build(rules(), site, overwrite=True)
    assert (site / "images" / "logo.png").exists()


def test_out_may_not_be_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        build(rules(), tmp_path / "file")


def test_a_relaxed_share_of_bad_records_goes_on_with_the_parts_that_are_there(tmp_path):
    import msgspec

    out = tmp_path / "set"
    with pytest.raises(UsageError, match="more than max_bad_share"):
        build(msgspec.structs.replace(rules(), max_bad_share=0.0), out)
    assert "short_row" in (out / "quarantine.jsonl").read_text()
    build(rules(), out)
    assert (out / "manifest.json").exists()
