#!/usr/bin/env bash
# How weights/megaportraits is taught: DATASET from `living-portraits prepare` and `augment`, RUN a new folder. For one
# core: about half a step a second. On a GPU leave the settings out: "shipped" networks at 256 px that read expression
# from pixels, with VGG19, the contrast and the adversary, batches of 24.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-120}
living-portraits train megaportraits --data "$dataset" --out "$run" --minutes "$minutes" \
    --set network=light --set size=128 --set batch=4 --set perceptual=0 --set lpips=10 --set matte=4 \
    --set points_until=1300 --set images_from=0 --set own_pose=0 --set contrast=0 --set adversary=0 --set critic=16 \
    --set lr=3e-4 --set ema=0.998 --set sample_minutes=8
python -m living_portraits.training.publish_megaportraits "$run/snapshot.safetensors" megaportraits.safetensors
