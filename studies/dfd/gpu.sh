#!/usr/bin/env bash
# The whole study on one GPU: the published ResNet-18 at 8 px with the paper's 100 epochs, and all other arms beside it.
#
#   studies/dfd/gpu.sh DATA [MINUTES]
#
# DATA is CIFAR-10 as mosaics. It stops after MINUTES (9 unless said) and goes on from its checkpoints when called again;
# results are in studies/dfd/results. Arms run side by side (FULL_JOBS of the published size, JOBS others): one of them
# alone leaves a large GPU idle between its small kernels. So that their kernels can overlap, the script runs NVIDIA's
# multi-process service for as long as it runs, where it works; without it the arms take turns, and fewer run at a time.
set -euo pipefail
data=$(realpath "${1:?"usage: studies/dfd/gpu.sh DATA [MINUTES]"}")
minutes=${2:-9}
cd "$(dirname "$0")/../.."
export PYTHONPATH="$PWD/src:$PWD${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
python=${PYTHON:-python}

export CUDA_MPS_PIPE_DIRECTORY=$(mktemp -d) CUDA_MPS_LOG_DIRECTORY
CUDA_MPS_LOG_DIRECTORY=$CUDA_MPS_PIPE_DIRECTORY
stop_sharing() { if [ -n "${CUDA_MPS_PIPE_DIRECTORY:-}" ]; then echo quit | timeout 20 nvidia-cuda-mps-control || true; fi; }
if command -v nvidia-cuda-mps-control > /dev/null && nvidia-cuda-mps-control -d \
    && timeout 60 "$python" -c "import torch; print(torch.ones(8, device='cuda').sum().item())"; then
    echo "arms share the GPU through the multi-process service"
    trap stop_sharing EXIT
    jobs=${JOBS:-$(($(getconf _NPROCESSORS_ONLN) - 4))}
else
    echo "arms take turns on the GPU: no multi-process service"
    stop_sharing 2> /dev/null
    unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
    jobs=${JOBS:-2}
fi

run() { # run JOBS [ARGUMENTS]
    timeout --signal=TERM --kill-after=20 "${minutes}m" \
        "$python" -m studies.dfd.run --data "$data" --jobs "$1" "${@:2}" || return $?
}

"$python" -m studies.dfd.run --data "$data" --prepare-only
status=0
run "${FULL_JOBS:-4}" --group full & full=$!
run "$jobs" || status=$?
wait "$full" || status=$?
"$python" -m studies.dfd.summary || true
if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    echo "stopped after $minutes minutes; the same command goes on from the checkpoints"
    exit 0
fi
exit "$status"
