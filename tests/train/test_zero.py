"""DeepSpeed's settings by name or path, what is refused in them, and what a machine changes."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json
from georsmllm.train import zero

FOLDER = Path(str(files("georsmllm.scripts") / "recipes" / "deepspeed"))


@pytest.mark.parametrize(
    ("name", "shards", "offloads"),
    [
        ("zero1", False, False),
        ("zero2", False, False),
        ("zero2_offload", False, True),
        ("zero3", True, False),
        ("zero3_offload", True, True),
    ],
)
def test_named_settings_do_what_they_are_called(name: str, shards: bool, offloads: bool) -> None:
    found = zero.facts(zero.settings(name, FOLDER))
    assert (found.shards_weights, found.offloads) == (shards, offloads)


def test_every_named_setting_is_tabled_above() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == [
        "zero1",
        "zero2",
        "zero2_offload",
        "zero3",
        "zero3_offload",
    ]


def test_a_name_that_is_none_answers_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no settings are called 'zero_3'.*zero3"):
        zero.settings("zero_3", FOLDER)


def test_settings_of_ones_own_by_path(tmp_path: Path) -> None:
    write_json(tmp_path / "mine.json", {"zero_optimization": {"stage": 3}, "anything": {"of": "deepspeed"}})
    found = zero.settings(str(tmp_path / "mine.json"), FOLDER)
    assert found["anything"] == {"of": "deepspeed"} and zero.facts(found).shards_weights


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": {"type": "AdamW"}}, "leave `optimizer` out"),
        ({"zero_optimization": {"stage": "three"}}, "stage"),
    ],
)
def test_what_would_overrule_the_recipe_is_refused(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    write_json(tmp_path / "mine.json", settings)
    with pytest.raises(UsageError, match=said):
        zero.settings(str(tmp_path / "mine.json"), FOLDER)


def test_without_a_gpu_nothing_is_compiled() -> None:
    offloading = zero.settings("zero2_offload", FOLDER)
    assert zero.suited(offloading, on_gpu=False)["zero_force_ds_cpu_optimizer"] is False
    assert "zero_force_ds_cpu_optimizer" not in offloading
    plain = zero.settings("zero2", FOLDER)
    assert zero.suited(plain, on_gpu=False) == zero.suited(plain, on_gpu=True) == plain


def test_on_a_gpu_offloading_needs_a_compiler_or_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    offloading = zero.settings("zero2_offload", FOLDER)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"no g\+\+"):
        zero.suited(offloading, on_gpu=True)
    slow = {**offloading, "zero_force_ds_cpu_optimizer": False}
    assert zero.suited(slow, on_gpu=True) == slow
