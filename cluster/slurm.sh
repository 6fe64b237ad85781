#!/usr/bin/env bash
# One archive on a Slurm allocation: a Ray cluster of its nodes, the main job, and the cluster's end.
#
#   sbatch --nodes=4 cluster/slurm.sh --archive s3://BUCKET/archive --bundle s3://BUCKET/bundle --output s3://BUCKET/output
#
# The words are those of `echoprime run`; folders must be on a file system that every node mounts. ECHOPRIME_VENV
# names the virtual environment (on that file system too). Before the time is up the job is interrupted: what is
# finished is in the tables, and the same sbatch goes on from there.
#
# Checked: shellcheck, without a finding (tests/cluster/test_cluster_files.py).
# Not run: no Slurm was at hand; nobody has run it yet.
#
#SBATCH --job-name=echoprime
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=64G
#SBATCH --time=24:00:00
#SBATCH --signal=B:INT@300
#SBATCH --output=echoprime-%j.log
# For GPUs: sbatch --gpus-per-node=1 ...
set -euo pipefail

venv=${ECHOPRIME_VENV:-.venv}
port=${ECHOPRIME_RAY_PORT:-$((20000 + SLURM_JOB_ID % 20000))}
cores=${SLURM_CPUS_PER_TASK:-1}
gpus=${SLURM_GPUS_ON_NODE:-0}
# shellcheck disable=SC1091  # made by make install
source "$venv/bin/activate"

# The token that all nodes share: nobody else on the network may run code here.
scratch=$(mktemp --directory "$PWD/.echoprime-$SLURM_JOB_ID-XXXXXX")
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' >"$scratch/token")
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$scratch/token" RAY_USAGE_STATS_ENABLED=0

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
started=()

# shellcheck disable=SC2329  # called by the trap
finish() {
  ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
  wait || true
  rm -rf "$scratch"
}
trap finish EXIT

start() { # NODE, then options of ray start
  local node=$1
  shift
  # srun takes the cores of a task from nowhere else, since Slurm 22.05.
  srun --nodes=1 --ntasks=1 --cpus-per-task="$cores" --nodelist="$node" --export=ALL \
    ray start --block --disable-usage-stats --num-cpus="$cores" --num-gpus="$gpus" "$@" \
    >>"$scratch/ray.log" 2>&1 &
  started+=("$!")
}

start "$head" --head --port="$port" --include-dashboard=false
for ((try = 0; try < 60; try++)); do
  if (exec 3<>"/dev/tcp/$head/$port") 2>/dev/null; then break; fi
  if ! kill -0 "${started[0]}" 2>/dev/null; then break; fi
  sleep 2
done
if ! (exec 3<>"/dev/tcp/$head/$port") 2>/dev/null; then
  cat "$scratch/ray.log" >&2
  echo "no Ray came up on $head:$port within two minutes" >&2
  exit 1
fi
for node in "${nodes[@]:1}"; do
  start "$node" --address="$head:$port"
done

# A job sizes its pools by the nodes that it finds.
python - "${#nodes[@]}" "$head:$port" <<'PYTHON'
import sys, time
import ray

wanted, address = int(sys.argv[1]), sys.argv[2]
ray.init(address, log_to_driver=False, logging_level="ERROR")
for _ in range(60):
    found = sum(node["Alive"] for node in ray.nodes())
    if found >= wanted:
        break
    time.sleep(2)
print(f"{found} of {wanted} nodes", flush=True)
PYTHON

# A shell's background commands ignore Ctrl-C's signal, unless it has job control.
set -m
echoprime run "$@" --ray-address "$head:$port" &
job=$!
set +m
# The batch script gets the signal, the job must.
trap 'kill -INT "$job" 2>/dev/null || true' INT TERM
code=0
wait "$job" || code=$?
# A trapped signal ends the wait, not the job.
while kill -0 "$job" 2>/dev/null; do
  code=0
  wait "$job" || code=$?
done
exit "$code"
