#!/usr/bin/env bash
# Runs a job with the published checkpoints, in place of the published inference.sh. Set the
# variables here or in the environment:
#
#   IMAGE=me.png DRIVEN_VIDEO=talk.mp4 OUTPUT=me.mp4 scripts/inference.sh [--fast] [FLAG ...]
#
# With --fast the job is done by `flashportrait fast-infer` in place of `flashportrait infer`. The
# other flags are those of the command, and win over the variables.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

COMMAND=infer
USUAL_CONFIG=$root/config/wan2.1/wan_civitai.yaml
USUAL_STEPS=30
if [[ ${1-} == --fast ]]; then
  shift
  COMMAND=fast-infer
  USUAL_CONFIG=$root/config/wan2.1/wan_fast.yaml
  USUAL_STEPS='' # what it chooses has steps of its own
fi

# Where everything is.
PROGRAM=${PROGRAM:-$root/.build/release/flashportrait}
CHECKPOINTS=${CHECKPOINTS:-$root/checkpoints} # the downloaded files, see checkpoints/README.md
CONFIG=${CONFIG:-$USUAL_CONFIG}
IMAGE=${IMAGE:-$root/examples/case-1/portrait.png}
DRIVEN_VIDEO=${DRIVEN_VIDEO:-$root/examples/case-1/driving.mp4}
OUTPUT=${OUTPUT:-flashportrait.mp4}

# First frame, behaviour, background.
PROMPT=${PROMPT:-The woman is talking}
SEED=${SEED:-42}

# The longer side in pixels, and the noise schedule's shift: 3 suits 480, 5 suits 720.
MAX_SIZE=${MAX_SIZE:-720}
SHIFT=${SHIFT:-5}
STEPS=${STEPS:-$USUAL_STEPS} # 30 to 50; fewer are faster

# How strongly the prompt (1: not at all) and the face (2 to 4) lead.
TEXT_CFG_SCALE=${TEXT_CFG_SCALE:-1}
EMO_CFG_SCALE=${EMO_CFG_SCALE:-4}

# A job is resumed by the same command. OVERWRITE=1 replaces an output that is there.
OVERWRITE=${OVERWRITE:-0}

fail() {
  echo "inference: $2" >&2
  exit "$1"
}

[[ -x $PROGRAM ]] || fail 69 "$PROGRAM: no such program; build it: swift build -c release"
[[ -d $CHECKPOINTS ]] || fail 66 "$CHECKPOINTS: no such folder; see checkpoints/README.md"
# The whole report is only of interest where something is missing.
report=$("$PROGRAM" doctor --checkpoints "$CHECKPOINTS")
if ! grep -qxF "Checkpoints in $CHECKPOINTS: complete" <<< "$report"; then
  sed -n '/^Checkpoints in /,/^$/p' <<< "$report" >&2
  fail 66 "$CHECKPOINTS: the checkpoints are not complete; see checkpoints/README.md"
fi

flags=()
if [[ $OVERWRITE == 1 ]]; then flags+=(--overwrite); fi
if [[ -n $STEPS ]]; then flags+=(--num-inference-steps "$STEPS"); fi
exec "$PROGRAM" "$COMMAND" \
  --config "$CONFIG" --checkpoints "$CHECKPOINTS" \
  --image "$IMAGE" --driven-video "$DRIVEN_VIDEO" --output "$OUTPUT" \
  --prompt "$PROMPT" --seed "$SEED" \
  --max-size "$MAX_SIZE" --shift "$SHIFT" \
  --text-cfg-scale "$TEXT_CFG_SCALE" --emo-cfg-scale "$EMO_CFG_SCALE" \
  "${flags[@]}" "$@"
