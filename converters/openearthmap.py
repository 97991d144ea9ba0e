"""OpenEarthMap: land cover of 97 regions on six continents, eight classes a pixel at 0.25 to 0.5 m, georeferenced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from georsmllm.classes import canonical
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, not_there, walk
from georsmllm.formats import label_png, label_rgb, picture
from georsmllm.types import Sample, Text

if TYPE_CHECKING:
    from georsmllm.images import Labels

CARD = Card(
    title="OpenEarthMap: land-cover masks of 5,000 tiles of about 1000 px from 97 regions in 44 countries",
    layout="""
ROOT/koeln/images/koeln_50.tif          GeoTIFF; its affine and CRS go into the image
ROOT/koeln/labels/koeln_50.tif
ROOT/train.txt, val.txt, test.txt       file names, one a line; a tile that none names has no split, one that several name
                                        belongs to the first of test, val, train
A split of which no tile has a label says nothing (tag "unlabelled"), and so does a tile without one that no list names.
""".strip(),
    label_line="an 8-bit one-band TIFF of the image's size with values 0 to 8, or a colour image of the same classes",
    classes="""
0 unknown (never asked), 1 bareland (128, 0, 0) ("bare land"), 2 rangeland (0, 255, 36), 3 developed space (148, 148, 148),
4 road (255, 255, 255), 5 tree (34, 97, 38), 6 water (0, 69, 255), 7 agriculture land (75, 181, 73) ("agricultural land"),
8 building (222, 31, 7). The source's spelling is kept as the attribute source_label where it differs.
An object is what hangs together, corners included; pieces under 64 px are ignored as "under_size". A tile with any unknown
pixel is sure of no class's absence. The region's name becomes the place: "buenos_aires" is Buenos Aires.
""".strip(),
    paper="Xia et al., OpenEarthMap: A Benchmark Dataset for Global High-Resolution Land Cover Mapping, WACV 2023 "
    "(arXiv:2210.10732)",
    licence="labels: those of the region's imagery, else CC BY-NC-SA 4.0; imagery by region",
    defects="""
