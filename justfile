# What is done often. `just` alone lists it.

# Real repositories, when they lie beside the checkout (or elsewhere, by the environment).
corpora := env("SEALANE_CORPORA", justfile_directory() / "../shared/corpora")

# The recipes.
default:
    @just --list --unsorted

# Sealane on its built-in cluster and sample repository.
demo *OPTIONS:
    cargo run --release -- demo {{ OPTIONS }}

# Everything that needs no network and no cluster.
test *OPTIONS:
    cargo test {{ OPTIONS }}

# All that CI runs, as CI runs it.
ci:
    .ci/run

# Builds the real parts of the test rig into a cache outside the repository, each once.
rig *PARTS:
    tests/rig/build.sh {{ PARTS }}

# The suite over real parts: kube-apiserver, Flux's kustomize-controller, kwok, sops.
e2e *OPTIONS: rig
    #!/usr/bin/env bash
    set -euo pipefail
    skip=()
    if [[ -d "{{ corpora }}" ]]; then
      export SEALANE_CORPORA="$(cd "{{ corpora }}" && pwd)"
    else
      echo "e2e: no {{ corpora }}: the tests over real repositories (truth::corpora::) are left out"
      skip=(--skip truth::corpora::)
    fi
    cargo test --release --features rig,conformance --test rig -- "${skip[@]}" {{ OPTIONS }}

# Two hundred kills at random instants (`cargo test` has forty), and every screen and key over planted values. Not in CI: it takes minutes.
canaries:
    SEALANE_KILLS=200 cargo test --test it -- killed:: screens:: --include-ignored --nocapture

# The suites over real repositories. Fails when they are not there.
conformance *OPTIONS:
    SEALANE_CORPORA="{{ corpora }}" cargo test --release --features rig,conformance --test conformance -- {{ OPTIONS }}

# Every promised figure beside its limit and its peer; fails when one is missed. `just bench --cold-build` builds from nothing too.
bench *OPTIONS: (rig "kubectl" "flate" "gitleaks" "sops" "age")
    SEALANE_CORPORA="{{ corpora }}" cargo bench --bench figures -- {{ OPTIONS }}

# Pictures of every screen, as text and SVG, at two sizes, dark and light, from the real program, in target/pictures.
pictures:
    cargo test --release --test it pictures:: -- --ignored
    cp target/pictures/home-140x40-dark.svg examples/demo-home.svg

# Fuzzes the readers of what others wrote (YAML, kustomizations, sealed files, keys, names in git), coverage-guided.
fuzz SECONDS="600" *TARGETS:
    tests/fuzz/run.sh {{ SECONDS }} {{ TARGETS }}
