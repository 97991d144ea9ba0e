"""The processes of one run: who is there, and what they agree on without waiting for a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from georsmllm.errors import BadRecord, UsageError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

T = TypeVar("T")


class World(NamedTuple):
    """A process's number among `size`, and its number on its machine."""

    rank: int
    local_rank: int
    size: int


ALONE = World(0, 0, 1)


class Ranks:
    """Words between processes, over gloo: they wait for no kernel of a GPU. Every method but `rank` and `size` must be called
    by all processes together."""

    def __init__(self, world: World, group: ProcessGroup | None = None) -> None:
        self.world = world
        self.rank = world.rank
        self.size = world.size
        self._group = group

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        """Until all are here."""
        self.numbers((0,))

    def numbers(self, mine: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """The whole numbers of each process, by rank."""
        if self._group is None:
            return (tuple(mine),)
        import torch
        from torch import distributed

        said = [torch.empty(len(mine), dtype=torch.int64) for _ in range(self.size)]
        with _heard():
            distributed.all_gather(said, torch.tensor(mine, dtype=torch.int64), group=self._group)
        return tuple(tuple(one.tolist()) for one in said)

    def words(self, mine: str) -> tuple[str, ...]:
        """What each process says, by rank."""
        if self._group is None:
            return (mine,)
        from torch import distributed

        said: list[str] = [""] * self.size
        with _heard():
            distributed.all_gather_object(said, mine, group=self._group)
        return tuple(said)

    @contextmanager
    def first(self) -> Iterator[bool]:
        """The first process runs the block (it is told True) before the others do; what went wrong there is raised by all."""
        if not self.is_first:
            trouble = self.words("")[0]
            if trouble:
                raise UsageError(trouble)
        try:
            yield self.is_first
        except (UsageError, BadRecord) as error:
            if self.is_first:
                self.words(str(error))
            raise
        if self.is_first:
            self.words("")


@contextmanager
def _heard() -> Iterator[None]:
    """A process that is gone is one line in those that wait for it; it has said itself why."""
    try:
        yield
    except RuntimeError as error:
        raise UsageError(
            "another process of this run has ended or does not answer; look for what it said itself "
            f"({str(error).splitlines()[0]})"
        ) from error
