#!/usr/bin/env bash
# How weights/student is distilled: DATASET from `living-portraits prepare` and `augment`, RUN a new folder.
# Two stages for one core: where things go, with nothing drawn; then colours and how they look, the rate falling to the
# end. `films` keeps the teacher's films, so that a run begun anew need not wait for them.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-60}
same=(--set films="$run.films" --set memory_gb=0.97386 --set pool_steps=1000000 --set lr=2e-3 --set ema=0.98)
living-portraits train student --data "$dataset" --out "$run" --minutes "$(( minutes / 4 ))" "${same[@]}" \
    --set l1=0 --set perceptual=0 --set batch=12 --set warmup=20 --set steps=61
living-portraits train student --data "$dataset" --out "$run" --minutes "$minutes" --resume "${same[@]}" \
    --set l1=10 --set perceptual=2 --set window=96 --set batch=8 --set steps=520
python -m living_portraits.training.publish_student "$run/snapshot.safetensors" "$dataset" student.safetensors
