from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from georsmllm import imagefile, images
from georsmllm.images import (
    BadImage,
    Stretch,
    content_hash,
    geo,
    read_label_rgb,
    read_labels,
    read_rgb,
    size_wh,
    verify,
)
from georsmllm.types import Window

RAMP = (np.arange(64 * 48) % 251).astype(np.uint8).reshape(48, 64)
RGB = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=2)


def save(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    Image.fromarray(array, mode).save(path, **options)
    return path


def tiff(path: Path, bands: np.ndarray, colours: tuple[str, ...] = (), **profile: object) -> Path:
    count, height, width = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, dtype=bands.dtype, **profile
    ) as out:
        if colours:
            out.colorinterp = [ColorInterp[name] for name in colours]
        out.write(bands)
    return path


def png_header(width: int, height: int, bits: int = 8, kind: int = 2) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    return imagefile.PNG_HEAD + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def reason(call: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(BadImage) as caught:
        call(path)
    assert caught.value.reason in images.REASONS
    assert "\n" not in str(caught.value)
    return caught.value.reason


# sizes and colours


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp", "tif"])
def test_every_known_form_has_its_size_and_three_channels(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", RGB)
    assert size_wh(path) == (64, 48)
    assert read_rgb(path).shape == (48, 64, 3)
    assert read_rgb(path).dtype == np.uint8
    verify(path)


def test_the_first_bytes_decide_not_the_suffix(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", RGB)
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    assert (read_rgb(tmp_path / "a.png") == RGB).all()


@pytest.mark.parametrize(
    ("mode", "array", "expected"),
    [
        ("L", RAMP, np.stack([RAMP] * 3, 2)),
        ("RGBA", np.dstack([RGB, np.zeros((48, 64), np.uint8)]), RGB),
        ("LA", np.dstack([RAMP, RAMP]), np.stack([RAMP] * 3, 2)),
    ],
)
def test_alpha_is_left_out_and_grey_is_tripled(
    tmp_path: Path, mode: str, array: np.ndarray, expected: np.ndarray
) -> None:
    Image.fromarray(array).convert(mode).save(tmp_path / "a.png")
    assert (read_rgb(tmp_path / "a.png") == expected).all()


def test_palette_colours_are_looked_up_even_with_transparent_ones(tmp_path: Path) -> None:
    picture = Image.fromarray(RAMP % 3, "P")
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    picture.save(tmp_path / "a.png", transparency=b"\x00\x80\xff")
    assert (read_rgb(tmp_path / "a.png") == np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]])[RAMP % 3]).all()


def test_a_jpeg_that_asks_to_be_turned_stays_as_stored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    save(tmp_path / "a.jpg", RGB, exif=exif)
    assert size_wh(tmp_path / "a.jpg") == (64, 48)
    assert read_rgb(tmp_path / "a.jpg").shape == (48, 64, 3)


def test_the_fourth_band_is_infrared_unless_it_says_alpha(tmp_path: Path) -> None:
    bands = np.concatenate([RGB.transpose(2, 0, 1), np.zeros((1, 48, 64), np.uint8)])
    assert (read_rgb(tiff(tmp_path / "naip.tif", bands)) == RGB).all()


def test_bands_that_say_their_colour_are_taken_by_it(tmp_path: Path) -> None:
    path = tiff(tmp_path / "bgr.tif", RGB.transpose(2, 0, 1)[::-1], ("blue", "green", "red"))
    assert (read_rgb(path) == RGB).all()


def test_thirteen_bands_are_sentinel_2_and_show_four_three_two(tmp_path: Path) -> None:
    bands = np.zeros((13, 48, 64), np.uint8)
    bands[3], bands[2], bands[1] = RGB.transpose(2, 0, 1)
    assert (read_rgb(tiff(tmp_path / "s2.tif", bands)) == RGB).all()


def test_a_tiff_palette_is_looked_up(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    with rasterio.open(path, "w", driver="GTiff", width=64, height=48, count=1, dtype="uint8") as out:
        out.write(RAMP % 2, 1)
        out.write_colormap(1, {0: (1, 2, 3, 255), 1: (200, 100, 50, 255)})
    assert (read_rgb(path) == np.array([[1, 2, 3], [200, 100, 50]])[RAMP % 2]).all()
    assert (read_labels(path) == RAMP % 2).all()
    assert (read_label_rgb(path) == read_rgb(path)).all()


# radiometry


def test_eight_bits_are_never_stretched_unless_asked(tmp_path: Path) -> None:
    dim = (RGB // 4).astype(np.uint8)
    path = save(tmp_path / "dim.png", dim)
    assert (read_rgb(path) == dim).all()
    assert read_rgb(path, stretch=Stretch("percentile")).max() == 255


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "float64"])
def test_wider_bands_are_spread_between_their_percentiles(tmp_path: Path, dtype: str) -> None:
    bands = np.broadcast_to(np.linspace(1000, 3000, 101), (101, 101))[None].astype(dtype)
    rgb = read_rgb(tiff(tmp_path / "a.tif", bands))
    assert (rgb[0, :, 0] == np.floor(np.clip((np.arange(101) - 2) / 96, 0, 1) * 255 + 0.5)).all()


