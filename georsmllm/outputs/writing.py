"""A result written as the file's ending says; a folder gets all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from georsmllm.errors import UsageError
from georsmllm.jsonl import write_json, writing

if TYPE_CHECKING:
    from georsmllm.result import Result
    from georsmllm.types import ImageRef

ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        ".geojson": "GeoJSON: outlines on WGS 84, or in another CRS that is asked for",
        ".gpkg": "GeoPackage: a layer of the answer and one of each step, in the image's own CRS",
        ".tif": "label raster on the grid of the image, a Cloud Optimized GeoTIFF",
        ".tiff": "the same as .tif",
        ".png": "picture: the image with what was found, and the steps",
        ".json": "COCO annotations",
        ".txt": "DOTA labels",
    }
)
"""What each ending gives."""
WITH_CRS = (".geojson", ".gpkg")


def save(result: Result, path: Path, *, crs: str | None = None, simplify_px: float = 0.0) -> Path:
    """The file, or the folder where the path is one or has no ending. Raises UsageError."""
    ending = check_ending(path)
    if not ending:
        return save_all(result, path, crs=crs, simplify_px=simplify_px)
    if crs is not None and ending not in WITH_CRS:
        raise UsageError(f"a CRS can be asked of {' and '.join(WITH_CRS)}, got {path.name}: leave it out")
    if ending == ".geojson":
        from georsmllm.outputs.geojson import collection

        write_json(path, collection(result, crs=crs, simplify_px=simplify_px))
    elif ending == ".gpkg":
        from georsmllm.outputs import gpkg

        gpkg.write(result, path, crs=crs, simplify_px=simplify_px)
    else:
        _WRITERS[ending](result, path)
    return path


def check_ending(path: Path) -> str:
    """The ending of ENDINGS that a file has, "" for a folder; raises UsageError for any other, before anything is asked."""
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        return ""
    if ending not in ENDINGS:
        raise UsageError(f"expected {path.name} to end in {', '.join(ENDINGS)} (or to be a folder), got {ending!r}")
    return ending


def check_crs(crs: str | None, paths: Sequence[Path], images: Sequence[ImageRef]) -> None:
    """Raises UsageError, before anything is asked, for a CRS that is none, that the images have no road to, or that none of
    the files holds."""
    from georsmllm.outputs.places import on_map

    if crs is None:
        return
    if not any(holds_crs(path) for path in paths):
        raise UsageError(
            f"a CRS can be asked of {' and '.join(WITH_CRS)} and of a folder; no file here is one: leave it out"
        )
    if crs.strip().lower() != "source":
        on_map(images, crs)


def holds_crs(path: Path) -> bool:
    """Whether a CRS can be asked of a file, or folder."""
    return check_ending(path) in ("", *WITH_CRS)


def save_all(result: Result, folder: Path, *, crs: str | None = None, simplify_px: float = 0.0) -> Path:
    """A folder of every format, and `answer.json` with all that the result holds."""
    from georsmllm.outputs import gpkg, raster
    from georsmllm.outputs.structured import structured

    gpkg.check()
    for name in ("findings.geojson", "findings.gpkg"):
        save(result, folder / name, crs=crs, simplify_px=simplify_px)
    for name in ("picture.png", "coco.json"):
        save(result, folder / name)
    for index, scene in enumerate(result.scenes):
        name = scene.name if len(result.scenes) == 1 else f"{'AB'[index]}_{scene.name}"
        _dota(result, folder / "labelTxt" / f"{name}.txt", image=index)
    for kind in raster.KINDS:
        if kind != "scores" or any(one.mask_score is not None for one in result.findings):
            raster.write(result, folder / f"{kind}.tif", kind=kind)
    write_json(folder / "answer.json", structured(result))
    return folder


def _coco(result: Result, path: Path) -> None:
    from georsmllm.outputs.coco import document

    write_json(path, document(result))


def _dota(result: Result, path: Path, *, image: int | None = None) -> None:
    """image: None of the one that has findings; a label file is of one image, so both raise UsageError."""
    from georsmllm.outputs.dota import text

    held = sorted({one.image for one in result.findings})
    if image is None and len(held) > 1:
        raise UsageError("a DOTA label file is of one image, and both of the pair have findings: write a folder")
    with writing(path) as out:
        out.write(text(result, image=image if image is not None else (held or [0])[0]).encode())


def _png(result: Result, path: Path) -> None:
    from georsmllm.outputs.picture import draw, png

    with writing(path) as out:
        out.write(png(draw(result)))


def _raster(result: Result, path: Path) -> None:
    from georsmllm.outputs import raster

    raster.write(result, path)


_WRITERS: Mapping[str, Callable[[Result, Path], None]] = MappingProxyType(
    {".tif": _raster, ".tiff": _raster, ".png": _png, ".json": _coco, ".txt": _dota}
)
