"""The micro-batches of one process as a DataLoader: by their number in the plan, so that any worker gives the same bytes.

    loader = batches.loader(samples, plan, chat, views, rank=rank, num_workers=4)
    loader = skip_first_batches(loader, 500)

accelerate's skipping reads nothing of what it skips. An error of a worker reaches the main process as it was.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from georsmllm.errors import BadRecord, UsageError
from georsmllm.model.tokens import Chat
from georsmllm.model.views import Seen, Views
from georsmllm.train.collate import Batch, Encoded, packed, padded
from georsmllm.train.plan import Plan
from georsmllm.train.samples import Samples

_KEPT_BYTES = 256 << 20
"""A set whose pixels are fewer than that is decoded once by each worker, not in every epoch."""
_PREFETCHED = 4
"""Batches that each worker makes ahead: two scenes of many crops between small ones do not stop a step."""


class MicroBatches(Dataset[Batch]):
    """The micro-batches of a rank by their number. is_flat: packed rows of a micro-batch become one, which flash attention
    needs. Raises BadRecord for a record whose image cannot be used."""

    def __init__(
        self, samples: Samples, plan: Plan, chat: Chat, views: Views, *, rank: int, is_flat: bool = False
    ) -> None:
        self.samples = samples
        self.plan = plan
        self.chat = chat
        self.views = views
        self.rank = rank
        self.is_flat = is_flat
        num_bytes = 4 * 3 * views.anyres.side**2 * int(samples.crops.sum())
        self._kept: dict[int, Seen] | None = {} if num_bytes <= _KEPT_BYTES else None

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        try:
            rows = [[self.encoded(sample) for sample in row] for row in self.plan.batch(self.rank, number)]
        except BadRecord as bad:
            if get_worker_info() is None:
                raise
            raise RelayedRecord(_marked(bad.reason, bad.message, bad.where, bad.raw)) from None
        except UsageError as error:
            if get_worker_info() is None:
                raise
            raise RelayedUsage(_marked(str(error))) from None
        if self.plan.settings.batching == "packed":
            return packed(rows, self.chat.pad, is_flat=self.is_flat)
        return padded([one for row in rows for one in row], self.chat.pad)

    def encoded(self, sample: int) -> Encoded:
        """One sample as tokens, labels and pixels."""
        source, number = self.samples.find(sample)
        conversation = source.conversation(number)
        visual = self.views.anyres.tokens(conversation.sizes_wh)
        rendered = self.chat.render(conversation.messages, visual, where=source.place(number))
        if len(rendered.ids) != int(self.samples.tokens[sample]):
            raise UsageError(
                f"{source.place(number)}: {len(rendered.ids)} tokens, {self.samples.tokens[sample]} when it was measured; "
                "the set has changed under the run: start it anew"
            )
        return Encoded(sample, rendered, self._seen(sample) if conversation.sizes_wh else None)

    def _seen(self, sample: int) -> Seen:
        if self._kept is not None and sample in self._kept:
            return self._kept[sample]
        source, number = self.samples.find(sample)
        seen = self.views.pixels(source.images(number))
        if self._kept is not None:
            self._kept[sample] = seen
        return seen


def loader(
    samples: Samples,
    plan: Plan,
    chat: Chat,
    views: Views,
    *,
    rank: int,
    num_workers: int,
    is_flat: bool = False,
) -> DataLoader[Batch]:
    """All micro-batches of a rank, in the order of the plan; it is this rank's own and must not be sharded again."""
    # Lengths were measured by threads of the tokenizer, and a forked worker would say so; it encodes one text at a time.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    return DataLoader(
        MicroBatches(samples, plan, chat, views, rank=rank, is_flat=is_flat),
        batch_size=1,
        shuffle=False,
        collate_fn=_only,
        num_workers=num_workers,
        prefetch_factor=_PREFETCHED if num_workers else None,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_start_worker,
    )


def _only(batches: Sequence[Batch]) -> Batch:
    (batch,) = batches
    return batch


def _start_worker(_worker: int) -> None:
    """A wish to stop goes to a job's process group (Ctrl-C, scancel): the trainer saves first and needs its batches until
    then, so that a worker leaves the group. It can still be ended by its parent, and without one it ends by itself."""
    torch.set_num_threads(1)
    if os.name == "posix":
        os.setpgid(0, 0)


# torch brings over the class and the words of a worker's error, the words within its own account of them; so the words carry
# all that the error is made of until they are here.

_MARK = "\x1ecarried:"


def _marked(*parts: str) -> str:
    return _MARK + msgspec.json.encode(parts).decode()


def _carried(words: str) -> tuple[list[str], bool]:
    """What words carry, and whether they have arrived."""
    account, _, carried = words.rpartition(_MARK)
    return msgspec.json.decode(carried.splitlines()[0], type=list[str]), bool(account)


class RelayedRecord(BadRecord):
    """A worker's BadRecord."""

    def __init__(self, words: str) -> None:
        (reason, message, where, raw), is_here = _carried(words)
        super().__init__(reason, message, where=where, raw=raw)
        if not is_here:
            self.args = (words,)


class RelayedUsage(UsageError):
    """A worker's UsageError."""

    def __init__(self, words: str) -> None:
        (message,), is_here = _carried(words)
        super().__init__(message if is_here else words)
