#!/usr/bin/env bash
# One GPU, ten minutes: is the fused attention right, how fast are teacher and student, do the presets train?
#
#     make setup && benchmarks/gpu.sh                 # check, latency, train
#     benchmarks/gpu.sh check latency                 # some parts
#     benchmarks/gpu.sh compiled                      # latency with torch.compile, which takes minutes to compile
#
# Each part leaves a dated JSON in OUT (default: beside this script). PRESETS are trained at the same time, in .lowres/gpu;
# they stop after LIMIT_S seconds (default 570) and go on when this script is called again. A preset whose data are not there
# says so. PYTHON names the interpreter; it needs the package's dependencies, not the package.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
if [ -z "${PYTHON:-}" ]; then PYTHON=$root/.venv/bin/python; fi
out=$(realpath "${OUT:-benchmarks}")
limit=${LIMIT_S:-570}
day=$(date -u +%Y-%m-%d)
export PYTHONPATH=$root/src${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
failed=0

say() { echo "### $SECONDS s: $*"; }
left() { echo $((limit > SECONDS + $1 ? limit - SECONDS - $1 : 1)); } # seconds until $1 before the limit
stage() { # stage NAME OUTPUT: once, in the working folder of a training, its output in a file, stopped in time
    [ -d "outputs/$2" ] && return
    timeout --signal=TERM "$(left 5)" "$PYTHON" -m lowres.cli "$1" > "$1.log" 2>&1 && return
    echo "$(basename "$PWD"): $1 is not finished: $(tail -n 1 "$1.log" | tr '\r' '\n' | tail -n 1)"
    return 1
}

train() { # train PRESET: data, then teacher beside down-sampler, then student
    local work=$root/.lowres/gpu/$1
    mkdir -p "$work" && cd "$work" || return 1
    cp "$root/presets/$1.yaml" params.yaml
    [ -e data ] || ln -s "$root/data" data
    stage prepare data || return
    stage downsampler downsampler &
    stage teacher teacher || return
    wait
    stage distill student
}

do_check() {
    say "fused attention against float64"
    "$PYTHON" benchmarks/attention_check.py --device cuda --output "$out/attention_check_gpu-$day.json" || failed=1
    "$PYTHON" benchmarks/attention.py --device cuda --rounds 20 --output "$out/attention_gpu-$day.json" || failed=1
}

do_latency() {
    say "latency at 800 x 1333, nothing else running"
    "$PYTHON" benchmarks/latency.py --device cuda --variants eager bf16 graph --seconds 1 \
        --output "$out/latency_gpu-$day.json" || failed=1
}

do_compiled() {
    say "latency with torch.compile"
    timeout "$(left 0)" "$PYTHON" benchmarks/latency.py --device cuda --variants bf16 compiled --seconds 1 \
        --output "$out/latency_compiled_gpu-$day.json" || echo "not finished in time: call again with: compiled"
}

do_train() {
    say "training the presets at the same time"
    for preset in ${PRESETS:-thumbdet-demo thumbdet-coco-mini-gpu}; do (train "$preset") & done
    wait
    "$PYTHON" benchmarks/gpu_training.py --output "$out/gpu_training-$day.json" .lowres/gpu/*/ || failed=1
}

parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(check latency train)
for part in "${parts[@]}"; do
    case $part in
        check) do_check ;;
        latency) do_latency ;;
        train) do_train ;;
        compiled) do_compiled ;;
        *) echo "unknown part $part: check, latency, train or compiled" >&2; exit 2 ;;
    esac
done
say done
exit $failed
