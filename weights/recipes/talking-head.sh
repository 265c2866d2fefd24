#!/usr/bin/env bash
# How weights/talking-head is meta-learned: DATASET from `living-portraits prepare` and `augment`, RUN a new folder.
# For two cores: first the paper's form at 128 px, 1.5 steps a second without the discriminator, one with it; from there the
# form that carries, at 256 px, 1.6 a second (at step 2,435 the bias of its mask was raised by 2.5 by hand, and `alone` halved:
# weights/LOG.md). On a GPU leave the settings out and the first stage, too: "small" networks at
# 256 px with VGG19 and MobileFaceNet, batches of 48.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-60}
light=(--set network=light --set batch=4 --set frames=3 --set ema=0.998 --set vgg=0 --set face=0 --set lpips=10)
living-portraits train talking-head --data "$dataset" --out "$run/drawn" --minutes "$minutes" "${light[@]}" \
    --set carries=false --set size=128 --set lr=3e-4 --set adversary_from=3500
living-portraits train talking-head --data "$dataset" --out "$run/carried" --minutes "$minutes" "${light[@]}" \
    --set start="$run/drawn/snapshot.safetensors" --set size=256 --set lr=4e-4 --set steps=3600 \
    --set adversary_from=1000000 --set memory_gb=9 --set pool_steps=1000000
for form in drawn carried; do
    python -m living_portraits.training.publish_talking_head "$run/$form/snapshot.safetensors" "$form.safetensors"
    living-portraits finetune --sources mona_lisa --name mona_lisa --weights "$form.safetensors" --out "$form.person"
done
