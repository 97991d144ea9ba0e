"""Feather modules start without numpy and its like: `georsmllm --help` answers at once, a reader opens no image library."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from modules import MODULES_BY_NAME, modules

HEAVY = ("numpy", "shapely", "PIL", "rasterio", "numba", "cv2", "scipy", "pandas", "torch", "transformers", "datasets")
FEATHER = (
    "georsmllm",
    "georsmllm.arrangements",
    "georsmllm.classes",
    "georsmllm.constrain.automaton",
    "georsmllm.constrain.export",
    "georsmllm.constrain.form",
    "georsmllm.constrain.grid_numbers",
    "georsmllm.constrain.points",
    "georsmllm.contracts",
    "georsmllm.discover",
    "georsmllm.covering",
    "georsmllm.errors",
    "georsmllm.files",
    "georsmllm.geometry",
    "georsmllm.imagefile",
    "georsmllm.images",
    "georsmllm.jsonl",
    "georsmllm.layout",
    "georsmllm.model.anyres",
    "georsmllm.model.needs",
    "georsmllm.model.places",
    "georsmllm.model.sidecars",
    "georsmllm.model.soundness",
    "georsmllm.model.spec",
    "georsmllm.model.tokens",
    "georsmllm.decoders",
    "georsmllm.maskdecoder",
    "georsmllm.maskfile",
    "georsmllm.masking",
    "georsmllm.measures",
    "georsmllm.pointtext",
    "georsmllm.predictions",
    "georsmllm.reasons",
    "georsmllm.recipe",
    "georsmllm.relations",
    "georsmllm.ribbons",
    "georsmllm.rng",
    "georsmllm.sam_chunks",
    "georsmllm.sam_settings",
    "georsmllm.scoring",
    "georsmllm.selecting",
    "georsmllm.streaming",
    "georsmllm.suspicions",
    "georsmllm.tiling",
    "georsmllm.train.recipe",
    "georsmllm.train.show",
    "georsmllm.train.throughput",
    "georsmllm.typed_yaml",
    "georsmllm.types",
    *(m.name for m in modules() if m.name.startswith("georsmllm.formats")),
    *(m.name for m in modules() if m.floor in ("converters", "parser", "scripts")),
)
IRON: tuple[str, ...] = (
    "georsmllm.constrain.processor",
    "georsmllm.infer",
    "georsmllm.model.image_only",
    "georsmllm.model.views",
    "georsmllm.sam",
    "georsmllm.sam_loading",
    "georsmllm.sam_meta",
    "georsmllm.sam_tiny",
    "georsmllm.sam_weights",
    "georsmllm.train.arguments",
    "georsmllm.train.batches",
    "georsmllm.train.building",
    "georsmllm.train.by_sample",
    "georsmllm.train.collate",
    "georsmllm.train.evaluate",
    "georsmllm.train.everywhere",
    "georsmllm.train.finals",
    "georsmllm.train.lesson",
    "georsmllm.train.stage_run",
    "georsmllm.train.trainer",
    "georsmllm.train.watch",
)
"""May have torch at the top."""


def imported(*names: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after these imports."""
    code = f"import sys, json\nfor name in {names!r}: __import__(name)\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_the_command_line_starts_light() -> None:
    assert imported("georsmllm.scripts.cli") & {*HEAVY, "yaml", "tqdm", "sqlite3", "asyncio"} == set()


def test_all_feather_modules_together_bring_nothing_heavy() -> None:
    assert sorted(imported(*FEATHER) & set(HEAVY)) == [], "test_no_feather_module_imports_heavy_ones tells where"


@pytest.mark.parametrize("name", FEATHER)
def test_no_feather_module_imports_heavy_ones_at_the_top(name: str) -> None:
    module = MODULES_BY_NAME[name]
    found = [
        f"{module.path}:{one.line}: {one.name}" for one in module.imports if one.top and one.name.split(".")[0] in HEAVY
    ]
    assert found == []


def test_a_heavy_import_would_be_seen() -> None:
    assert "numpy" in imported("georsmllm.scripts.cli", "numpy")


def test_no_module_brings_torch() -> None:
    everything = [m.name for m in modules() if m.name not in IRON]
    assert imported(*everything) & {"torch", "transformers", "torchvision"} == set()
