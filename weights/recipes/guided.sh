
# Then an adversary, on small windows; the shipped file is the mean of what it was after 877 and after 2,337 steps of this.
living-portraits train guided --data "$dataset" --out "$run-adversary" --minutes "$((minutes / 3))" "${size[@]}" \
    --set start="$run/snapshot.safetensors" --set nudges=false --set lr=2e-4 --set steps=7000 \
    --set window=64 --set batch=8 --set frames=2 --set spacing=next --set kinds=video,edits --set shares=0.6,0.4 \
    --set perceptual=0.8 --set perceptual_shrink=1 --set temporal=0.5 --set mouth=1 --set eyes=1 \
    --set adversary=0.1 --set matching=4 --set ema=0.997
