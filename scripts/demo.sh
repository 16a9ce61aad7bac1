#!/usr/bin/env bash
# From a fresh clone to a video: installs what is missing, builds, makes a tiny checkpoint folder
# whose weights come from a formula, and runs the whole job on the picture and the driving video of
# examples/. Nothing in that folder is trained, so the video is noise; it shows that everything
# works. The last line on standard output is the video's path.
#
#   scripts/demo.sh [FLAG ...]           flags for `flashportrait infer`, which win over those below
#   scripts/demo.sh --fast [FLAG ...]    the same with `flashportrait fast-infer`
set -euo pipefail
start=$PWD
cd "$(dirname "$0")/.."
root=$PWD

program=$root/.build/release/flashportrait
checkpoints=$root/checkpoints/tiny
example=$root/examples/case-1
networks=$root/examples/networks

command=infer
output=$checkpoints/demo.mp4
steps=(--num-inference-steps 4)
if [[ ${1-} == --fast ]]; then
  shift
  command=fast-infer
  output=$checkpoints/demo-fast.mp4
  # What it chooses has steps of its own.
  steps=()
fi

# Standard output is for the video's path alone.
scripts/setup.sh >&2
swift build -c release --product flashportrait >&2
"$program" synthesize --geometry tiny --out "$checkpoints" --quiet > /dev/null

cd "$start"
exec "$program" "$command" \
  --checkpoints "$checkpoints" \
  --face-det "$networks/face_det.onnx" --face-landmark "$networks/face_landmark.onnx" \
  --image "$example/portrait.png" --driven-video "$example/driving.mp4" \
  --output "$output" --overwrite \
  --max-size 256 --context-size 13 --context-overlap 6 \
  "${steps[@]}" "$@"
