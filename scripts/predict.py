"""`georsmllm predict`: a model's answers to the records of a set, one JSON line each."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from georsmllm.errors import UsageError
from georsmllm.journal import Shard
from georsmllm.predictions import journal as journal_of
from georsmllm.predictions import num_cut

if TYPE_CHECKING:
    from georsmllm.answering import Engine, Tally
    from georsmllm.constrain.form import Form
    from georsmllm.journal import Journal
    from georsmllm.model.tokens import Chat
    from georsmllm.predicting import EngineName, Run, Weights
    from georsmllm.predictions import Line
    from georsmllm.train.sources import Source
    from georsmllm.types import Record

BATCH_SIZES: dict[EngineName, int] = {"transformers": 8, "vllm": 256}
"""vLLM schedules inside of a batch, and wants many."""


@click.command()
@click.argument("records", type=click.Path(path_type=Path))
@click.option("--model", "-m", required=True, metavar="DIR", help="A model's or adapter's folder, or a hub id.")
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path), metavar="FILE", help="predictions.jsonl")
@click.option("--split", default="val", show_default=True, metavar="NAME", help="Of a set; a file of records has none.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N records.")
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Where the images of a JSONL are.")
@click.option("--adapter", type=click.Path(path_type=Path), metavar="DIR", help="An adapter to put on the model.")
@click.option("--merged", is_flag=True, help="Add the adapter to the weights in memory: faster, and rounded once more.")
@click.option("--batch-size", type=click.IntRange(min=1), metavar="N", help="Answers at once.  [default: 8; vLLM 256]")
@click.option("--max-new-tokens", default=1024, show_default=True, type=click.IntRange(min=1), metavar="N")
@click.option("--constrained", is_flag=True, help="Only answers that parse and stay in range, by the form of the task.")
@click.option("--temperature", default=0.0, show_default=True, type=click.FloatRange(min=0), help="0: greedy.")
@click.option("--top-p", default=1.0, show_default=True, type=click.FloatRange(min=0, max=1, min_open=True))
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of sampling.")
@click.option("--engine", default="transformers", show_default=True, type=click.Choice(["transformers", "vllm"]))
@click.option("--dtype", default="auto", show_default=True, type=click.Choice(["auto", "bfloat16", "float32"]),
              help="auto: bfloat16 on a GPU, float32 elsewhere.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto: this process's GPU, or cpu.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=1), help="Threads that open images.")
@click.option("--shard", metavar="I/N", help="This process's share, 1/N to N/N; processes of torchrun know theirs.")
def command(
    records: Path,
    *,
    model: str,
    out: Path,
    split: str,
    limit: int | None,
    images: Path | None,
    adapter: Path | None,
    merged: bool,
    batch_size: int | None,
    max_new_tokens: int,
    constrained: bool,
    temperature: float,
    top_p: float,
    seed: int,
    engine: EngineName,
    dtype: Literal["auto", "bfloat16", "float32"],
    device: str,
    workers: int,
    shard: str | None,
) -> None:
    """Answer RECORDS (a built set's folder, its export to Parquet or WebDataset, or a JSONL of records) into FILE, in their
    order. What is alike is answered together; a killed run goes on where it was when the same command runs again.

    \b
      georsmllm predict sets/demo --model runs/demo -o predictions.jsonl
      torchrun --nproc_per_node 8 --no-python georsmllm predict sets/demo --model runs/demo -o predictions.jsonl
      georsmllm score sets/demo predictions.jsonl
    """
    from georsmllm import answering, asked, predicting
    from georsmllm.devices import device_and_dtype
    from georsmllm.model import anyres, needs, tokens

    part = _shard(shard)
    source = asked.open_asked(records, split, image_root=images)
    weights = predicting.weights_of(model, adapter, merged=merged)
    needs.require("answering")
    device, kind = device_and_dtype(device, dtype)
    decoding = answering.Decoding(max_new_tokens, temperature, top_p, seed)
    run = predicting.Run(engine, kind, batch_size or BATCH_SIZES[engine], constrained, decoding)
    count = min(len(source), limit or len(source))
    chat = tokens.Chat.of_folder(weights.base)
    batches = answering.plan(source, count, anyres.of_folder(weights.base), batch_size=run.batch_size)
    settings = predicting.settings_of(weights, run, source, split=split if records.is_dir() else "", limit=limit or 0)
    journal = journal_of(out, settings, part)
    if not journal.is_finished:
        if constrained:
            mine = batches[part.number :: part.of]
            free = answering.num_free(source, mine, _form, max_new_tokens)
            print(f"{free} of {sum(map(len, mine))} answers have no form and are free")
        loaded = _engine(weights, run, chat, device=device, workers=workers)
        tally = _answer(source, batches, loaded, journal, run=run, shard=part)
        print(f"{_counted(tally)} by this process")
    if not journal.finish(count):
        print(f"{out} is put together by whichever of the {part.of} shards ends last; this one has ended")
        return
    print(f"{out}: {count} answers, {num_cut(out)} of them cut at {max_new_tokens} tokens (finish: length)")


def _answer(
    source: Source, batches: list[list[int]], engine: Engine, journal: Journal[Line], *, run: Run, shard: Shard
) -> Tally:
    """With a progress bar of this process's records."""
    from georsmllm import answering

    from .progress import bar

    mine = batches[shard.number :: shard.of]
    done = journal.done()
    watch = bar("answering", sum(map(len, mine)))
    before = sum(len(batch) for batch in mine if done.issuperset(batch))
    watch.update(before)

    def tick(tally: Tally) -> None:
        watch.set_postfix_str(f"{tally.tokens / max(tally.seconds, 1e-9):.0f} tokens/s, {tally.cut} cut", refresh=False)
        watch.update(before + tally.answers - watch.n)

    try:
        return answering.answer(
            source,
            batches,
            engine,
            journal,
            decoding=run.decoding,
            form_of=_form if run.constrained else lambda _: None,
            shard=shard,
            tick=tick,
        )
    finally:
        watch.close()


def _form(record: Record) -> Form | None:
    from georsmllm.constrain import form
    from georsmllm.discover import task

    return form.of(task(record.task), record)


def _engine(weights: Weights, run: Run, chat: Chat, *, device: str, workers: int) -> Engine:
    from georsmllm import predicting

    if run.engine == "vllm":
        from georsmllm.infer_vllm import VllmEngine

        folder = weights.adapter or weights.base
        return VllmEngine(folder, chat, dtype=run.dtype, seed=run.decoding.seed, workers=workers)
    return predicting.generator(
        weights, dtype=run.dtype, device=device, batch_size=run.batch_size, workers=workers,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip


def _shard(words: str | None) -> Shard:
    """--shard, else torchrun's place, else everything."""
    if words is None:
        return Shard(number=int(os.environ.get("RANK", "0")), of=int(os.environ.get("WORLD_SIZE", "1")))
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", words)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard {words}: expected I/N with I from 1 to N, such as 1/4")
    return Shard(number=int(found[1]) - 1, of=int(found[2]))


def _counted(tally: Tally) -> str:
    rate = f", {tally.tokens / tally.seconds:.0f} tokens/s" if tally.seconds else ""
    return f"{tally.answers} records answered, {tally.tokens} tokens{rate}"
