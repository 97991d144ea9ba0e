"""An answer as one picture: the image with its findings, enlarged where they are small, and the words below."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from georsmllm.outputs.captions import caption
from georsmllm.outputs.views import View, colour_of, inset_corner, is_crowded, overview, shown, strokes, views
from georsmllm.pen import FAINT, INK, PAPER, drawn, font
from georsmllm.types import Window

if TYPE_CHECKING:
    from PIL import Image

    from georsmllm.result import Result

_GAP_PX, _TITLE_PX = 10, 24
_NARROWEST_PX = 640
"""The words below need so much, however slim the image is."""
_COARSE = 3.0
"""Enlarged by more, pixels are shown as the squares that they are."""


def draw(result: Result, *, max_side: int = 1280) -> Image.Image:
    """max_side: of an image in the picture, in pixels; the images of a pair are three quarters of that."""
    from PIL import Image

    what = shown(result)
    all_views = views(result, what, max_side)
    crowded, colour = is_crowded(what, all_views), colour_of(result, what)
    panels = []
    for view in all_views:
        panel = drawn(_read(result, view), strokes(view, what, colour, crowded=crowded))
        if view.inset is not None:
            panel.paste(_inset(result, view), inset_corner(view, what, _GAP_PX))
        panels.append(panel)
    title = _TITLE_PX if any(view.title for view in all_views) else 0
    wide = sum(panel.width for panel in panels) + _GAP_PX * (len(panels) - 1)
    width, high = max(wide, min(_NARROWEST_PX, max_side)), max(panel.height for panel in panels)
    words = caption(result, what, all_views, width, colour)
    picture = Image.new("RGB", (width, title + high + words.height), PAPER)
    left = (width - wide) // 2
    for view, panel in zip(all_views, panels, strict=True):
        picture.paste(panel, (left, title))
        _title(picture, view, left)
        left += panel.width + _GAP_PX
    picture.paste(words, (0, title + high))
    return picture


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def _read(result: Result, view: View) -> Image.Image:
    from PIL import Image

    rgb = result.scenes[view.image].read(view.window, _read_size(view))
    picture = Image.fromarray(rgb)
    if picture.size == view.size_wh:
        return picture
    return picture.resize(
        view.size_wh, Image.Resampling.NEAREST if view.scale_xy[0] > _COARSE else Image.Resampling.BICUBIC
    )


def _read_size(view: View) -> tuple[int, int]:
    """Decimated where it is read, enlarged here."""
    return min(view.window.width, view.size_wh[0]), min(view.window.height, view.size_wh[1])


def _inset(result: Result, view: View) -> Image.Image:
    """The whole scene, framed, with the place of the view."""
    from PIL import ImageOps

    assert view.inset is not None
    size = result.scenes[view.image].image.size_wh
    whole = View(view.image, Window(0, 0, *size), view.inset)
    return ImageOps.expand(drawn(_read(result, whole), overview(view, size)), border=2, fill=INK)


def _title(picture: Image.Image, view: View, left: int) -> None:
    from PIL import ImageDraw

    ImageDraw.Draw(picture).text((left + 4, 4), view.title, fill=FAINT, font=font(14))
