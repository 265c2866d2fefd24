#!/usr/bin/env bash
# How weights/student is distilled: DATASET from `living-portraits prepare` and `augment` (120 stills in motion and 80 people
# of 256 px), RUN a new folder. The broad part of the flow is found by least squares before the first step. `films` keeps the
# teacher's films, so that a run begun anew need not wait for them. What counts is how many different moments of drivers
# there are: 8 GB hold 29,600. Half an hour of one core for the films, a quarter for the steps.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-60}
living-portraits train student --data "$dataset" --out "$run" --minutes "$minutes" --set films="$run.films" \
    --set teacher=megaportraits --set clip_frames=32 --set memory_gb=8 --set pool_steps=1000000 --set lr=2e-3 \
    --set warmup=20 --set ema=0.99 --set steps=1600 --set mouth=14 --set perceptual=3 --set window=96 --set shy=0
python -m living_portraits.training.publish_student "$run/snapshot.safetensors" "$dataset" student.safetensors
