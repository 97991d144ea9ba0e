#!/usr/bin/env bash
# Five minutes with GeoRSMLLM: installs the data side into .venv-quickstart (no torch), draws five small datasets, makes an
# instruction set of them and a page to look at; then installs the model side, teaches a tiny model four places by heart, and
# asks it a question with conditions about one of them. Everything lands below demo/; running it again starts that over.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

step "environment in .venv-quickstart"
make_venv .venv-quickstart
rm -rf build/lib build/bdist.* # what an earlier build left there would be packed again
.venv-quickstart/bin/python -m pip install -qq -c constraints-cpu.txt .
if .venv-quickstart/bin/python -c 'import torch' 2>/dev/null; then
    echo "torch came with the data side, and should not have" >&2
    exit 1
fi
PATH="$PWD/.venv-quickstart/bin:$PATH"
echo "installed $(georsmllm --version), without torch"

step "drawing five small datasets below demo/world"
rm -rf demo/world demo/set demo/ask-set demo/ask-model demo/answer
python -P -m georsmllm.scripts.demo_world demo/world # -P: the installed package, not the folder of that name here

step "georsmllm check dota=demo/world/dota"
georsmllm check dota=demo/world/dota || [ $? = 1 ] # 1: it tells of a broken label file, which is there on purpose

step "georsmllm build scripts/recipes/demo.yaml --out demo/set"
echo "(the first build of an installation compiles its mask kernels, which takes most of a minute once)"
georsmllm build scripts/recipes/demo.yaml --out demo/set

step "georsmllm validate demo/set"
georsmllm validate demo/set

step "georsmllm look demo/set"
georsmllm look demo/set

step "model side in .venv-quickstart"
DS_BUILD_OPS=0 python -m pip install -qq -c constraints-cpu.txt '.[train,ask]'

step "georsmllm build scripts/recipes/demo_ask.yaml --out demo/ask-set"
georsmllm build scripts/recipes/demo_ask.yaml --out demo/ask-set

step "georsmllm train scripts/recipes/train/tiny.yaml data.sources.0.path=$PWD/demo/ask-set stages.0.num_train_epochs=100 --out demo/ask-model"
georsmllm train scripts/recipes/train/tiny.yaml data.sources.0.path="$PWD/demo/ask-set" stages.0.num_train_epochs=100 --out demo/ask-model

question="ships longer than 18 m within 10 m of the longest harbor"
step "georsmllm ask demo/world/port.tif \"$question\" -m demo/ask-model/final -o demo/answer"
georsmllm ask demo/world/port.tif "$question" -m demo/ask-model/final -o demo/answer
step_done

cat <<END

Done. What it leaves:
  $PWD/demo/set/look.html           the instruction set: every answer drawn on its image, in a browser
  $PWD/demo/answer/picture.png      the answer: the ships on their image, and the steps that led to them
  $PWD/demo/answer/findings.geojson the same on the Earth; also as GeoPackage, COG, COCO and DOTA labels
  $PWD/demo/answer/answer.json      all of it, with the trace of every step
The masks are the filled shapes that the model said: no segmentation model is here, and the files say so. The model is tiny
and knows four places by heart; the set beside it has the two records that were broken on purpose (demo/set/quarantine.jsonl).
Ask it yourself, then your own data next:
  . .venv-quickstart/bin/activate
  georsmllm ask demo/world/port.tif "the two largest storage tanks west of the buildings" -m demo/ask-model/final -o tanks.png
  georsmllm chat demo/world/port.tif -m demo/ask-model/final
  georsmllm check dota=/path/to/DOTA
  georsmllm build --dataset dota=/path/to/DOTA --task det,count --out sets/dota
END
