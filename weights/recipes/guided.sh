#!/usr/bin/env bash
# How weights/guided was trained: DATASET from `living-portraits prepare` and `augment`, RUN a new folder. Nudges are taught
# along, and tied when the snapshot is published; a run without (the default) is as well worth trying.
# Two stages for two cores: whole frames, in which the flow teaches where things go; then sharp windows. Some 2 steps a
# second in the first. On a GPU the second alone does: leave window and perceptual_shrink out, give --set batch=48.
set -euo pipefail
dataset=${1:?dataset} run=${2:?run folder} minutes=${3:-90}
size=(--set nudges=true --set widths=16,32,64,96 --set source_widths=16,24,32 --set lr=6e-4)
living-portraits train guided --data "$dataset" --out "$run" --minutes "$minutes" "${size[@]}" \
    --set window=256 --set frames=1 --set spacing=random --set perceptual=0 --set temporal=0 --set pool_steps=1500
living-portraits train guided --data "$dataset" --out "$run" --minutes "$minutes" --resume "${size[@]}" \
    --set window=128 --set perceptual_shrink=2 --set pool_steps=2500 --set frames=2 --set spacing=next \
    --set perceptual=0.6 --set temporal=0.5

# Then an adversary, on small windows: 2,337 steps, and when the doll's lids and teeth had changed another 4,200 from there, with
# real smiles among the lessons; the rate was to fall over 9,000, and was told at 2,376 to fall by 4,200. The shipped file is
# the mean of both, a quarter of the former: on small windows alone a network forgets the cheeks.
living-portraits train guided --data "$dataset" --out "$run-adversary" --minutes "$minutes" "${size[@]}" \
    --set start="$run/snapshot.safetensors" --set nudges=false --set lr=2e-4 --set steps=4200 \
    --set window=64 --set batch=8 --set frames=2 --set spacing=next --set kinds=video,edits,pair --set shares=0.6,0.25,0.15 \
    --set perceptual=0.8 --set perceptual_shrink=1 --set temporal=0.5 --set mouth=1 --set eyes=1 \
    --set adversary=0.1 --set matching=4 --set ema=0.997
