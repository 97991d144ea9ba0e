#!/usr/bin/env bash
# Two machines of eight GPUs under Slurm, one process a GPU. From the repository's folder, in its environment:
#
#   sbatch scripts/recipes/train/slurm.sh scripts/recipes/train/7b_full.yaml --out /shared/runs/7b world=16
#
# srun tells each process its number; `georsmllm train` takes it from there, no torchrun between. The folder of the run must be
# one that all machines see. Slurm's SIGTERM, here ten minutes before the time is over, saves a checkpoint; the job is then
# queued again and goes on from it.
#SBATCH --job-name=georsmllm
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=12
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@600
#SBATCH --requeue
#SBATCH --output=slurm-%j.log
set -euo pipefail

export OMP_NUM_THREADS=8
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_ADDR
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))

code=0
srun --kill-on-bad-exit=1 georsmllm train "$@" || code=$?
if [ "$code" = 130 ]; then # asked to stop, and saved
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
