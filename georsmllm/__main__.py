"""`python -m georsmllm`, for launchers that start modules: `torchrun --nproc_per_node 8 -m georsmllm train ...`."""

from __future__ import annotations

if __name__ == "__main__":
    from georsmllm.scripts.cli import main

    main()
