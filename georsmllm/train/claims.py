"""Which run a folder holds: a run goes on only by the recipe and in the world that it began with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from georsmllm.errors import UsageError
from georsmllm.jsonl import read_json, write_json, writing

from .recipe import TrainRecipe, dump

CLAIM = "run.json"
FREE = (
    "data.dataloader_num_workers",
    "eval",
    "gradient_checkpointing",
    "logging_steps",
    "report_to",
    "save_steps",
    "save_total_limit",
    "world",
)
"""Keys that decide no weight, so that a run may go on with others."""


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run began with. sources: fingerprints of what it reads."""

    recipe: dict[str, object]
    world: int
    sources: dict[str, str]


def claim(out: Path, recipe: TrainRecipe, *, world: int, overwrite: bool) -> None:
    """Make a folder this recipe's, or find that it is; raises UsageError where it holds another run, or something else."""
    state = out / ".state"
    if overwrite:
        _clear(out)
    path = state / CLAIM
    if path.exists():
        _check(read_json(path, Claim), recipe, world, out)
    elif any(one.name != state.name for one in out.glob("*")):
        raise UsageError(f"{out} holds something that is no training run; choose another --out")
    else:
        write_json(path, Claim(_tree(recipe), world, {}))
    with writing(out / "recipe.yaml") as file:
        file.write(dump(recipe).encode())


def claim_sources(out: Path, fingerprints: Mapping[str, str]) -> None:
    """Hold what the run reads against what it read when it began; raises UsageError."""
    path = out / ".state" / CLAIM
    known = read_json(path, Claim)
    changed = [name for name, found in fingerprints.items() if known.sources.get(name, found) != found]
    if changed:
        raise UsageError(
            f"the records of {', '.join(changed)} are not those that the run in {out} began with; choose another --out, "
            "or --overwrite it"
        )
    write_json(path, msgspec.structs.replace(known, sources=dict(fingerprints)))


def recipe_of(out: Path) -> TrainRecipe:
    """The recipe of the run in a folder; raises UsageError."""
    known = read_json(out / ".state" / CLAIM, Claim)
    try:
        return msgspec.convert(known.recipe, TrainRecipe)
    except msgspec.ValidationError as error:
        raise UsageError(f"{out / '.state' / CLAIM}: {error}; it is of another version of georsmllm") from None


def _clear(out: Path) -> None:
    """Remove a run, and nothing but a run."""
    if not (out / ".state" / CLAIM).exists():
        if any(one.name != ".state" for one in out.glob("*")):
            raise UsageError(f"{out} holds something that is no training run; --overwrite removes only such")
        return
    for path in sorted(out.iterdir()):
        if path.name != ".state":
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (out / ".state" / CLAIM).unlink()


def _check(known: Claim, recipe: TrainRecipe, world: int, out: Path) -> None:
    before, now = dict(_leaves(known.recipe)), dict(_leaves(_tree(recipe)))
    differing = sorted(key for key in {*before, *now} if before.get(key) != now.get(key) and not _is_free(key))
    if differing:
        shown = ", ".join(f"{key} {_said(before, key)} there, {_said(now, key)} here" for key in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise UsageError(
            f"{out} holds a run by another recipe ({shown}{more}); choose another --out, or --overwrite it"
        )
    if known.world != world:
        raise UsageError(
            f"the run in {out} began with {known.world} processes, {world} are here; start as many, choose another --out, "
            "or --overwrite it"
        )


def _said(leaves: Mapping[str, object], key: str) -> str:
    return repr(leaves[key]) if key in leaves else "absent"


def _is_free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE)


def _tree(recipe: TrainRecipe) -> dict[str, object]:
    return msgspec.json.decode(msgspec.json.encode(recipe), type=dict[str, object])


def _leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Dotted keys and values; entries of a list by their number."""
    if isinstance(value, dict):
        pairs = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        pairs = [(str(number), one) for number, one in enumerate(value)]
    else:
        yield at, value
        return
    for key, one in pairs:
        yield from _leaves(one, f"{at}.{key}" if at else key)
