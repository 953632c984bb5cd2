#!/usr/bin/env bash
# The published ResNet-18 at 8 px with the paper's 100 epochs, on one GPU: teacher, low resolution alone, DFD, our terms.
#
#   studies/dfd/gpu.sh DATA [MINUTES]
#
# DATA is CIFAR-10 as mosaics. It stops after MINUTES (9 unless said) and goes on from its checkpoints when called again;
# results are in studies/dfd/results/full-*.json. The two students without and with a teacher run side by side: one of
# them alone leaves a large GPU idle between its small kernels.
set -euo pipefail
data=${1:?"usage: studies/dfd/gpu.sh DATA [MINUTES]"}
minutes=${2:-9}
cd "$(dirname "$0")/../.."
export PYTHONPATH="src:.${PYTHONPATH:+:$PYTHONPATH}"
python=${PYTHON:-python}
status=0
timeout --signal=TERM --kill-after=30 "${minutes}m" \
    "$python" -m studies.dfd.run --group full --data "$data" --jobs "${JOBS:-3}" || status=$?
"$python" -m studies.dfd.summary || true
if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    echo "stopped after $minutes minutes; the same command goes on from the checkpoints"
    exit 0
fi
exit "$status"
