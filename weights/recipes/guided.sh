#!/usr/bin/env bash
# How weights/guided was trained: DATASET from `living-portraits prepare` and `augment`, RUN a new folder.
# On two cores windows of 128 px and perceptual loss at half size keep a step near a second; on a GPU leave both out
# and give --set batch=48.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-90}
living-portraits train guided --data "$dataset" --out "$run" --minutes "$minutes" \
    --set lr=8e-4 --set window=128 --set perceptual_shrink=2 --set pool_steps=2500
