"""`georsmllm parse`: the plan that a query with several conditions becomes, or how well a planner makes such plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from georsmllm.errors import UsageError

from .asking import cache_folder, language_of

if TYPE_CHECKING:
    from georsmllm.parser.evaluate import Evaluation, Gold, Row
    from georsmllm.parser.planner import Planned, Planner

EPILOG = """
\b
Examples:
  georsmllm parse "planes on the east bank of the river"
  georsmllm parse "how many of the three longest ships are docked?" --json
  georsmllm parse --images 2 "buildings that disappeared north of the road"
  georsmllm parse "segment the lakes" --dot | dot -Tsvg > plan.svg
  georsmllm parse "..." --llm-url http://localhost:8000/v1 --llm-model qwen3
  georsmllm parse --evaluate queries.jsonl --planner embedded

\b
Each step states one condition. "<- s1, anchor s2" says what feeds it: the set that it narrows, and what that is related
to. Steps marked (anchor) only serve as a reference; the others are the chain of sub-questions.
A file for --evaluate has a plan a line as --json prints it, made or mended by hand.
The key of a server comes from GEORSMLLM_LLM_API_KEY or OPENAI_API_KEY. Where the server fails, the embedded planner plans
and a notice says so; under --evaluate such a query counts as failed.
Exit codes: 0, 1 where the query holds no visual condition, 2 wrong input.
"""


@click.command(epilog=EPILOG)
@click.argument("query", required=False)
@click.option(
    "--evaluate",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Plan the queries of a JSONL file and hold the plans against the ones in it.",
)
@click.option("--images", type=click.IntRange(1, 2), default=1, show_default=True, help="2: a pair, before and after.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--dot", "as_dot", is_flag=True, help="The plan as a Graphviz drawing.")
@click.option(
    "--planner",
    type=click.Choice(["auto", "embedded", "llm"]),
    default="auto",
    show_default=True,
    help="Who plans; auto: a language model where --llm-url names a server, else the embedded planner.",
)
@click.option(
    "--llm-url",
    default="",
    envvar="GEORSMLLM_LLM_URL",
    show_envvar=True,
    metavar="URL",
    help="An OpenAI-compatible server, such as http://localhost:11434/v1.",
)
@click.option(
    "--llm-model", default="", envvar="GEORSMLLM_LLM_MODEL", show_envvar=True, metavar="NAME", help="A model there."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds for one query to the language model, all tries together.",
)
@click.option("--no-cache", is_flag=True, help="Neither read nor keep plans of the language model.")
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where its plans are kept.  [default: georsmllm/plans in the user's cache folder]",
)
def command(
    query: str | None,
    *,
    file: Path | None,
    images: int,
    as_json: bool,
    as_dot: bool,
    planner: str,
    llm_url: str,
    llm_model: str,
    timeout: float,
    no_cache: bool,
    cache: Path | None,
) -> None:
    """Print the plan of QUERY: one condition a step, in the order in which a model is asked.

    Nothing is looked at: no image is needed. With --evaluate, the metrics of a planner over a file of ideal plans.
    """
    if (query is None) == (file is None):
        raise UsageError('expected a query, such as georsmllm parse "white ships near the pier", or --evaluate FILE')
    if file is not None and as_dot:
        raise UsageError("--dot draws one plan; leave out --evaluate")
    from georsmllm.parser.planning import planner_of

    kept = None if no_cache else cache or cache_folder()
    chosen = planner_of(language_of(planner, llm_url, llm_model, timeout, cache=kept), strict=file is not None)
    if file is not None:
        _evaluate(file, chosen, as_json)
        return
    assert query is not None
    form = "json" if as_json else "dot" if as_dot else "text"
    raise click.exceptions.Exit(_parse(query, chosen, images=images, form=form))


def _parse(query: str, planner: Planner, *, images: int, form: str) -> int:
    """The exit code."""
    from georsmllm.parser.planner import NoCondition
    from georsmllm.parser.showing import dot, lines

    try:
        planned = planner.plan(query, num_images=images)
    except NoCondition as error:
        click.echo(f"georsmllm: {error}", err=True)
        return 1
    for notice in planned.notices:
        click.echo(f"notice: {notice}", err=True)
    if form == "json":
        print(msgspec.json.encode(_as_json(query, planned)).decode())
    elif form == "dot":
        print(dot(planned.plan))
    else:
        print("\n".join([*lines(planned.plan), f"planner: {planned.planner}"]))
    return 0


def _as_json(query: str, planned: Planned) -> dict[str, object]:
    from georsmllm.parser.plan import chain

    return {
        "query": query,
        "planner": planned.planner,
        "notices": planned.notices,
        **msgspec.structs.asdict(planned.plan),
        "chain": chain(planned.plan),
    }


def _evaluate(file: Path, planner: Planner, as_json: bool) -> None:
    from georsmllm.parser.evaluate import evaluate, read_gold

    from .progress import bar

    golds: tuple[Gold, ...] = read_gold(file)
    watch = bar("planning", len(golds))
    found = evaluate(golds, planner, tick=watch.update)
    watch.close()
    print(msgspec.json.encode(found).decode() if as_json else "\n".join(table(found)))


def table(found: Evaluation) -> list[str]:
    """The metrics, then every query that is not exactly right: what is missing, what is too much."""
    split = f"too many {found.over_split:.3f}, too few {found.under_split:.3f}"
    rows = [
        ("queries", str(found.num_queries)),
        ("schema valid", _share(found.schema_valid)),
        ("step count", f"{_share(found.step_count_accuracy)}  ({split})"),
        ("type sequence", _share(found.type_sequence_exact_match)),
        ("slot F1", f"{_share(found.slot_f1)}  (macro {found.slot_f1_macro:.3f})"),
        ("DAG edge F1", f"{_share(found.dag_edge_f1)}  (macro {found.dag_edge_f1_macro:.3f})"),
        ("answer type", _share(found.answer_type_accuracy)),
        ("order pairs", _pairs(found)),
    ]
    lines = [f"{name:<15}{value}" for name, value in rows]
    for row in found.queries:
        lines += _differences(row)
    return lines


def _share(value: float) -> str:
    return f"{value:.3f}"


def _pairs(found: Evaluation) -> str:
    if found.order_pair_accuracy is None:
        return "-      (the file has none)"
    return f"{_share(found.order_pair_accuracy)}  (of {found.num_order_pairs})"


def _differences(row: Row) -> list[str]:
    right = row.type_sequence_exact_match and row.answer_type_match and row.slot_f1 == 1 and row.dag_edge_f1 == 1
    if right:
        return []
    lines = [f"\n{row.id}  {row.query}"]
    if row.error:
        return [*lines, f"  failed: {row.error}"]
    if not row.type_sequence_exact_match:
        lines.append(f"  steps    {', '.join(row.type_sequence)}\n  expected {', '.join(row.expected_type_sequence)}")
    lines += [f"  missing  {slot}" for slot in row.missing] + [f"  extra    {slot}" for slot in row.extra]
    if row.dag_edge_f1 < 1:
        lines.append(f"  edges    F1 {row.dag_edge_f1:.2f}")
    return lines if row.answer_type_match else [*lines, "  the answer is of another type"]
