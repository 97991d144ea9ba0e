"""The records that a run learns from: of all its sources, those that fit; the others by name, in a file.

    samples = gather(recipe.data, chat, anyres, out=OUT)
    samples.of(("projector_data",)).tokens            # of a stage that reads some of the sources
    source, number = samples.find(12)

Gathering decodes no image; what it measured once is kept beside the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from georsmllm.errors import UsageError
from georsmllm.jsonl import writing
from georsmllm.model.anyres import Anyres
from georsmllm.model.tokens import Chat
from georsmllm.reasons import explain
from georsmllm.train.lengths import PROBLEMS, Lengths, measure
from georsmllm.train.recipe import Data
from georsmllm.train.sources import Source, open_source

TOO_LONG = "too_long"


class Refused(msgspec.Struct, frozen=True):
    """A line of refused.jsonl: a record that no stage reads. tokens: of it, 0 where it could not be rendered."""

    id: str
    source: str
    place: str
    reason: str
    tokens: int
    max_length: int


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples by number, from 0, over all sources. source: which one each is of; number: its record's in that source;
    weights: of each sample, its source's. found, refused: of all records that were looked at, and by reason."""

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    source: NDArray[np.uint16]
    number: NDArray[np.int32]
    tokens: NDArray[np.int32]
    supervised: NDArray[np.int32]
    crops: NDArray[np.int32]
    weights: NDArray[np.float64]
    found: int
    refused: dict[str, int]

    def __len__(self) -> int:
        return len(self.tokens)

    def find(self, sample: int) -> tuple[Source, int]:
        """A sample's source, and its record's number there."""
        return self.sources[int(self.source[sample])], int(self.number[sample])

    def place(self, sample: int) -> str:
        """file:line of a sample's record."""
        source, number = self.find(sample)
        return source.place(number)

    def of(self, names: Sequence[str]) -> Samples:
        """Those of the sources of these names; of all for none."""
        if not names:
            return self
        kept = np.isin(self.source, [self.names.index(name) for name in names])
        return replace(
            self,
            source=self.source[kept],
            number=self.number[kept],
            tokens=self.tokens[kept],
            supervised=self.supervised[kept],
            crops=self.crops[kept],
            weights=self.weights[kept],
        )


def gather(
    data: Data,
    chat: Chat,
    anyres: Anyres,
    *,
    out: Path,
    tick: Callable[[int], object] = lambda _: None,
) -> Samples:
    """The samples of a recipe. Lengths are kept below OUT/cache, the refused records are listed in OUT/refused.jsonl.

    Raises UsageError where more than `max_refused_share` of them are refused, or none is left.
    """
    sources = tuple(open_source(Path(one.path), one.split) for one in data.sources)
    names = tuple(one.called for one in data.sources)
    measured = [measure(source, chat, anyres, cache=out / "cache", tick=tick) for source in sources]
    fits = [_fits(lengths, data.max_length) for lengths in measured]
    with writing(out / "refused.jsonl") as file:
        encoder = msgspec.json.Encoder()
        counts: Counter[str] = Counter()
        for refused in _refused(sources, names, measured, data.max_length):
            counts[refused.reason] += 1
            file.write(encoder.encode(refused) + b"\n")
    found = sum(map(len, sources))
    _check(counts, found, data, out)

    def kept(column: Callable[[Lengths], NDArray[np.int32]]) -> NDArray[np.int32]:
        return np.concatenate([column(lengths)[mask] for lengths, mask in zip(measured, fits, strict=True)])

    which = np.concatenate([np.full(int(mask.sum()), at, np.uint16) for at, mask in enumerate(fits)])
    return Samples(
        sources=sources,
        names=names,
        source=which,
        number=np.concatenate([np.flatnonzero(mask).astype(np.int32) for mask in fits]),
        tokens=kept(lambda lengths: lengths.tokens),
        supervised=kept(lambda lengths: lengths.supervised),
        crops=kept(lambda lengths: lengths.crops),
        weights=np.array([one.weight for one in data.sources])[which],
        found=found,
        refused=dict(sorted(counts.items())),
    )


def _fits(lengths: Lengths, max_length: int) -> NDArray[np.bool_]:
    fits: NDArray[np.bool_] = (lengths.problem == 0) & (lengths.tokens <= max_length)
    return fits


def _refused(
    sources: Sequence[Source], names: Sequence[str], measured: Sequence[Lengths], max_length: int
) -> Iterator[Refused]:
    for source, name, lengths in zip(sources, names, measured, strict=True):
        for number in np.flatnonzero(~_fits(lengths, max_length)).tolist():
            reason = PROBLEMS[lengths.problem[number]] or TOO_LONG
            identity = source.conversation(number).id
            yield Refused(identity, name, source.place(number), reason, int(lengths.tokens[number]), max_length)


def _check(counts: Counter[str], found: int, data: Data, out: Path) -> None:
    refused = counts.total()
    if found and refused / found <= data.max_refused_share and refused < found:
        return
    if not found:
        raise UsageError("the sources of the recipe have no record; name splits that have some")
    worst, _ = counts.most_common(1)[0]
    way = f"; raise data.max_length (now {data.max_length})" if worst == TOO_LONG else ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    raise UsageError(
        f"{refused} of {found} records cannot be learned from ({reasons}), more than data.max_refused_share "
        f"{data.max_refused_share:g} allows: {explain(worst)} See {out / 'refused.jsonl'}{way}"
    )
