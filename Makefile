.PHONY: help setup check test wheel demo bench
help:   ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## */\t/'
setup:  ## .venv with everything that development needs
	python3 -m venv .venv && .venv/bin/python -m pip install -q -c constraints-cpu.txt -e '.[dev,train]'
check:  ## every check that CI runs: lint, types, tests, tests of the wheel
	scripts/test.sh
test:   ## only the tests; make test ARGS="tests/house -x"
	scripts/test.sh --fast $(ARGS)
wheel:  ## build/dist/georsmllm-*.whl
	rm -rf build && .venv/bin/python -m pip wheel -q --no-deps -w build/dist .
demo:   ## five invented datasets become a set and a page: demo/set/look.html
	scripts/quickstart.sh
bench:  ## every benchmark, one after the other; those that lack something say so
	for file in benchmarks/*.py; do echo "== $$file"; .venv/bin/python $$file || echo "not run: $$file"; done
