"""Areas as an answer says them, a box with points inside for each, and how well an answer's boxes and points lie."""

from __future__ import annotations

from typing import NamedTuple

from georsmllm.contracts import AskOptions
from georsmllm.errors import CannotSay
from georsmllm.geometry import to_box, to_shapely
from georsmllm.keypoints import keypoints
from georsmllm.metrics.detection import Matched, macro_rates, matched
from georsmllm.metrics.match import iou_matrix
from georsmllm.pointtext import decode, encode
from georsmllm.tiling import separate
from georsmllm.types import PointSet, Said, Sample

from ._gold import cell_of


class Segments(NamedTuple):
    """Targets of a view, by their indices; how they are said, and the exact areas that an answer is judged by."""

    said: Said
    gold: Said
    targets: tuple[int, ...] = ()


NOTHING = Segments(Said((), ()), Said((), ()))


class Pen:
    """Says the areas of one view; keypoints are placed once for each, whatever it is asked in."""

    def __init__(self, view: Sample, options: AskOptions) -> None:
        self.view = view
        self.limits = options.limits
        self.num_keypoints = options.num_keypoints
        self.size = view.images[0].size_wh
        self._boxes: dict[PointSet, PointSet] = {}

    def say(self, indices: tuple[int, ...]) -> Segments:
        """A box for each target; raises CannotSay, also where rounding would cost the gold text its score (below_grid)."""
        targets = [self.view.targets[i] for i in indices]
        return self._say(indices, tuple((target.shape, target.label) for target in targets))

    def say_parts(self, indices: tuple[int, ...]) -> Segments:
        """A box for each part that lies apart; for each target where the parts are too many or too small; raises as `say`."""
        targets = [self.view.targets[i] for i in indices]
        pieces = tuple((part, target.label) for target in targets for part in separate(target.shape))
        try:
            return self._say(indices, pieces)
        except CannotSay:
            if len(pieces) == len(targets):
                raise
            return self.say(indices)

    def _say(self, indices: tuple[int, ...], pieces: tuple[tuple[PointSet, str], ...]) -> Segments:
        if len(pieces) > self.limits.max_objects:
            raise CannotSay("over_budget", f"{len(pieces)} areas, at most {self.limits.max_objects} fit one answer")
        gold, labels = tuple(shape for shape, _ in pieces), tuple(label for _, label in pieces)
        boxes = tuple(map(self._box, gold))
        said = decode(encode(boxes, self.size, self.limits), self.size, ("box",))
        if judge(said, gold, self.size).value < 1:
            raise CannotSay(
                "below_grid", "an area is too small for the grid: its box or a keypoint misses it once said"
            )
        return Segments(Said(boxes, labels), Said(gold, labels), indices)

    def _box(self, shape: PointSet) -> PointSet:
        if shape not in self._boxes:
            self._boxes[shape] = PointSet(
                "box", to_box(shape).rings, keypoints(shape, self.size, count=self.num_keypoints)
            )
        return self._boxes[shape]


class Judged(NamedTuple):
    """value: the mean of box F1 and of `inside`, the share of keypoints inside."""

    value: float
    match: Matched
    inside: float


def judge(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], size_wh: tuple[int, int]) -> Judged:
    match = matched(iou_matrix(predicted, tuple(to_box(shape) for shape in gold), cell_of(size_wh)))
    inside = _share_inside(predicted, gold, match)
    return Judged((macro_rates(match, 0.5).f1 + inside) / 2, match, inside)


def _share_inside(predicted: tuple[PointSet, ...], gold: tuple[PointSet, ...], match: Matched) -> float:
    """Of all predicted keypoints, the share in (or on the edge of) the gold that their box matches with IoU >= 0.5.

    Keypoints of unmatched boxes are outside. No keypoint: 0, but 1 where nothing is there and nothing was answered.
    """
    import shapely

    if not predicted and not gold:
        return 1.0
    num_points = sum(len(shape.keypoints) for shape in predicted)
    hits = 0
    for p, g, iou in match.pairs:
        if iou >= 0.5 and predicted[p].keypoints:
            xs, ys = zip(*predicted[p].keypoints, strict=True)
            hits += int(shapely.intersects_xy(to_shapely(gold[g]), xs, ys).sum())
    return hits / num_points if num_points else 0.0
