#!/usr/bin/env bash
# The whole study on one GPU: the published ResNet-18 at 8 px with the paper's 100 epochs, and all other arms beside it.
#
#   studies/dfd/gpu.sh DATA [MINUTES]
#
# DATA is CIFAR-10 as mosaics. All of it, preparing the data included, ends within MINUTES (9 unless said) and a minute for
# the summary; half a minute before that arms are told to stop, and are waited for while they save their checkpoints, from
# which the same command goes on. Results are in studies/dfd/results. Arms run side by side (FULL_JOBS of the published
# size, JOBS others): one of them alone leaves a large GPU idle between its small kernels. So that their kernels can
# overlap, the script runs NVIDIA's multi-process service for as long as it runs, where it works; without it the arms take
# turns, and fewer run at a time.
set -euo pipefail
data=$(realpath "${1:?"usage: studies/dfd/gpu.sh DATA [MINUTES]"}")
minutes=${2:-9}
save_s=30 # for checkpoints
stop_at=$(awk -v minutes="$minutes" -v save="$save_s" 'BEGIN { print int(60 * minutes) - save }') # of SECONDS
cd "$(dirname "$0")/../.."
export PYTHONPATH="$PWD/src:$PWD${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
python=${PYTHON:-python}

export CUDA_MPS_PIPE_DIRECTORY=$(mktemp -d) CUDA_MPS_LOG_DIRECTORY
CUDA_MPS_LOG_DIRECTORY=$CUDA_MPS_PIPE_DIRECTORY
stop_sharing() { if [ -n "${CUDA_MPS_PIPE_DIRECTORY:-}" ]; then echo quit | timeout 20 nvidia-cuda-mps-control || true; fi; }

runs=() # process groups: what runs arms, with its arms
start() { # start JOBS [ARGUMENTS]
    setsid "$python" -m studies.dfd.run --data "$data" --jobs "$1" "${@:2}" &
    runs+=($!)
}
anything_left() { # whether a process of the runs is alive; a dead one that nobody has waited for is not
    [ -n "$(cat /proc/[0-9]*/stat 2> /dev/null | awk -v runs=" ${runs[*]} " '
        { pid = $1; sub(/.*\) /, "") } $1 != "Z" && (index(runs, " " pid " ") || index(runs, " " $3 " ")) { print pid }')" ]
}
signal_runs() { # a run has a group of its own from a moment after its start on
    for run in "${runs[@]}"; do kill "-$1" -- "-$run" 2> /dev/null || kill "-$1" "$run" 2> /dev/null || true; done
}
stop_runs() { # what runs the arms ends at once, so that they, which save first, are no children that one can `wait` for
    signal_runs TERM
    local until=$((SECONDS + save_s))
    while anything_left && [ "$SECONDS" -lt "$until" ]; do sleep 0.5; done
    signal_runs KILL
}
end() {
    if anything_left; then stop_runs; fi
    stop_sharing
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if command -v nvidia-cuda-mps-control > /dev/null && nvidia-cuda-mps-control -d \
    && timeout 60 "$python" -c "import torch; print(torch.ones(8, device='cuda').sum().item())"; then
    echo "arms share the GPU through the multi-process service"
    jobs=${JOBS:-$(($(getconf _NPROCESSORS_ONLN) - 4))}
else
    echo "arms take turns on the GPU: no multi-process service"
    stop_sharing 2> /dev/null
    unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
    jobs=${JOBS:-2}
fi

prepare_s=$((stop_at - SECONDS))
timeout "$((prepare_s > 1 ? prepare_s : 1))" "$python" -m studies.dfd.run --data "$data" --prepare-only
start "${FULL_JOBS:-4}" --group full
start "$jobs"
while anything_left && [ "$SECONDS" -lt "$stop_at" ]; do sleep 1; done
stopped=
if anything_left; then
    stopped=yes
    stop_runs
fi
status=0
for run in "${runs[@]}"; do
    code=0
    wait "$run" || code=$?
    if [ "$code" -ne 0 ] && ! { [ -n "$stopped" ] && [ "$code" -gt 128 ]; }; then status=$code; fi
done
timeout 30 "$python" -m studies.dfd.summary || true
if [ -n "$stopped" ]; then echo "stopped after $minutes minutes; the same command goes on from the checkpoints"; fi
exit "$status"
