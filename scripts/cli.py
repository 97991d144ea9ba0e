"""The `georsmllm` command: the table of its words; a word's file is imported only when that word is used."""

from __future__ import annotations

import importlib
import signal
import sys

import click

from georsmllm import __version__
from georsmllm.errors import BadRecord, UsageError

COMMANDS = {
    "ask": "Ask about an image, or a pair: words, boxes, masks and coordinates of the Earth.",
    "chat": "A conversation about an image in the terminal.",
    "serve": "A web page and an OpenAI-compatible server on this machine over one model.",
    "parse": "Show the steps into which a query is split, or how well a planner does it.",
    "build": "Make an instruction set from datasets as they lie on disk.",
    "look": "Write a page that shows a set: counts, and every answer drawn on its image.",
    "validate": "Hold a set against its schema and laws.",
    "export": "Write a set in the form of another trainer or tool: LLaVA, LLaMA-Factory, COCO, Parquet ...",
    "overlap": "Say which images two sets or datasets share: what leaks from training into evaluation.",
    "datasets": "List the dataset readers, or show one's card: layout, label line, licence, defects.",
    "dialects": "List the forms in which points are written, or show one's frame, rounding, corner order and angle.",
    "doctor": "Say in which form and frame given answers are written, and what would mend them.",
    "train": "Fine-tune a model by a recipe: full or LoRA, one CPU to many GPUs; a killed run goes on where it was.",
    "predict": "Let a model answer the records of a set; a killed run goes on where it was.",
    "segment": "Decode the boxes and points of predictions into masks: SAM 2, or the shapes filled.",
    "score": "Judge predictions by their tasks: verdict shares and scores in one table.",
    "check": "Read your own data with a reader and say what is wrong with it, before you build.",
    "model": "Make a model from parts or from nothing, look at one, merge an adapter.",
}
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class Words(click.Group):
    """A group whose commands are found by their file."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click hands it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"georsmllm.scripts.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Words, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="georsmllm")
@click.option(
    "--local_rank", "--local-rank", hidden=True, expose_value=False, help="DeepSpeed's launcher says it here."
)
def group() -> None:
    """Remote-sensing annotations as text made of points, and back.

    \b
    A first walk:
      georsmllm datasets dota                      what the reader expects on disk
      georsmllm check dota=/data/DOTA              what it makes of your copy
      georsmllm build --dataset dota=/data/DOTA --task det,count --out sets/dota
      georsmllm look sets/dota                     open sets/dota/look.html in a browser
    """


def main() -> None:
    """Run the command; what a person got wrong is one line on stderr and exit code 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = group.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        print("\ninterrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except (UsageError, BadRecord) as error:
        print(f"georsmllm: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    sys.exit(code)


if __name__ == "__main__":
    main()
