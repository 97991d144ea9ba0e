"""What the two DeepGlobe readers share: satellite images and masks that pair by their number, in any of the layouts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.contracts import Ref
from georsmllm.errors import UsageError
from georsmllm.files import folder, held, walk
from georsmllm.formats import picture
from georsmllm.types import Sample

LAYOUT = """
ROOT/{train,valid,test}/104_sat.jpg, 104_mask.png                  or ROOT is itself one of them
ROOT/data/training_data/images/104_sat.jpg, masks/104_mask.png     torchgeo's; its test_data is cut from train
The split is the first folder that names one. A folder without masks (valid, test) gives samples that say nothing (tag
"unlabelled").
""".strip()
_SPLIT = re.compile(r"(?<![a-z])(train|valid|val|test)")
_SIDES = ("images", "masks")


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a DeepGlobe folder with train/104_sat.jpg, train/104_mask.png ...")
    pairs: dict[str, dict[str, str]] = {}
    for name in walk(root, images.SUFFIXES):
        path = PurePosixPath(name)
        number, _, kind = path.stem.rpartition("_")
        if not number or kind not in ("sat", "mask"):
            continue
        below = path.parent.parent if path.parent.name in _SIDES else path.parent
        pair = pairs.setdefault((below / number).as_posix(), {})
        if kind in pair:
            raise UsageError(f"two files of one name below {root}: {pair[kind]} and {name}; keep one of them")
        pair[kind] = name
    if not pairs:
        raise UsageError(
            f"no 104_sat.jpg or the like below {root}, which holds {held(root)}; expected train/104_sat.jpg"
        )
    labelled = {PurePosixPath(key).parent for key, pair in pairs.items() if "mask" in pair}
    for key, pair in sorted(pairs.items()):
        split = _SPLIT.search(PurePosixPath(key).parent.as_posix().lower())
        yield Ref(key, split[1] if split else "", tuple(_paths(key, pair, PurePosixPath(key).parent in labelled)))


def _paths(key: str, pair: dict[str, str], is_labelled: bool) -> Iterator[str]:
    """The image, and the mask where there is to be one; a file that is missing keeps the name that it should have."""
    yield pair.get("sat", f"{key}_sat.jpg")
    if is_labelled:
        yield pair.get("mask", f"{key}_mask.png")


def unlabelled(root: Path, ref: Ref, dataset: str, classes: tuple[str, ...]) -> Sample:
    """The sample before its mask is read; raises BadRecord."""
    return Sample(
        id=f"{dataset}/{ref.key}",
        dataset=dataset,
        split=ref.split,
        scene=f"{dataset}/{PurePosixPath(ref.key).name}",
        images=(picture.read(root, ref.paths[0]),),
        tags=("unlabelled",),
        classes=classes,
    )
