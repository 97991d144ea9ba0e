"""The eyes of an executor: a model asked about scenes of any size, tile by tile, its answers merged in the scene's frame.

A scene that fits the model's view is one view. A larger one is first seen whole and coarse, where objects longer than the
tiles' overlap are whole, then tile by tile, where small ones are sharp; what several views say of one object is merged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from georsmllm import candidate_groups, phrasing, seams, selecting
from georsmllm.answering import Answer, Decoding, Engine, Question
from georsmllm.classes import is_countable, plural
from georsmllm.errors import BadAnswer
from georsmllm.found import ChangeKind, Chosen, Finding, Seen, Watch, outline
from georsmllm.masks import from_shape
from georsmllm.phrasing import TaskOf, Worded
from georsmllm.pointtext import decode
from georsmllm.types import ImageRef, Message, PointSet, Window
from georsmllm.viewports import Viewport, viewports

if TYPE_CHECKING:
    from PIL.Image import Image

    from georsmllm.maskdecoder import MaskDecoder
    from georsmllm.scene import Scene

SAME_SHARE = 0.5
"""An area that changed was of a class where at least so much of it lies on objects of that class."""


class Viewing(NamedTuple):
    """How scenes are shown. tile_px, overlap_px: of views of one image; pair_tile_px: of a pair, whose images the model sees
    whole at the tower's size. constrained: answers keep to their form. upright: boxes are asked upright. batch_size: views
    asked at once."""

    tile_px: int = 1024
    overlap_px: int = 200
    pair_tile_px: int = 512
    max_new_tokens: int = 1024
    constrained: bool = True
    upright: bool = False
    batch_size: int = 8

    def overlap_of(self, tile_px: int) -> int:
        """The overlap of tiles of that size, in proportion."""
        return round(self.overlap_px * tile_px / self.tile_px)


class _Said(NamedTuple):
    """What views said: pieces in scene pixels; unreadable answers of so many views."""

    pieces: tuple[seams.Piece, ...]
    note: str
    unreadable: int
    views: int

    def seen(self, findings: Sequence[Finding]) -> Seen:
        return Seen(tuple(findings), self.note, self.unreadable, self.views)


class Looking:
    """An `Eyes`. area: only this part of the scenes is looked at, None for all of it. Ids count from 1 in the order in which
    things are found."""

    def __init__(
        self,
        scenes: Sequence[Scene],
        engine: Engine,
        decoder: MaskDecoder,
        *,
        task_of: TaskOf,
        viewing: Viewing,
        area: Window | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.scenes = tuple(scenes)
        self._engine = engine
        self._decoder = decoder
        self._task_of = task_of
        self._viewing = viewing
        self._area = area
        self._watch = watch or Watch()
        self._ids = count(1)

    @property
    def images(self) -> tuple[ImageRef, ...]:
        return tuple(scene.image for scene in self.scenes)

    def find(self, phrase: str, *, image: int, as_area: bool, step: str) -> Seen:
        """Every object that a noun phrase means, merged over all views."""
        worded = phrasing.found(phrase, as_area=as_area, upright=self._viewing.upright, task_of=self._task_of)
        is_stuff = as_area and not is_countable(worded.label)  # stitched from tiles, where its outline is sharp
        views = self._views(image, self._viewing.tile_px, coarse=not is_stuff)
        return self._seen_areas(worded, views, image, step) if as_area else self._seen(worded, views, (image,), step)

    def change(self, phrase: str, kind: ChangeKind, *, before: int, after: int, step: str) -> Seen:
        """What changed, told apart by what stands there on both dates: appeared where only the later image has the class,
        disappeared where only the earlier one has, altered where both or neither have."""
        worded = phrasing.changed(phrase, task_of=self._task_of)
        views = self._views(after, self._viewing.pair_tile_px, coarse=False)
        seen = self._seen(worded, views, (before, after), step)
        if kind == "any" or not seen.findings:
            return seen
        then, now = (self.find(phrase, image=one, as_area=True, step=step) for one in (before, after))
        kept = self._of_kind(seen.findings, kind, then.findings, now.findings)
        if kind == "disappeared":
            kept = [replace(one, image=before) for one in kept]
        note = f"{len(kept)} of {len(seen.findings)} changed areas {kind}: the class was looked for on both dates"
        asked = (seen, then, now)
        return Seen(tuple(kept), note, sum(one.unreadable for one in asked), sum(one.views for one in asked))

    def select(self, condition: str, candidates: Sequence[Finding], anchors: Sequence[Finding], *, step: str) -> Chosen:
        """The candidates that a condition holds of, asked in groups that one view shows."""
        sizes = [scene.size_wh for scene in self.scenes]
        groups = candidate_groups.grouped(candidates, anchors, sizes, tile_px=self._viewing.tile_px)
        shown = [group for group in groups if group.numbered]
        asked = [self._question(group.worded(condition), group.view, (group.image,)) for group in shown]
        answers = self._answers(asked, f"{step}: {len(candidates)} candidates")
        kept: list[int] = []
        unreadable = 0
        for group, answer in zip(shown, answers, strict=True):
            try:
                kept += [group.numbered[number - 1] for number in selecting.read(answer.text, len(group.numbered))]
            except BadAnswer:
                unreadable += 1
        return Chosen(tuple(sorted(kept)), candidate_groups.note(groups, len(candidates)), unreadable, len(asked))

    def outlined(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """The same findings, each with a mask; every window of a scene is encoded once."""
        from georsmllm.masking import masked

        by_image: dict[int, list[Finding]] = {}
        for one in findings:
            if one.mask_scene is None:
                by_image.setdefault(one.image, []).append(one)
        done = {one.id: one for one in findings}
        for image, theirs in sorted(by_image.items()):
            found = masked(
                theirs, self.scenes[image], self._decoder, progress=lambda n, of: self._watch.progress("masks", n, of)
            )
            done.update({one.id: one for one in found})
        return tuple(done[one.id] for one in findings)

    def everywhere(self) -> Looking:
        """The same eyes without the limits of an area."""
        return Looking(
            self.scenes,
            self._engine,
            self._decoder,
            task_of=self._task_of,
            viewing=self._viewing,
            watch=self._watch,
        )

    def words(self, worded: Worded, images: Sequence[int]) -> Answer:
        """The answer to a question about whole scenes, as the coarse view shows them."""
        size = self._viewing.tile_px if len(images) == 1 else self._viewing.pair_tile_px
        view = self._views(images[-1], size)[0]
        return self._answers([self._question(worded, view, tuple(images))], "the question")[0]

    def heard(self, worded: Worded, image: int, step: str) -> Seen:
        """The shapes in the answer to any question of points about one image, merged over all views."""
        return self._seen(worded, self._views(image, self._viewing.tile_px), (image,), step)

    # --- views, questions, answers -----------------------------------------------------------------------------------

    def _views(self, image: int, tile_px: int, *, coarse: bool = True) -> tuple[Viewport, ...]:
        """The coarse view first, where the scene is larger than a tile."""
        area = self._area or Window(0, 0, *self.scenes[image].size_wh)
        found = viewports(area, size=tile_px, overlap=self._viewing.overlap_of(tile_px))
        return found if coarse or len(found) == 1 else found[1:]

    def _seen(self, worded: Worded, views: Sequence[Viewport], images: tuple[int, ...], step: str) -> Seen:
        """What the views say, merged in the scene."""
        said = self._said(worded, views, images, step)
        shapes: Sequence[PointSet] = [piece.shape_scene for piece in said.pieces]
        if len(views) > 1:
            shapes = seams.merge(said.pieces, overlap=self._viewing.overlap_px)
        return said.seen([self._finding(worded, shape, images[-1], step) for shape in shapes])

    def _seen_areas(self, worded: Worded, views: Sequence[Viewport], image: int, step: str) -> Seen:
        """The same with outlines: what each view says is outlined before it is merged, for a winding river that two tiles show
        is not the box around it."""
        said = self._said(worded, views, (image,), step)
        found = self.outlined([self._finding(worded, piece.shape_scene, image, step) for piece in said.pieces])
        if len(views) == 1:
            return said.seen(found)
        pieces = [
            seams.Piece(outline(one), worded.label, piece.view, one.mask_score)
            for one, piece in zip(found, said.pieces, strict=True)
            if one.mask_scene is not None and len(one.mask_scene.counts) > 1
        ]
        size = self.scenes[image].size_wh
        return said.seen(
            [
                replace(self._finding(worded, shape, image, step), mask_scene=from_shape(shape, size))
                for shape in seams.merge(pieces, overlap=self._viewing.overlap_px)
            ]
        )

    def _finding(self, worded: Worded, shape: PointSet, image: int, step: str) -> Finding:
        return Finding(next(self._ids), worded.label, shape, image, step=step)

    def _said(self, worded: Worded, views: Sequence[Viewport], images: tuple[int, ...], step: str) -> _Said:
        answers = self._answers(
            [self._question(worded, view, images) for view in views], f"{step}: {plural(worded.label)}"
        )
        pieces: list[seams.Piece] = []
        unreadable = 0
        for view, answer in zip(views, answers, strict=True):
            try:
                shapes = decode(answer.text, view.size_wh, worded.kinds)
            except BadAnswer:
                unreadable += 1
                continue
            pieces += [seams.Piece(view.to_scene(shape), worded.label, view) for shape in shapes]
        num_cut = sum(answer.finish == "length" for answer in answers)
        notes = [f"{unreadable} of {len(views)} answers could not be read"] if unreadable else []
        notes += [f"{num_cut} answers were cut at {self._viewing.max_new_tokens} tokens"] if num_cut else []
        return _Said(tuple(pieces), "; ".join(notes), unreadable, len(views))

    def _question(self, worded: Worded, view: Viewport, images: tuple[int, ...]) -> Question:
        prompt = worded.prompt(len(images))
        scenes = [self.scenes[image] for image in images]
        seen = "|".join(scene.key(view.window, view.size_wh) for scene in scenes)
        name = hashlib.blake2b(f"{seen}|{prompt}".encode(), digest_size=12).hexdigest()
        return Question(
            id=name,
            messages=(Message("user", prompt),),
            sizes_wh=(view.size_wh,) * len(scenes),
            images=lambda: _pictures(scenes, view),
            where=f"{scenes[-1].name} at {view.window.x},{view.window.y}",
            form=worded.form if self._viewing.constrained else None,
        )

    def _answers(self, questions: Sequence[Question], what: str) -> list[Answer]:
        size = self._viewing.batch_size
        batches = [questions[at : at + size] for at in range(0, len(questions), size)]
        answers: list[Answer] = []
        for found in self._engine.stream(batches, Decoding(self._viewing.max_new_tokens)):
            answers += found
            self._watch.progress(what, len(answers), len(questions))
        return answers

    # --- the parts of a change and of a choice -----------------------------------------------------------------------

    def _of_kind(
        self, changed: Sequence[Finding], kind: ChangeKind, then: Sequence[Finding], now: Sequence[Finding]
    ) -> list[Finding]:
        from georsmllm.measures import Measured

        size = self.scenes[changed[0].image].size_wh
        areas = Measured([outline(one) for one in changed], size)
        was, is_ = (
            areas.shares_in(Measured([outline(one) for one in theirs], size)).sum(axis=1) >= SAME_SHARE
            for theirs in (then, now)
        )
        fits = {"appeared": is_ & ~was, "disappeared": was & ~is_}.get(kind, was == is_)
        return [one for one, fit in zip(changed, fits, strict=True) if fit]


def _pictures(scenes: Sequence[Scene], view: Viewport) -> list[Image]:
    from PIL import Image

    return [Image.fromarray(scene.read(view.window, view.size_wh)) for scene in scenes]
