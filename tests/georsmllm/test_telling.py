"""An outcome in words: numbers and classes, areas on the ground, and why nothing is left."""

from __future__ import annotations

import pytest

from georsmllm.found import Finding, Outcome, StepTrace
from georsmllm.telling import tell
from georsmllm.types import ImageRef, box

PLAIN = ImageRef("a.png", 100, 100)
PLACED = ImageRef("a.tif", 100, 100, affine=(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), crs="EPSG:32631")


def findings(*labels: str) -> tuple[Finding, ...]:
    return tuple(Finding(i, label, box(10 * i, 0, 10 * i + 10, 10)) for i, label in enumerate(labels, start=1))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome("boxes"), "None."),
        (Outcome("boxes", reason="NOTHING_FOUND"), "None."),
        (Outcome("boxes", findings("ship")), "1 ship."),
        (Outcome("boxes", findings("ship", "ship", "bus")), "1 bus and 2 ships."),
        (Outcome("boxes", findings("forest", "forest")), "2 areas of forest."),
        (Outcome("masks", findings("lake")), "1 lake. That is 1.00% of the image."),
        (Outcome("number", value=3), "3."),
        (Outcome("number", value=1 / 3), "0.3333."),
        (Outcome("numbers", value=(3.0, 5.0)), "3 and 5."),
        (Outcome("boolean", value=True), "Yes."),
        (Outcome("boolean", value=False, reason="NOTHING_FOUND"), "No."),
        (Outcome("boolean", value=None, reason="NOT_A_PAIR"), "None. A change is asked of one image."),
        (Outcome("choice", value="harbor"), "harbor."),
        (Outcome("text", value="A port."), "A port."),
    ],
)
def test_an_outcome_is_a_sentence(outcome, words):
    assert tell(outcome, [PLAIN]) == words


def test_a_count_names_what_it_counted():
    ships = findings("ship", "ship")
    step = StepTrace("s2", "count", "target", "Count.", "geometry", inputs=(1, 2), value=2)
    assert tell(Outcome("number", (), 2, "", (step,), (("s1", ships),)), [PLAIN]) == "2 ships."


@pytest.mark.parametrize(
    ("value", "words"), [(0.0501, "0.0501 (5.01%)."), (0.0, "0 (0.00%)."), (1.5, "1.5."), (2, "2.")]
)
def test_a_share_is_told_in_percent_too(value, words):
    step = StepTrace("s2", "compare", "target", "Divide {s1}.", "geometry", inputs=(1,), value=value)
    assert tell(Outcome("number", (), value, "", (step,)), [PLAIN]) == words


def test_areas_are_square_metres_where_the_image_has_them():
    assert tell(Outcome("masks", findings("lake")), [PLACED]).startswith("1 lake. That is 10,0")
    twice = (Finding(1, "lake", box(0, 0, 100, 100)), Finding(2, "lake", box(0, 0, 100, 100)))
    assert tell(Outcome("masks", twice), [PLACED]) == "2 lakes. That is 1.00 km², 100.00% of the image."


def test_areas_that_overlap_are_counted_once_in_the_share():
    twice = (Finding(1, "lake", box(0, 0, 10, 100)), Finding(2, "lake", box(0, 0, 10, 100)))
    assert tell(Outcome("masks", twice), [PLAIN]) == "2 lakes. That is 10.00% of the image."


def test_what_is_missing_is_named():
    missing = StepTrace("s2", "detect", "anchor", "Detect the river.", "model", reason="NOTHING_FOUND")
    step = StepTrace("s3", "filter_relation", "target", "Keep.", "geometry", inputs=(1,), reason="ANCHOR_NOT_FOUND")
    outcome = Outcome("boxes", (), None, "ANCHOR_NOT_FOUND", (missing, step))
    assert tell(outcome, [PLAIN]) == 'None. "Detect the river." found nothing, and what is asked is related to it.'


def test_a_reason_is_told_by_its_note():
    step = StepTrace(
        "s2", "filter_attribute", "target", "Keep.", "geometry", reason="UNOBSERVABLE", note="speed is hidden"
    )
    assert tell(Outcome("boxes", (), None, "UNOBSERVABLE", (step,)), [PLAIN]) == "None. Speed is hidden."
