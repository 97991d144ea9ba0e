#!/usr/bin/env bash
# Minutes with a model that learns: a tiny one learns the quickstart's instruction set by heart on the CPU, answers the
# training questions, and its answers are scored. Builds the set first where demo/set is not there. Everything lands in
# .venv-quickstart (with torch now) and below demo/; a run that was stopped goes on when this is run again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

[ -f demo/set/manifest.json ] || scripts/quickstart.sh

step "training side in .venv-quickstart"
make_venv .venv-quickstart
rm -rf build/lib build/bdist.* # what an earlier build left there would be packed again
DS_BUILD_OPS=0 .venv-quickstart/bin/python -m pip install -qq -c constraints-cpu.txt '.[train]'
PATH="$PWD/.venv-quickstart/bin:$PATH"

step "georsmllm train scripts/recipes/train/tiny.yaml --out demo/model"
georsmllm train scripts/recipes/train/tiny.yaml --out demo/model

step "georsmllm predict demo/set --split train --model demo/model/final --batch-size 64 -o demo/predictions.jsonl"
georsmllm predict demo/set --split train --model demo/model/final --batch-size 64 -o demo/predictions.jsonl

step "georsmllm score demo/set demo/predictions.jsonl --out demo/scores"
georsmllm score demo/set demo/predictions.jsonl --out demo/scores
step_done

cat <<END

Done. The model has learnt its questions by heart; it is too small to answer new ones.
  $PWD/demo/model/1-all/loss.png    its loss, step by step
  $PWD/demo/predictions.jsonl       its answer to each question
  $PWD/demo/scores                  the score of each answer
The same road with a real model and your own set: docs/training.md
END
