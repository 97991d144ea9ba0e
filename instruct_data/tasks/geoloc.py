"""Geolocation: where on Earth an image was taken, as the place's name and the coordinates of the view's centre."""

from __future__ import annotations

import math
import re
from random import Random
from typing import NamedTuple

from georsmllm.constrain.form import Exactly, Form, Name, Question, Then, degrees
from georsmllm.contracts import AskOptions, Built, Refusal, Score, Task
from georsmllm.errors import BadAnswer, CannotSay
from georsmllm.geo import lon_lat
from georsmllm.metrics.geodesy import FARTHEST_KM, great_circle_km
from georsmllm.metrics.text import names, tokens
from georsmllm.types import ImageRef, Instruction, Point, Record, Sample

from ._asking import fill, identity, lines, pick
from ._sentences import tidy

TEMPLATES = lines("""
    Where on Earth was this image taken? Answer as {form}.
    Where is this? Give {form}.
    Locate this scene on the map. Write {form}.
    Which place does this image show? Answer as {form}.
    Give the position of the middle of this image as {form}.
    Estimate where this picture was taken. Reply with {form} only.
    Tell me the location of this view as {form}.
    What is the geographic location of this image? Answer as {form}.
    Geolocate this image. Write the answer as {form}.
    Which spot on the Earth are we looking down on? Write {form}.
    Guess the place from what you see, and give {form}.
    Please find out where this is. Answer with {form}.
    Say where this image was taken as {form}.
    I need the location of this image as {form}.
""")

NAMED, BARE = "City, (latitude, longitude) in decimal degrees", "(latitude, longitude) in decimal degrees"
DECIMALS = 4
"""Of a degree: 11 m, less than any view is wide."""
WIDEST_KM = 500.0
"""Across the diagonal; the middle of a larger view is no place that one could find."""
SCALE_KM = 1492.7
"""The distance at which the value falls to 1/e: that of the game GeoGuessr on its map of the world (PIGEON,
arXiv:2307.05845)."""
NEAR_KM = (1, 25, 200, 750, 2500)
"""Street, city, region, country and continent, the thresholds of IM2GPS."""

MOST_CHARACTERS = 200
"""Of a place's name."""

_SLOTS = frozenset({"form"})
_DEGREES = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,12})?"
_ANSWER = re.compile(
    rf"(?:(?P<place>[^()]{{1,{MOST_CHARACTERS}}}),\s*)?\(\s*(?P<lat>{_DEGREES})\s*,\s*(?P<lon>{_DEGREES})\s*\)\.?"
)


class Place(NamedTuple):
    """name: "" where there is none; at: (longitude, latitude) in degrees."""

    name: str
    at: Point


def build(view: Sample, rng: Random, options: AskOptions) -> Built:
    """Per georeferenced image one question: "place" where the dataset names it, else "coordinates"."""
    image = view.images[0]
    if image.affine is None and image.crs is None:
        return Built()
    if len(view.images) > 1:
        return Built(refusals=(Refusal("place", "two_images", ()),))
    found = {tidy(text.text) for text in view.texts if text.kind == "place"}
    reason = "several_places" if len(found) > 1 else "" if all(map(_is_heard, found)) else "unspeakable_place"
    refused = (Refusal("place", reason, ()),) if reason else ()
    name = "" if reason else next(iter(found), "")
    try:
        at = centre(image)
    except CannotSay as error:
        return Built(refusals=(*refused, Refusal("place", error.reason, ())))
    template = pick(rng, options, TEMPLATES, _SLOTS)
    return Built((_instruction(view, template, Place(name, at)),), refused)


def _is_heard(name: str) -> bool:
    """Whether a place's name is words, and heard as itself in an answer."""
    try:
        return bool(tokens(name)) and read(written(Place(name, (0.0, 0.0)))).name == name
    except BadAnswer:
        return False


def _instruction(view: Sample, template: str, place: Place) -> Instruction:
    form = "place" if place.name else "coordinates"
    return Instruction(
        id=identity(view, "geoloc", form),
        task="geoloc",
        form=form,
        images=view.images,
        prompt=fill(template, {"form": NAMED if place.name else BARE}),
        answer=(written(place),),
    )


def centre(image: ImageRef) -> Point:
    """The longitude and latitude of a view's middle; raises CannotSay as `lon_lat` does, and view_too_wide."""
    width, height = image.size_wh
    middle, *corners = lon_lat(((width / 2, height / 2), (0, 0), (width, height), (width, 0), (0, height)), image)
    diagonal = max(great_circle_km(*corners[:2]), great_circle_km(*corners[2:]))
    if diagonal > WIDEST_KM:
        raise CannotSay("view_too_wide", f"{diagonal:.0f} km across")
    return middle


def written(place: Place) -> str:
    """A place as an answer: `City, (lat, lon)`, or the coordinates alone."""
    lat, lon = (round(degrees, DECIMALS) + 0.0 for degrees in (place.at[1], place.at[0]))
    coordinates = f"({lat:.{DECIMALS}f}, {lon:.{DECIMALS}f})"
    return f"{place.name}, {coordinates}" if place.name else coordinates


def read(text: str) -> Place:
    """The place of an answer; raises BadAnswer: empty, no_coordinates, out_of_range (of 90 and 180 degrees)."""
    said = text.strip()
    if not said:
        raise BadAnswer("empty", text, expected="a place")
    match = _ANSWER.fullmatch(said)
    if match is None:
        raise BadAnswer("no_coordinates", text, expected="City, (latitude, longitude)")
    lat, lon = float(match["lat"]), float(match["lon"])
    if abs(lat) > 90 or abs(lon) > 180:
        raise BadAnswer(
            "out_of_range", text, at=text.index("("), expected="a latitude in -90..90, a longitude in -180..180"
        )
    return Place((match["place"] or "").strip(), (lon, lat))


def score(text: str, record: Record) -> Score:
    gold = read(record.gold_text)
    try:
        said = read(text)
    except BadAnswer as error:
        return Score(error.reason, 0.0, _parts(Place("", gold.at), gold, FARTHEST_KM))
    distance = great_circle_km(said.at, gold.at)
    return Score("ok", math.exp(-distance / SCALE_KM), _parts(said, gold, distance))


def _parts(said: Place, gold: Place, distance_km: float) -> dict[str, float]:
    return {
        "error_km": distance_km,
        **{f"within_{most}_km": float(distance_km <= most) for most in NEAR_KM},
        "place_n": float(bool(gold.name)),
        "place_right_n": float(bool(gold.name) and names(said.name, gold.name)),
    }


def form(question: Question) -> Form | None:
    """As the words say: with the name of a place, or without; None where they say neither."""
    at = (Exactly("("), degrees(90, DECIMALS), Exactly(", "), degrees(180, DECIMALS), Exactly(")"))
    if NAMED in question.text:
        return Then((Name(MOST_CHARACTERS), Exactly(", "), *at))
    return Then(at) if BARE in question.text else None


TASK = Task(
    title="Geolocation",
    templates=TEMPLATES,
    build=build,
    score=score,
    form=form,
    metrics=(
        "Value: exp(-d / 1492.7 km) for the great-circle distance d to the gold coordinates (haversine on the mean radius, "
        "within 0.6 % of the ellipsoid), as in GeoGuessr; an answer that is not `City, (latitude, longitude)` or "
        "`(latitude, longitude)` in decimal degrees, or outside of 90 and 180 degrees, is unreadable: 0. Parts: d (half the "
        "Earth's circumference for an unreadable answer), the shares within 1, 25, 200, 750 and 2500 km, and the counts of "
        "places with a name and of those whose name the answer holds."
    ),
)
