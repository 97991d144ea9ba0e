"""A stage in the words of transformers' Trainer."""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path

import torch
from transformers import TrainingArguments

from . import zero
from .building import Precision
from .job import Job
from .recipe import Stage


def precision_of(job: Job) -> Precision:
    return Precision(job.recipe.bf16, masters=job.deepspeed is not None)


def arguments_of(job: Job, stage: Stage, folder: Path, num_steps: int) -> TrainingArguments:
    """A stage in the Trainer's words. What it would do itself (logging, keeping checkpoints, dealing out data) is off."""
    recipe, on_gpu = job.recipe, torch.cuda.is_available()
    found = zero.suited(job.deepspeed, on_gpu=on_gpu) if job.deepspeed is not None else None
    offloads = found is not None and zero.facts(found).offloads
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # gradient_checkpointing has a new name in 5.23, which 5.17 lacks
        return TrainingArguments(
            output_dir=str(folder),
            max_steps=num_steps,
            per_device_train_batch_size=stage.per_device_train_batch_size,
            gradient_accumulation_steps=stage.gradient_accumulation_steps,
            learning_rate=stage.learning_rate,
            lr_scheduler_type=stage.lr_scheduler_type,
            warmup_steps=math.ceil(stage.warmup_ratio * num_steps),
            weight_decay=stage.weight_decay,
            adam_beta1=stage.adam_beta1,
            adam_beta2=stage.adam_beta2,
            max_grad_norm=stage.max_grad_norm,
            neftune_noise_alpha=stage.neftune_noise_alpha,
            optim="adamw_torch_fused" if on_gpu and not offloads else "adamw_torch",
            bf16=recipe.bf16,
            gradient_checkpointing=recipe.gradient_checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False} if recipe.gradient_checkpointing else None,
            save_steps=recipe.save_steps,
            logging_steps=recipe.logging_steps,
            logging_nan_inf_filter=False,  # it would write the average in a NaN's place
            disable_tqdm=True,
            report_to="none",
            seed=recipe.seed,
            use_cpu=not on_gpu,
            deepspeed=copy.deepcopy(found),  # "auto" is filled in, for each stage anew
            ddp_find_unused_parameters=False,
            average_tokens_across_devices=True,
            remove_unused_columns=False,
            restore_callback_states_from_checkpoint=False,
        )
