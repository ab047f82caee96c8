#!/usr/bin/env bash
# Fuzzes the readers of what others wrote, one after the other, for SECONDS in all (600 unless told); all of them, or
# those named after the seconds.
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:-600}"
targets=("${@:2}")
((${#targets[@]})) || targets=(yaml kustomization merge substitution sops age sealed_secrets names)
each=$((seconds / ${#targets[@]}))
host="$(rustc -vV | sed -n 's/^host: //p')"
# What cargo-fuzz passes with `--sanitizer none`; the stable compiler takes it.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
export CARGO_TARGET_DIR="${FUZZ_TARGET_DIR:-../../target/fuzz}"
cargo build --release --target "$host"
for target in "${targets[@]}"; do
  echo "== $target, $each seconds"
  mkdir -p "$CARGO_TARGET_DIR/corpus/$target" "$CARGO_TARGET_DIR/crashes"
  "$CARGO_TARGET_DIR/$host/release/$target" "$CARGO_TARGET_DIR/corpus/$target" "seeds/$target" \
    -max_total_time="$each" -max_len=8192 -timeout=10 -rss_limit_mb=1500 -print_final_stats=1 \
    -artifact_prefix="$CARGO_TARGET_DIR/crashes/$target-" 2>&1 | grep -vE '^#[0-9]+\s+(REDUCE|NEW|pulse)'
done
echo "no crash in $seconds seconds"
