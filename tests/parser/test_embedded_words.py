"""Words: spelling, contractions, numbers, slips; the lexicon behind them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.parser import lexicon
from georsmllm.parser.words import repaired, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("Find PLANES!", ("find", "planes", "!")),
        ("north–south, top-left", ("north", "south", ",", "top", "left")),
        ("1,200 m² or 30-meter-long", ("1200", "m2", "or", "30", "meter", "long")),
        ("60 km/h, 2.5km", ("60", "km/h", ",", "2.5", "km")),
        ("aren't, can't, where's", ("are", "not", ",", "can", "not", ",", "where", "is")),
        ("the river's", ("the", "river", "'s")),
        ("the the river", ("the", "river")),
        ("2, 3 and 2nd", ("2", ",", "3", "and", "2nd")),
        ("<b>{s1}</b>", (",", "b", ",", ",", "s1", ",", ",", "b", ",")),
    ],
)  # fmt: skip
def test_words_of_a_text(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("plans", "planes"), ("airplans", "airplanes"), ("brigde", "bridge"), ("vehicals", "vehicles"),
        ("buildngs", "buildings"), ("harbuor", "harbour"), ("parkng", "parking"), ("hangers", "hangars"), ("runwya", "runway"),
    ],
)  # fmt: skip
def test_slips_are_repaired(slip, meant):
    assert repaired(slip) == meant


@pytest.mark.parametrize("word", ["fenced", "plants", "kayaks", "minarets", "xylophone", "planes", "habitat", "stork"])
def test_right_words_are_let_be(word):
    assert repaired(word) == word


@given(st.sampled_from(sorted(lexicon.vocabulary() - lexicon.slips().keys())))
def test_what_the_lexicon_knows_is_never_changed(word):
    assert repaired(word) == word


def test_every_class_of_the_readers_is_a_known_category(data):
    lists = json.loads((data / "class_lists.json").read_text(encoding="utf-8"))
    spelled = {" ".join(words(name.replace("_", " ").replace("/", " "))) for names in lists.values() for name in names}
    apart = re.compile(r"w (box|flatbed|liquid)|residential$")  # trailers with what they carry, and adjectives
    joined = {name for name in spelled if " " in name and not apart.search(name)}
    assert sorted(name for name in joined if not lexicon.knows(name)) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("storage tank", "thing"), ("minaret", "thing"), ("road", "region"), ("dirt road", "region"), ("farmland", "stuff"),
        ("flat farmland", "stuff"),
    ],
)  # fmt: skip
def test_kinds_of_categories(name, kind):
    assert lexicon.kind(name) == kind


@pytest.mark.parametrize(
    ("one", "several"),
    [
        ("harbor", "harbors"), ("wharf", "wharves"), ("small vehicle", "small vehicles"), ("bus", "buses"),
        ("ferry", "ferries"), ("aircraft", "aircraft"), ("vegetation", "vegetation"), ("dry riverbed", "dry riverbed"),
        ("person", "people"),
    ],
)  # fmt: skip
def test_plurals(one, several):
    assert lexicon.several(one) == several


def test_a_book_finds_the_longest_phrase():
    book = lexicon.Book([("on", "on"), ("on top of", "on"), ("on the left of", "left")])
    assert book.match(("on", "the", "left", "of"), 0) == (4, "left")
    assert book.match(("on", "the", "roof"), 0) == (1, "on")
    assert book.match((), 0) is None