def test_sixteen_bit_png_keeps_its_low_bytes(tmp_path: Path) -> None:
    deep = (RAMP.astype(np.uint16) + 300)[None].repeat(3, axis=0)
    with rasterio.open(tmp_path / "a.png", "w", driver="PNG", width=64, height=48, count=3, dtype="uint16") as out:
        out.write(deep)
    assert np.unique(read_rgb(tmp_path / "a.png")).size > 100


@pytest.mark.parametrize("nodata", [-9999.0, float("nan")])
def test_nodata_counts_for_nothing_and_is_black(tmp_path: Path, nodata: float) -> None:
    band = np.broadcast_to(np.linspace(1, 2, 64), (48, 64)).astype(np.float32).copy()
    band[:10] = nodata
    rgb = read_rgb(tiff(tmp_path / "a.tif", band[None], nodata=nodata))
    assert (rgb[:10] == 0).all()
    assert int(rgb[20, 32, 0]) == pytest.approx(128, abs=4)


def test_infinite_values_are_nodata(tmp_path: Path) -> None:
    band = np.broadcast_to(np.linspace(1, 2, 64), (48, 64)).astype(np.float32).copy()
    band[0] = np.inf
    rgb = read_rgb(tiff(tmp_path / "a.tif", band[None]))
    assert (rgb[0] == 0).all()
    assert int(rgb[20, 32, 0]) == pytest.approx(128, abs=4)


def test_a_file_of_nodata_only_is_black(tmp_path: Path) -> None:
    assert (read_rgb(tiff(tmp_path / "a.tif", np.full((3, 8, 8), 7, np.uint16), nodata=7)) == 0).all()


def test_windows_of_one_scene_agree_with_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tiff(tmp_path / "a.tif", rng.integers(0, 4000, (3, 80, 96)).astype(np.uint16))
    whole = read_rgb(path)
    for window in (Window(0, 0, 32, 32), Window(64, 48, 32, 32), Window(5, 7, 11, 3)):
        tile = read_rgb(path, window)
        assert (tile == whole[window.y : window.y + window.height, window.x : window.x + window.width]).all()


def test_a_window_of_a_png_is_the_same_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", RGB)
    assert (read_rgb(path, Window(3, 4, 20, 10)) == RGB[4:14, 3:23]).all()


def test_a_stretch_says_itself_in_one_word_and_range() -> None:
    assert str(Stretch()) == "auto 2-98"
    assert str(Stretch("percentile", 0.5, 99.5)) == "percentile 0.5-99.5"


# labels


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bit_grey_labels_are_not_spread_over_the_range(tmp_path: Path, bits: int) -> None:
    labels = RAMP % (2**bits)
    rows = b"".join(b"\0" + np.packbits(np.unpackbits(r[:, None], axis=1)[:, -bits:].ravel()).tobytes() for r in labels)
    data = png_header(64, 48, bits, 0)
    body = zlib.compress(rows)
    start, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    (tmp_path / "a.png").write_bytes(data[:start] + chunk + data[end:])
    assert (read_labels(tmp_path / "a.png") == labels).all()


def test_labels_are_read_as_stored(tmp_path: Path) -> None:
    palette = Image.fromarray(RAMP % 7, "P")
    palette.putpalette([255, 0, 0] * 7)
    palette.save(tmp_path / "p.png")
    assert (read_labels(tmp_path / "p.png") == RAMP % 7).all()
    assert (read_labels(save(tmp_path / "l.png", RAMP)) == RAMP).all()
    Image.fromarray(RAMP > 100).save(tmp_path / "1.png")
    assert (read_labels(tmp_path / "1.png") == (RAMP > 100)).all()
    assert read_labels(tmp_path / "1.png").dtype == np.uint8
    deep = RAMP.astype(np.uint16) * 200
    assert (read_labels(save(tmp_path / "16.png", deep)) == deep).all()
    assert (
        read_labels(tiff(tmp_path / "32.tif", (RAMP.astype(np.int32) * 300)[None])) == RAMP.astype(np.int32) * 300
    ).all()
    assert (read_labels(save(tmp_path / "3.png", np.stack([RAMP] * 3, 2))) == RAMP).all()


