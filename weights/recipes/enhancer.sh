#!/usr/bin/env bash
# How weights/megaportraits/enhancer is taught: DATASET from `living-portraits prepare --sizes 512` on stills, RUN a new
# folder. A quarter of an hour of one core, four to five steps a second.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-22}
living-portraits train enhancer --data "$dataset" --out "$run" --minutes "$minutes" \
    --set steps=4500 --set pool_steps=9000 --set sample_minutes=6 --set state_minutes=6
python -m living_portraits.training.publish_megaportraits "$run/snapshot.safetensors" enhancer.safetensors
