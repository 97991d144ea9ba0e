"""What each step of a plan trains on, in numbers, for rates and utilisation: the plan knows, nothing is gathered."""

from __future__ import annotations

from collections.abc import Callable

from georsmllm.model.spec import Spec

from .plan import Plan, Rows
from .recipe import Stage
from .samples import Samples
from .throughput import Counts


def counter(plan: Plan, samples: Samples, spec: Spec, stage: Stage) -> Callable[[int], Counts]:
    """Of the optimizer step of a number (1 is the first), over all processes."""
    accumulation, world = plan.settings.accumulation, plan.settings.world

    def count(step: int) -> Counts:
        total = Counts()
        for micro in range((step - 1) * accumulation, min(step * accumulation, len(plan))):
            for rank in range(world):
                total = total.plus(_of_batch(plan.batch(rank, micro), samples, spec, stage))
        return total

    return count


def _of_batch(rows: Rows, samples: Samples, spec: Spec, stage: Stage) -> Counts:
    members = [sample for row in rows for sample in row]
    lengths = samples.tokens[members].tolist()
    supervised, crops = int(samples.supervised[members].sum()), int(samples.crops[members].sum())
    longest = max(sum(samples.tokens[list(row)].tolist()) for row in rows)
    return Counts(
        samples=len(members),
        tokens=sum(lengths),
        supervised=supervised,
        computed=longest * len(rows),
        crops=crops,
        flops=spec.flops(
            lengths,
            crops,
            train=stage.train,
            adapters=tuple(module for module in stage.train if stage.lora is not None and module != "projector"),
            num_logits=supervised,
        ),
    )
