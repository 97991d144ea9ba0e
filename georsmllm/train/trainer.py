"""transformers' Trainer over a plan of micro-batches: rates by module, whole checkpoints, and errors that name their batch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from georsmllm.errors import BadRecord, UsageError
from georsmllm.model.save import space_for
from georsmllm.model.tokens import IGNORED

from . import checkpoints, stages
from .collate import Batch
from .interruption import Interruption
from .ranks import Ranks
from .recipe import Module
from .throughput import Stopwatch
from .trouble import OwnTrouble

TRAINED = "trained.safetensors"
"""The parameters that learn, at full precision, by their names in memory; the others lie in the model that the stage began
from."""


class Stopped(Exception):
    """The run was asked to stop; a checkpoint of `step` is there."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a stage runs on. loader: the micro-batches of this process. describe: says of one of them, by its number, which
    records are in it. rate: the learning rate of a module. epochs: that have been read when it has. keep: checkpoints.
    waiting: runs while a step waits for its micro-batches."""

    loader: DataLoader[Batch]
    waiting: Stopwatch
    describe: Callable[[int], str]
    rate: Callable[[Module], float]
    epochs: Callable[[int], float]
    keep: int
    ranks: Ranks
    interruption: Interruption


class StageTrainer(Trainer):
    """Trains on a loader that is this process's own share already; all epochs are one, so that a resumed run skips by number.

    A step's micro-batches are looked at before any is computed: all processes then know whether one of them cannot go on
    (a record that cannot be read, a loss that is no number, a wish to stop), and leave together.
    """

    optimizer: torch.optim.Optimizer | None

    def __init__(
        self, model: nn.Module, args: TrainingArguments, course: Course, *, callbacks: list[TrainerCallback]
    ) -> None:
        self.course = course
        self.losses: list[tuple[int, Tensor]] = []
        self.micro = 0
        super().__init__(model, args, callbacks=[_Epochs(course.epochs), *callbacks])
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[Batch]:
        """As it is: accelerate would deal the batches of one process out to all of them."""
        return self.course.loader

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Groups by module and by weight decay; a group's name is its module's."""
        if self.optimizer is None:
            learning = self.model if model is None else model
            decaying = frozenset(self.get_decay_parameter_names(learning))
            groups = [
                {
                    "params": parameters,
                    "lr": self.course.rate(group.module),
                    "weight_decay": self.args.weight_decay if group.decays else 0.0,
                    "name": group.module,
                }
                for group, parameters in stages.groups(learning.named_parameters(), decaying).items()
            ]
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args, learning)
            self.optimizer = kind(groups, **settings)
        return self.optimizer

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """A step's micro-batches, and how many tokens all processes learn from in it: the loss of each token counts alike,
        however they are spread over micro-batches and processes."""
        bad = self._losses_gone_astray()
        batches: list[Batch] = []
        trouble = ""
        try:
            with self.course.waiting.running():
                for batch in epoch_iterator:
                    batches.append(supervised_only(batch))
                    if len(batches) == num_batches:
                        break
        except BadRecord as error:
            trouble = f"{error}; mend it or build the set anew, then run the same command again"
        except UsageError as error:
            trouble = str(error)
        supervised = sum(map(_num_supervised, batches))
        said = self.course.ranks.numbers((supervised, bool(bad), bool(trouble), self.course.interruption.is_asked))
        counts, are_bad, are_troubled, are_asked = zip(*said, strict=True)
        if any(are_bad):
            self._stop_for_loss(bad)
        if any(are_troubled):
            self._stop_for(trouble)
        if any(are_asked):
            self._leave()
        self.micro = self.state.global_step * self.args.gradient_accumulation_steps
        return batches, torch.tensor(sum(counts), device=device)

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Tensor | None = None) -> Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.losses.append((self.micro, loss))
        self.micro += 1
        return loss

    def floating_point_ops(self, inputs: Mapping[str, Tensor]) -> int:
        """Not counted here: transformers walks over all parameters for it, at every micro-batch."""
        return 0

    def _losses_gone_astray(self, *, wait: bool = False) -> list[int]:
        """The micro-batches whose loss is no number. Those of a GPU's last step are still on their way, and waiting for them
        would leave it idle: unless told to wait, they are looked at one step later."""
        late = self.args.gradient_accumulation_steps if self.args.device.type == "cuda" and not wait else 0
        ready, self.losses = self.losses[: len(self.losses) - late], self.losses[len(self.losses) - late :]
        return [micro for micro, loss in ready if not torch.isfinite(loss)]

    def _stop_for_loss(self, bad: list[int]) -> None:
        step = bad[0] // self.args.gradient_accumulation_steps + 1 if bad else 0
        what = f"the loss of step {step} is NaN or infinite, on {self.course.describe(bad[0])}" if bad else ""
        self._stop_for(what, f"; that step was not saved, {self._last_good()}; {_NO_NUMBER}")

    def _last_good(self) -> str:
        found = checkpoints.whole(Path(self.args.output_dir))
        return f"the last good checkpoint is {found[-1]}" if found else "there is no checkpoint before it"

    def _stop_for(self, mine: str, after: str = "") -> None:
        """Raise, on all processes alike, what went wrong on some of them."""
        said = [one for one in self.course.ranks.words(mine) if one]
        raise UsageError(f"{said[0]}{after}")

    def _leave(self) -> None:
        step = self.state.global_step
        if checkpoints.folder_of(Path(self.args.output_dir), step) not in checkpoints.whole(Path(self.args.output_dir)):
            self._save_checkpoint(self.model_wrapped, trial=None)
        raise Stopped(step)

    def _save_checkpoint(self, model: nn.Module, trial: None) -> None:
        """What transformers writes, beside; then renamed by all processes together, and the oldest deleted."""
        stage, ranks = Path(self.args.output_dir), self.course.ranks
        bad = self._losses_gone_astray(wait=True)
        is_astray = not stages.is_finite(self.model)
        are_bad, are_astray = zip(*ranks.numbers((bool(bad), is_astray)), strict=True)
        if any(are_bad):
            self._stop_for_loss(bad)
        if any(are_astray):
            what = f"weights are NaN or infinite after step {self.state.global_step}"
            self._stop_for(what, f"; that step was not saved, {self._last_good()}; {_NO_NUMBER}")
        with ranks.first() as is_first:
            if is_first:
                shutil.rmtree(stage / checkpoints.SAVING, ignore_errors=True)
                checkpoints.folder_of(stage / checkpoints.SAVING, self.state.global_step).mkdir(parents=True)
        try:
            with space_for(stage):
                super()._save_checkpoint(model, trial)
        except UsageError as error:  # the others are within the save, and hear of it no other way
            raise OwnTrouble(str(error)) from error
        checkpoints.commit(stage, self.state.global_step, ranks, keep=self.course.keep)

    def _get_output_dir(self, trial: None) -> str:
        """Where transformers puts its checkpoints."""
        return str(Path(self.args.output_dir) / checkpoints.SAVING)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """What learns; DeepSpeed's engine writes its own shards, with the optimizer's."""
        if not self.is_deepspeed_enabled and self.args.should_save:
            assert output_dir is not None
            save_file(trained(self.model), str(Path(output_dir) / TRAINED))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        load_trained(self.model, Path(resume_from_checkpoint) / TRAINED)


