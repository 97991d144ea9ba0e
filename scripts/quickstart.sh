#!/usr/bin/env bash
# Two minutes with GeoRSMLLM: installs the data side into .venv-quickstart (no torch), draws five small datasets, makes an
# instruction set of them and a page to look at. Everything lands below demo/; running it again starts that over.
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
rm -rf demo/world demo/set
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
step_done

cat <<END

Done. Open this page in a browser to see every answer drawn on its image:
  $PWD/demo/set/look.html
The set itself: demo/set/records/*.jsonl (one record a line), its card demo/set/README.md, and demo/set/quarantine.jsonl
with the two records that were broken on purpose. Your own data next:
  . .venv-quickstart/bin/activate
  georsmllm datasets
  georsmllm check dota=/path/to/DOTA
  georsmllm build --dataset dota=/path/to/DOTA --task det,count --out sets/dota
END
