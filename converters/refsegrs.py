"""RefSegRS and RISBench: expressions in a text file, each with a mask of what it means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from georsmllm import images
from georsmllm.contracts import Card, Converter, Ref
from georsmllm.errors import BadRecord, UsageError
from georsmllm.files import folder, not_there
from georsmllm.formats import label_png, picture
from georsmllm.types import UNNAMED, Sample

from . import _referred
from ._folders import by_stem, first_there

CARD = Card(
    title="RefSegRS, and RISBench of the same form: referring expressions with masks",
    layout="""
ROOT/images/0.tif, ROOT/masks/0.tif             RefSegRS; or
ROOT/img_rgb/0.jpg, ROOT/mask/0.png             RISBench
ROOT/output_phrase_{train,val,test}.txt         one expression a line
Image, mask and line belong together by the bare name. An image that no line names is left out.
""".strip(),
    label_line="12 road marking along the road",
    classes=f"""
None: an expression may mean anything, so that every piece of its mask is called "{UNNAMED}". What does not hang
together, corners included, is a target of its own, and the expression means all of them. Pieces of any size are kept.
""".strip(),
    paper="Yuan et al., RRSIS: Referring Remote Sensing Image Segmentation, TGRS 2024 (arXiv:2306.08625); Dong et al., "
    "Cross-Modal Bidirectional Interaction Model for Referring Remote Sensing Image Segmentation (RISBench), 2024 "
    "(arXiv:2410.08613)",
    licence="CC BY 4.0 (both); the pixels of RISBench are those of DOTA and DIOR: research use",
    defects="""
A mask is grey, 0 and 255 (0 and 1 in some copies), in three equal channels in RefSegRS; one saved as JPEG is cut at
128. An empty mask is refused as empty_mask, for the lists have no expression that means nothing. RefSegRS cuts one
picture out again for each of its expressions, under another number: which numbers are one picture is only told by
their pixels, and so it is kept out of two splits. The Hugging Face viewer shows no text: use the zip
(zhu-xlab/rrsis#1). RISBench's expressions hold typing errors ("rght"), which stay, and small targets, down to 0.07 %
of the image.
""".strip(),
)
SPLITS = ("test", "train", "val")
_IMAGES = ("images", "img_rgb", "image")
_MASKS = ("masks", "mask")
_EXPECTED = "images (or img_rgb), masks (or mask) and output_phrase_train.txt"

Span = tuple[int, int]


def find(root: Path) -> Iterator[Ref]:
    folder(root, "a RefSegRS folder with images, masks and output_phrase_train.txt")
    pictures, masks = first_there(root, _IMAGES), first_there(root, _MASKS)
    lists = [split for split in SPLITS if (root / _list(split)).is_file()]
    if pictures is None or masks is None or not lists:
        raise not_there(root, "images, masks and lists", _is_root, _EXPECTED)
    image_of = by_stem(root, pictures, images.SUFFIXES)
    mask_of = by_stem(root, masks, images.SUFFIXES)
    for split in lists:
        lines = _lines(root / _list(split))
        for stem in sorted(lines):
            image = image_of.get(stem, f"{pictures}/{stem}{_suffix(image_of)}")
            mask = mask_of.get(stem, f"{masks}/{stem}{_suffix(mask_of)}")
            yield Ref(f"{split}/{stem}", split, (image, mask, _list(split)), tuple(lines[stem]))


def _is_root(path: Path) -> bool:
    return first_there(path, _IMAGES) is not None and any((path / _list(split)).is_file() for split in SPLITS)


def _list(split: str) -> str:
    return f"output_phrase_{split}.txt"


def _suffix(files: dict[str, str]) -> str:
    """That of the first file, for the name that a missing one should have."""
    return PurePosixPath(next(iter(files.values()), ".tif")).suffix or ".tif"


def _lines(path: Path) -> dict[str, list[Span]]:
    """Bare name of the image -> where its lines lie in the file, in bytes."""
    found: dict[str, list[Span]] = defaultdict(list)
    at = 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        span, at = (at, at + len(line)), at + len(line)
        words = line.removeprefix(b"\xef\xbb\xbf").split(maxsplit=1)
        if not words:
            continue
        try:
            name = words[0].decode()
        except UnicodeDecodeError:
            raise UsageError(
                f"{path}:{number}: expected UTF-8 text, got {words[0][:20]!r}; write the file again"
            ) from None
        found[_stem(name)].append(span)
    if not found:
        raise UsageError(f"{path} is empty; expected an image's name and its expression a line")
    return found


def _stem(name: str) -> str:
    """The bare name of an image, which RISBench writes with its suffix and RefSegRS without."""
    plain = PurePosixPath(name.replace("\\", "/")).name
    return PurePosixPath(plain).stem if plain.lower().endswith(images.SUFFIXES) else plain


def read(root: Path, ref: Ref) -> Sample:
    path, mask, lines = ref.paths
    image = picture.read(root, path)
    phrases = tuple(_phrase(root, lines, span) for span in ref.spans)
    targets = _referred.targets(root, mask, image.size_wh, values=(0, 1, 255))
    if not targets:
        raise BadRecord("empty_mask", f"the mask of {phrases[0][:60]!r} shows nothing", where=mask)
    return Sample(
        id=f"refsegrs/{ref.key}",
        dataset="refsegrs",
        split=ref.split,
        scene=f"refsegrs/{ref.key}",
        images=(image,),
        targets=_referred.named_by(phrases, targets),
        texts=_referred.expressions(phrases, len(targets)),
        classes=(UNNAMED,),
    )


def _phrase(root: Path, lines: str, span: Span) -> str:
    start, end = span
    where = f"{lines}@{start}"
    with (root / lines).open("rb") as file:
        file.seek(start)
        raw = file.read(end - start)
    try:
        _, *words = raw.decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise BadRecord("not_text", f"expected UTF-8 text, got {raw[error.start :][:8]!r}", where=where) from None
    if not words:
        raise BadRecord("no_expression", "expected the expression after the image's name", where=where, raw=repr(raw))
    return " ".join(words)


CONVERTER = Converter(
    CARD,
    find,
    read,
    {
        **label_png.REASONS,
        "empty_mask": "a mask without any pixel of what its expression means",
        "no_expression": "a line with an image's name and nothing after it",
        "not_text": "a line that is not UTF-8 text",
    },
    generic=True,
)