_NO_NUMBER = "look at these records, and lower learning_rate or max_grad_norm"


class _Epochs(TrainerCallback):
    """Says how many times the data was seen: to transformers, all of it is one epoch."""

    def __init__(self, epochs: Callable[[int], float]) -> None:
        self.epochs = epochs

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        *,
        train_dataloader: DataLoader[Batch],
        **kwargs: object,
    ) -> None:
        seen = min(state.global_step * args.gradient_accumulation_steps, len(train_dataloader))
        state.epoch = self.epochs(seen - 1)


def _num_supervised(batch: Batch) -> int:
    targets: Tensor = batch["shift_labels"]
    return int((targets != IGNORED).sum())


def supervised_only(batch: Batch) -> Batch:
    """The same micro-batch, whose logits are computed only where some row learns from them: at the others
    a vocabulary of 150 000 takes memory and time that no loss asks for.

    labels and shift_labels are of those places: what the next token is.
    """
    labels_BT: Tensor = batch["labels"]  # B rows, T tokens
    targets_BT = torch.nn.functional.pad(labels_BT[:, 1:], (0, 1), value=IGNORED)
    places = (targets_BT != IGNORED).any(dim=0).nonzero()[:, 0]
    targets = targets_BT[:, places].contiguous()
    kept = {name: value for name, value in batch.items() if name != "samples"}
    return {**kept, "labels": targets, "shift_labels": targets, "logits_to_keep": places}


def trained(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that learn, each once."""
    found = {name: one.detach().contiguous() for name, one in model.named_parameters() if one.requires_grad}
    return {name: tensor.cpu() for name, tensor in found.items()}


def load_trained(model: nn.Module, path: Path) -> None:
    """Parameters that a stage taught, into a model of that stage; raises UsageError where they are not exactly its own."""
    if not path.is_file():
        raise UsageError(f"{path.parent} has no {path.name}; expected a checkpoint of a run without DeepSpeed")
    state = load_file(str(path))
    own = {name: one for name, one in model.named_parameters() if one.requires_grad}
    if own.keys() != state.keys():
        differing = sorted(own.keys() ^ state.keys())
        raise UsageError(f"{path} is of another model or stage: {differing[0]} and {len(differing) - 1} more differ")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])