Several sets of split lists go round under the same names: the paper's 3000/500/1500, Mini's 663/92/313, and a copy with
3000/1500/500, whose val and test may have changed places. The lists are counted, and every sample bears the result as a
tag ("lists:3000/500/1500 official"). The RGB of the regions taken from xBD is not in the download: such tiles are listed
and image_missing. "developed space" holds yards and service roads. The labels of the official test are withheld. Tiles of
Inria (Austin, Chicago, Kitsap, Tyrol, Vienna), SpaceNet and xBD share pixels with those datasets: only content hashes tell.
""".strip(),
)
UNKNOWN = 0
CLASSES = {
    1: "bareland",
    2: "rangeland",
    3: "developed space",
    4: "road",
    5: "tree",
    6: "water",
    7: "agriculture land",
    8: "building",
}
COLOURS = {
    (0, 0, 0): 0,
    (128, 0, 0): 1,
    (0, 255, 36): 2,
    (148, 148, 148): 3,
    (255, 255, 255): 4,
    (34, 97, 38): 5,
    (0, 69, 255): 6,
    (75, 181, 73): 7,
    (222, 31, 7): 8,
}
CIRCULATING: dict[tuple[int, ...], str] = {  # tiles in train, val, test
    (3000, 500, 1500): "official",
    (663, 92, 313): "mini",
    (3000, 1500, 500): "val and test changed places",
}
SPLITS = ("test", "val", "train")
_SUFFIXES = (".tif", ".tiff")
# Names that are run together, cut short or misspelt in the folders; "western" alone names no place.
_PLACES = {
    "chiangmai": "Chiang Mai",
    "coxsbazar": "Cox's Bazar",
    "daressalaam": "Dar es Salaam",
    "leilane_estates": "Leilani Estates",
    "pointenoire": "Pointe-Noire",
    "rio": "Rio de Janeiro",
    "tyrolw": "Western Tyrol",
    "vegas": "Las Vegas",
    "western": "",
}
_SMALL_WORDS = ("a", "de", "du")


@dataclass(frozen=True, slots=True)
class _Lists:
    """split -> the tiles that its list names, without suffix, each with the file name that stands there."""

    names: Mapping[str, Mapping[str, str]]

    def splits(self, tile: str) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if tile in self.names.get(split, {}))

    @property
    def tags(self) -> tuple[str, ...]:
        if not self.names:
            return ()
        train, val, test = counts = tuple(len(self.names.get(split, {})) for split in ("train", "val", "test"))
        return (f"lists:{train}/{val}/{test} {CIRCULATING.get(counts, 'unknown')}",)


def find(root: Path) -> Iterator[Ref]:
    folder(root, "an OpenEarthMap folder with koeln/images, koeln/labels ... and train.txt, val.txt, test.txt")
    regions = _regions(root)
    if not regions:
        raise not_there(root, "region folder with images", _is_root, "koeln/images/koeln_50.tif and the like")
    _lists.cache_clear()  # the folder may have changed since this process last looked
    lists = _lists(root.resolve())
    there = {kind: _tiles(root, regions, kind) for kind in ("images", "labels")}
    listed = {tile: name for names in lists.names.values() for tile, name in names.items()}
    labelled = {lists.splits(tile)[:1] for tile in there["labels"]}
    keys = {f"{_region(tile, there)}/{tile}": tile for tile in {**there["images"], **there["labels"], **listed}}
    for key, tile in sorted(keys.items()):
        split = lists.splits(tile)[:1]
        file = PurePosixPath(there["images"].get(tile) or there["labels"].get(tile) or listed[tile]).name
        paths = [there["images"].get(tile, f"{key.split('/')[0]}/images/{file}")]
        if tile in there["labels"] or (split and split in labelled):
            paths.append(there["labels"].get(tile, f"{key.split('/')[0]}/labels/{file}"))
        yield Ref(key, "".join(split), tuple(paths))


def _regions(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if (path / "images").is_dir() or (path / "labels").is_dir())


def _is_root(path: Path) -> bool:
    return any((path / f"{split}.txt").is_file() for split in SPLITS) and bool(_regions(path))


def _tiles(root: Path, regions: list[str], kind: str) -> dict[str, str]:
    """Name without suffix -> path below the root, of all images or all labels."""
    found: dict[str, str] = {}
    for region in regions:
        if not (root / region / kind).is_dir():
            continue
        for name in walk(root / region / kind, _SUFFIXES, recursive=False):
            tile, path = PurePosixPath(name).stem, f"{region}/{kind}/{name}"
            if tile in found:
                raise UsageError(f"two files of one tile: {found[tile]} and {path}; keep one of them")
            found[tile] = path
    return found


def _region(tile: str, there: Mapping[str, Mapping[str, str]]) -> str:
    """The folder of a tile; of one that is nowhere, its name without the number (region names have "_", too)."""
    path = there["images"].get(tile) or there["labels"].get(tile)
    return path.split("/")[0] if path else tile.rpartition("_")[0] or tile


@lru_cache(maxsize=8)
def _lists(root: Path) -> _Lists:
    names: dict[str, dict[str, str]] = {}
    for split in SPLITS:
        path = root / f"{split}.txt"
        if not path.is_file():
            continue
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the split list {path}: {error}; expected file names, one a line") from None
        files = [PurePosixPath(line.strip()).name for line in lines if line.strip()]
        names[split] = {PurePosixPath(file).stem: file for file in files}
    return _Lists(names)


def read(root: Path, ref: Ref) -> Sample:
    image = picture.read(root, ref.paths[0])
    lists, path = _lists(root.resolve()), PurePosixPath(ref.key)
    place = _place(path.parts[0])
    sample = Sample(
        id=f"openearthmap/{ref.key}",
        dataset="openearthmap",
        split=ref.split,
        scene=f"openearthmap/{path.name}",
        images=(image,),
        texts=(Text("place", place),) if place else (),
        tags=lists.tags,
        classes=tuple(sorted(canonical(name) for name in CLASSES.values())),
        mended=(("kept_from_training", 1),) if len(lists.splits(path.name)) > 1 else (),
    )
    if len(ref.paths) == 1:
        return replace(sample, tags=(*lists.tags, "unlabelled"))
    labels = _labels(root, ref.paths[1], image.size_wh)
    # What lies under an unknown pixel is open, so a tile that has some cannot prove that a class is absent.
    sure = () if (labels == UNKNOWN).any() else sample.classes
    return replace(sample, targets=label_png.objects(labels, CLASSES), exhaustive=sure)


def _labels(root: Path, path: str, size_wh: tuple[int, int]) -> Labels:
    """Values 0 to 8 of a label of numbers, or of one of colours."""
    try:
        return label_png.read(root, path, size_wh, values=(UNKNOWN, *CLASSES))
    except BadRecord as bad:
        if bad.reason not in ("image_mode", "unknown_value"):
            raise
        by_number = bad
    try:
        return label_rgb.read(root, path, size_wh, colours=COLOURS)
    except BadRecord as by_colour:  # where black, grey and white are all, a colour label looks like one of numbers
        raise (by_colour if by_number.reason == "image_mode" else by_number) from None


def _place(region: str) -> str:
    """The name of a place as one writes it: "kujawsko-pomorskie" is Kujawsko-Pomorskie, "new_york" is New York."""
    words = region.split("_")
    written = [
        word if i and word in _SMALL_WORDS else "-".join(part.capitalize() for part in word.split("-"))
        for i, word in enumerate(words)
    ]
    return _PLACES.get(region, " ".join(written))


CONVERTER = Converter(
    CARD,
    find,
    read,
    label_rgb.REASONS,
    {"kept_from_training": "a tile in several split lists goes to the first of test, val, train"},
)
