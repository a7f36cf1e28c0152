#!/usr/bin/env bash
# Everything worth knowing about a GPU in under ten minutes, from one prebuilt binary: is it
# right, how fast is it, and how fast the model of it says it should be. Writes one folder of
# reports; what does not fit the time is left out and said so.
#
#   benchmarks/gpu-check.sh bin/potion bin/synth [DEVICE]      DEVICE: cuda (default), cuda:1, emulated
set -uo pipefail
potion=$1 synth=$2 device=${3:-cuda}
out=${OUT:-benchmarks/results/gpu-check-$(date +%Y%m%d-%H%M%S)}
mkdir -p "$out"
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
failed=0
most=${LIMIT:-590} # seconds in all

say() { printf '%4ds %s\n' "$SECONDS" "$*" | tee -a "$out/log.txt"; }

# try NAME COMMAND... keeps what a command prints and goes on if it fails.
try() {
  local name=$1 left=$((most - SECONDS))
  shift
  if [ "$left" -lt 5 ]; then
    say "$name: left out, $most seconds are over"
    failed=1
    return
  fi
  say "$name: $*"
  if ! timeout "$left" "$@" >"$out/$name" 2>"$out/$name.err"; then
    say "$name failed, see $out/$name.err"
    failed=1
  fi
  [ -s "$out/$name.err" ] || rm -f "$out/$name.err"
}

"$potion" --version >"$out/version.txt"
gpu= number=0
case $device in cuda:*) number=${device#cuda:} ;; esac
if command -v nvidia-smi >/dev/null; then
  nvidia-smi >"$out/nvidia-smi.txt" 2>&1
  name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | sed -n "$((number + 1))p")
  for g in h200 h100 a100 l40s 5090 4090 3090 l4 t4; do
    case " ${name,,} " in *[!a-z0-9]"$g"[!a-z0-9]*) gpu=$g && break ;; esac
  done
fi
try doctor.json "$potion" doctor --device "$device" --json
try story.txt "$potion" generate --device "$device" --temp 0 -n 60 "Sarah lies still on the bed, feeling"

if [ "$device" = emulated ]; then
  try bench-demo.json "$potion" bench --device emulated -p 16 -n 8 -r 2 --max-time 5s --output json
  try modelled.json "$potion" bench --gpu 4090 --shape 1b --format Q4_K -p 128 --output json
  try parity.txt "$potion" parity --device emulated
  say "reports in $out"
  exit $failed
fi

try bench-demo.json "$potion" bench --device "$device" -p 128 -n 100 --output json
try parity.txt "$potion" parity --device "$device"
for f in F16 Q8_0 Q4_0 Q4_K; do
  [ $((most - SECONDS)) -gt 30 ] || break
  "$synth" -shape 1b -format "$f" -o "$models/1b.gguf" || failed=1
  try "bench-1b-$f.json" "$potion" bench --device "$device" -m "$models/1b.gguf" -p 512 -n 128 -d 0,4096 --max-time 5s --output json
  rm -f "$models/1b.gguf"
done
# What the model expects of this GPU, to hold against what was measured.
[ -z "$gpu" ] || try modelled.json "$potion" bench --gpu "$gpu" --shape 1b --format F16,Q8_0,Q4_0,Q4_K -p 512 -d 0,4096 --output json
# The cases of parity on the emulated device, whose checker finds what a GPU lets pass: races,
# uninitialised memory, accesses out of bounds. Last, for it takes longest.
try checked.txt "$potion" parity --device emulated --ops-only
say "reports in $out"
exit $failed
