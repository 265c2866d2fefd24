#!/usr/bin/env bash
# How weights/talking-head is meta-learned: DATASET from `living-portraits prepare` and `augment`, RUN a new folder.
# For one core: 1.5 steps a second without the discriminator, one with it. On a GPU leave the settings out: "small"
# networks at 256 px with VGG19 and MobileFaceNet, batches of 48.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-120}
living-portraits train talking-head --data "$dataset" --out "$run" --minutes "$minutes" \
    --set network=light --set size=128 --set batch=4 --set frames=3 --set lr=3e-4 --set ema=0.998 \
    --set vgg=0 --set face=0 --set lpips=10 --set adversary_from=3500
python -m living_portraits.training.publish_talking_head "$run/snapshot.safetensors" talking-head.safetensors
living-portraits finetune --sources mona_lisa --name mona_lisa --weights talking-head.safetensors --out mona_lisa.person