@pytest.mark.parametrize("white", ["YES", "NO"])
def test_a_one_bit_tiff_says_one_where_it_is_white(tmp_path: Path, white: str) -> None:
    mask = (RAMP > 100).astype(np.uint8)
    stored = 1 - mask if white == "YES" else mask
    photometric = "MINISWHITE" if white == "YES" else "MINISBLACK"
    path = tiff(tmp_path / "a.tif", stored[None], nbits=1, photometric=photometric)
    assert (read_labels(path) == mask).all()


def test_colour_labels_are_refused_as_grey_and_read_as_colours(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", RGB)
    with pytest.raises(
        BadImage, match=r"expected one label channel, got 3 that differ: \(0, 255, 0\) at 0,0"
    ) as caught:
        read_labels(path)
    assert caught.value.reason == "image_mode"
    assert (read_label_rgb(path) == RGB).all()


def test_float_labels_are_refused(tmp_path: Path) -> None:
    assert reason(read_labels, tiff(tmp_path / "a.tif", RAMP[None].astype(np.float32))) == "image_mode"


# bad input


def test_missing_files_folders_and_loops_are_missing(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("none.png", "loop.png", "folder.png"):
        for call in (size_wh, geo, read_rgb, read_labels, read_label_rgb, verify):
            assert reason(call, tmp_path / name) == "image_missing"


@pytest.mark.parametrize(
    "content", [b"hello world", b"<VRTDataset><SRS>/etc/hostname</SRS></VRTDataset>", b"%!PS-Adobe"]
)
def test_what_is_no_image_is_unreadable_and_shows_its_first_bytes(tmp_path: Path, content: bytes) -> None:
    for name in ("a.png", "a.tif"):
        (tmp_path / name).write_bytes(content)
        assert reason(size_wh, tmp_path / name) == "image_unreadable"
        with pytest.raises(BadImage, match="begins with"):
            read_rgb(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_an_image_cut_anywhere_is_truncated_and_never_padded(tmp_path: Path, suffix: str) -> None:
    whole = save(tmp_path / f"a.{suffix}", RGB).read_bytes()
    for share in (0, 0.01, 0.1, 0.5, 0.9):
        (tmp_path / f"b.{suffix}").write_bytes(whole[: int(len(whole) * share)])
        assert reason(verify, tmp_path / f"b.{suffix}") in ("image_truncated", "image_unreadable")
        assert reason(read_rgb, tmp_path / f"b.{suffix}") in ("image_truncated", "image_unreadable")
    assert reason(verify, tmp_path / f"b.{suffix}") == "image_truncated"


def test_a_cut_image_raises_even_when_others_asked_for_padding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = save(tmp_path / "a.png", RGB).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert reason(read_rgb, tmp_path / "a.png") == "image_truncated"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    suffix = data.draw(st.sampled_from(["png", "jpg", "tif", "gif", "bmp", "webp"]))
    content = bytearray(save(folder / f"a.{suffix}", RGB).read_bytes())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=6)):
        content[at] = value
    path = folder / f"b.{suffix}"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    for call in (size_wh, geo, read_rgb, read_labels, read_label_rgb, verify):
        try:
            call(path)
        except BadImage as bad:
            assert bad.reason in images.REASONS  # noqa: PT017  (either outcome is right)


def test_more_than_two_gigapixels_are_refused_with_the_number(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(50_000, 50_000))
    with pytest.raises(
        BadImage, match=r"50000 x 50000 is 2,500,000,000 pixels, above the limit 2,000,000,000"
    ) as caught:
        size_wh(tmp_path / "a.png")
    assert caught.value.reason == "image_bomb"


@pytest.mark.parametrize("side", [11_000, 20_000])
def test_a_large_image_in_too_few_bytes_is_a_bomb(tmp_path: Path, side: int) -> None:
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    for call in (size_wh, read_rgb, read_labels, read_label_rgb, verify):
        assert reason(call, tmp_path / "a.png") == "image_bomb"
    with pytest.raises(BadImage, match=rf"{side} x {side} px in \d+ bytes is 0\.0000\d+ bytes a pixel"):
        size_wh(tmp_path / "a.png")


def test_an_image_above_100_megapixels_is_read_by_window_only(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=10_100, height=10_000, count=1, dtype="uint8", tiled=True
    ) as out:
        out.write(
            np.arange(256, dtype=np.uint8).reshape(1, 16, 16), window=rasterio.windows.Window(9_000, 9_000, 16, 16)
        )
    with path.open("ab") as file:
        file.truncate(10_100 * 10_000)
    assert size_wh(path) == (10_100, 10_000)
    assert (read_rgb(path, Window(9_000, 9_000, 16, 16))[..., 1] == np.arange(256).reshape(16, 16)).all()
    with pytest.raises(BadImage, match="above 100 megapixels read it by window") as caught:
        read_rgb(path)
    assert caught.value.reason == "image_bomb"
    assert reason(read_labels, path) == "image_bomb"


def test_a_png_beyond_pillows_own_limit_still_has_its_size(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_header(14_000, 14_000) + b"\0" * 400_000)
    assert size_wh(path) == (14_000, 14_000)
    assert reason(read_rgb, path) == "image_bomb"
    assert reason(verify, path) == "image_truncated"


def test_a_bad_image_survives_the_way_back_from_a_worker(tmp_path: Path) -> None:
    bad = pickle.loads(pickle.dumps(BadImage("image_mode", "no", tmp_path / "a.png")))
    assert (bad.reason, bad.message, bad.path) == ("image_mode", "no", tmp_path / "a.png")
    assert str(bad) == f"{tmp_path}/a.png: no [image_mode]"


# hashes and places


def test_the_hash_is_of_pixels_and_size_not_of_the_file(tmp_path: Path) -> None:
    assert content_hash(read_rgb(save(tmp_path / "a.png", RGB))) == content_hash(
        read_rgb(save(tmp_path / "a.bmp", RGB))
    )
    assert len(content_hash(RGB)) == 32
    assert content_hash(RGB) != content_hash(RGB.reshape(64, 48, 3))
    assert content_hash(RGB[:, ::-1]) != content_hash(RGB)
    assert content_hash(RGB[:, ::-1]) == content_hash(RGB[:, ::-1].copy())


def test_a_blank_image_has_no_hash() -> None:
    assert content_hash(np.full((8, 8, 3), 7, np.uint8)) == ""


def test_affine_and_crs_come_from_the_file_or_are_none(tmp_path: Path) -> None:
    transform = Affine(0.5, 0.0, 500000.0, 0.0, -0.5, 4000000.0)
    placed = tiff(tmp_path / "a.tif", RGB.transpose(2, 0, 1), crs="EPSG:32633", transform=transform)
    assert geo(placed) == ((0.5, 0.0, 500000.0, 0.0, -0.5, 4000000.0), "EPSG:32633")
    assert geo(save(tmp_path / "a.png", RGB)) == (None, None)
    assert geo(tiff(tmp_path / "b.tif", RGB.transpose(2, 0, 1))) == (None, None)


# real files


def test_real_geotiffs_show_colours_where_pillow_shows_alpha(real: Callable[[str], Path]) -> None:
    folder = real("geotiff")
    naip = folder / "naip" / "m_4709963_se_14_1_20090818.tif"
    with rasterio.open(naip) as data:
        bands = data.read([1, 2, 3])
    assert (read_rgb(naip) == bands.transpose(1, 2, 0)).all()
    assert size_wh(folder / "RGBA.uint16.tif") == (634, 411)
    assert geo(folder / "rotated.tif")[1] is None
    assert read_rgb(folder / "cogeo.tif", Window(100, 100, 50, 40)).shape == (40, 50, 3)
    for path in sorted(folder.rglob("*.tif")):
        assert read_rgb(path).shape == (*size_wh(path)[::-1], 3)
        verify(path)


def test_a_real_one_bit_building_mask_has_few_buildings_not_few_gaps(real: Callable[[str], Path]) -> None:
    assert read_labels(real("whu_building") / "train" / "label" / "1.tif").mean() == pytest.approx(0.020, abs=0.001)


@pytest.mark.parametrize("where", ["none", "text", "before", "after", "profile"])
def test_a_png_that_may_be_turned_is_told_without_its_pixels(tmp_path: Path, where: str) -> None:
    """As Pillow tells it, which decodes the whole file for that."""
    exif = Image.Exif()
    exif[274] = 6
    info = PngInfo()
    if where == "text":
        info.add_text("Software", "exif is only a word here")
    if where == "profile":
        info.add_text("Raw profile type exif", "\nexif\n 8\n4578696600000000\n")
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path, pnginfo=info, **({"exif": exif} if where == "before" else {}))
    if where == "after":
        data, chunk = path.read_bytes(), b"eXIf" + exif.tobytes()[6:]
        packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        path.write_bytes(data[:-12] + packed + data[-12:])
    assert imagefile.png_has_exif(path) is (where in ("before", "after", "profile"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])  # cut short: no chunk is made up
    assert imagefile.png_has_exif(path) is (where in ("before", "profile"))
