#!/usr/bin/env bash
# Everything worth knowing about a GPU in under ten minutes, from one prebuilt binary: is it
# right, and how fast is it. Writes one folder of reports.
#
#   benchmarks/gpu-check.sh bin/potion bin/synth [DEVICE]      DEVICE: cuda (default), cuda:1, emulated
set -uo pipefail
potion=$1 synth=$2 device=${3:-cuda}
out=${OUT:-benchmarks/results/gpu-check-$(date +%Y%m%d-%H%M%S)}
mkdir -p "$out"
models=$(mktemp -d)
trap 'rm -rf "$models"' EXIT
failed=0

# try NAME COMMAND... keeps what a command prints and goes on if it fails.
try() {
  local name=$1
  shift
  printf '%s: %s\n' "$name" "$*" | tee -a "$out/log.txt"
  if ! timeout 240 "$@" >"$out/$name" 2>"$out/$name.err"; then
    echo "  failed, see $out/$name.err" | tee -a "$out/log.txt"
    failed=1
  fi
  [ -s "$out/$name.err" ] || rm -f "$out/$name.err"
}

"$potion" --version >"$out/version.txt"
command -v nvidia-smi >/dev/null && nvidia-smi >"$out/nvidia-smi.txt" 2>&1
try doctor.json "$potion" doctor --device "$device" --json
try parity.txt "$potion" parity --device "$device"
# The same cases on the emulated device, whose checker finds what a GPU lets pass: races,
# uninitialised memory, accesses out of bounds.
[ "$device" = emulated ] || try checked.txt "$potion" parity --device emulated --ops-only
try story.txt "$potion" generate --device "$device" --temp 0 -n 60 "Sarah lies still on the bed, feeling"
try bench-demo.json "$potion" bench --device "$device" -p 128 -n 100 --output json
if [ "$device" != emulated ]; then
  for f in F16 Q8_0 Q4_0 Q4_K; do
    "$synth" -shape 1b -format "$f" -o "$models/1b-$f.gguf" || failed=1
    try "bench-1b-$f.json" "$potion" bench --device "$device" -m "$models/1b-$f.gguf" -p 512 -n 128 --output json
    rm -f "$models/1b-$f.gguf"
  done
fi
echo "reports in $out" | tee -a "$out/log.txt"
exit $failed
