"""What each step of a plan trains on, in numbers, for rates and utilisation; the plan knows, no process has to ask others."""

from __future__ import annotations

from collections.abc import Callable

from georsmllm.model.spec import Spec

from .plan import Plan
from .recipe import Stage
from .samples import Samples
from .throughput import Counts


def counter(plan: Plan, samples: Samples, spec: Spec, stage: Stage) -> Callable[[int], Counts]:
    """Of the optimizer step of a number (1 is the first), over all processes."""
    accumulation, world = plan.settings.accumulation, plan.settings.world
    adapted = [module for module in stage.train if stage.lora is not None and module != "projector"]

    def count(step: int) -> Counts:
        micro = range((step - 1) * accumulation, min(step * accumulation, len(plan)))
        batches = [plan.batch(rank, i) for i in micro for rank in range(world)]
        members = [sample for rows in batches for row in rows for sample in row]
        lengths = samples.tokens[members].tolist()
        supervised, crops = int(samples.supervised[members].sum()), int(samples.crops[members].sum())
        flops = spec.flops(lengths, crops, train=stage.train, adapters=adapted, num_logits=supervised)
        longest = [max(int(samples.tokens[list(row)].sum()) for row in rows) for rows in batches]
        return Counts(
            samples=len(members),
            tokens=sum(lengths),
            supervised=supervised,
            computed=sum(len(rows) * most for rows, most in zip(batches, longest, strict=True)),
            crops=crops,
            flops=flops,
        )

    return count
