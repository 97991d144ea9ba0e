from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from georsmllm.errors import UsageError
from georsmllm.formats import plain_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("protocol", range(6))
@given(value=PLAIN)
def test_plain_data_comes_back_as_it_was(tmp_path_factory, protocol: int, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / f"{protocol}.p"
    path.write_bytes(pickle.dumps(value, protocol))
    assert plain_pickle.load(path) == value


def test_python_2_strings_are_strings(tmp_path: Path) -> None:
    path = tmp_path / "old.p"
    path.write_bytes(b"(lp0\n(dp1\nS'sent'\np2\nS'a ship'\np3\nsa.")
    assert plain_pickle.load(path) == [{"sent": "a ship"}]


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Evil(), "GLOBAL"),
        ([1, 2, print], "GLOBAL"),
        ([{"ann_id": b"7"}], "BYTES"),
        ({"a": {1, 2}}, "EMPTY_SET"),
        ({1: "a"}, "a dictionary key that is a int"),
    ],
)
def test_what_makes_no_plain_value_is_refused_by_name_and_never_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.p").write_bytes(pickle.dumps(value, 4))
    with pytest.raises(UsageError, match=named) as caught:
        plain_pickle.load(tmp_path / "x.p")
    assert not (tmp_path / "evil").exists()
    assert "\n" not in str(caught.value)


def test_every_cut_and_many_broken_pickles_are_refused_or_read(tmp_path: Path) -> None:
    whole = pickle.dumps([{"ann_id": 7, "sentences": [{"raw": "A ship", "tokens": ("a", "ship")}]}], 4)
    path = tmp_path / "x.p"
    refused = 0
    for at in range(len(whole)):
        for broken in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
            path.write_bytes(broken)
            try:
                plain_pickle.load(path)
            except UsageError as error:
                refused += str(path) in str(error)
    assert refused > len(whole)


def test_a_file_that_claims_more_than_it_holds_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.p"
    for claim in (
        b"\x80\x04X\xff\xff\xff\xffa.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa.",
        b"\x80\x02]r\xff\xff\xff\xffh\x01.",
    ):
        path.write_bytes(claim)
        with pytest.raises(UsageError):
            plain_pickle.load(path)


def test_a_list_that_holds_itself_many_times_is_refused(tmp_path: Path) -> None:
    grown: list[object] = []
    for _ in range(60):
        grown = [grown, grown]
    looped: list[object] = []
    looped.append(looped)
    for value in (grown, looped):
        (tmp_path / "x.p").write_bytes(pickle.dumps(value, 4))
        with pytest.raises(UsageError, match="more than"):
            plain_pickle.load(tmp_path / "x.p")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no\.p: cannot be read"):
        plain_pickle.load(tmp_path / "no.p")
