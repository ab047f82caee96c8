#!/usr/bin/env bash
# Brings the rig up in one scratch folder: etcd, kube-apiserver, controller-manager, scheduler, kwok with one fake node,
# Flux's kustomize-controller with its CRDs, and the stand-in for source-controller; all on free loopback ports.
#
#   tests/rig/up.sh [--only api|cluster|seals|argo] [--lax] [--stages FILE]… [--owner PID] DIR
#
# --only api      etcd and kube-apiserver, nothing else
# --only cluster  without Flux
# --only seals    etcd, kube-apiserver and the sealed-secrets controller
# --only argo     etcd, kube-apiserver, Argo CD's repo-server and application-controller, a git server on DIR/git
# --lax           unset substitution variables become empty, as Flux did by default before kustomize-controller 1.9
#                 (repositories of that time, toboshii__home-ops for one, rely on it); today's default is an error
# --stages FILE   more kwok Stages, beside those of stages.yaml here: what becomes of which Pods
# --owner PID     everything goes down when that process is gone, even after `kill -9`
#
# Writes into DIR: rig.env (all paths and ports; there only when everything is ready), admin.kubeconfig,
# sealane.kubeconfig (may read everything), narrow.kubeconfig (may read three kinds), audit.log (every request of these users,
# and of `probe`, whose writes show that the log tells them, one JSON line each), log/ (what each process said). `down.sh DIR` ends it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

only=all owner="" gates="ExternalArtifact=true"
stages=("$RIG_HERE/stages.yaml")
while (($#)); do
  case $1 in
    --only) only=$2 && shift 2 ;;
    --lax) gates+=",StrictPostBuildSubstitutions=false" && shift ;;
    --stages) stages+=("$2") && shift 2 ;;
    --owner) owner=$2 && shift 2 ;;
    -*) fail "unknown option $1" ;;
    *) break ;;
  esac
done
(($# == 1)) || fail "usage: up.sh [--only api|cluster|seals|argo] [--lax] [--stages FILE]… [--owner PID] DIR"
[[ $only =~ ^(all|cluster|api|seals|argo)$ ]] || fail "--only takes api, cluster, seals or argo, not $only"
mkdir -p "$1"
DIR="$(cd "$1" && pwd)"
[[ ! -e "$DIR/pids" ]] || fail "$DIR holds a rig already: run down.sh $DIR first"
mkdir -p "$DIR"/{pids,log,certs,etcd}
KUBECTL="$RIG_BIN/kubectl"
cp "$RIG_HERE/down.sh" "$DIR/down.sh"

need "$RIG_BIN"/{etcd,kube-apiserver,kubectl}
[[ $only =~ ^(api|seals|argo)$ ]] || need "$RIG_BIN"/{kube-controller-manager,kube-scheduler,kwok}
[[ $only != argo ]] || need "$RIG_BIN"/{argocd,argo-redis,kustomize,helm,kube-controller-manager}
[[ $only != seals ]] || need "$RIG_BIN"/sealed-secrets-controller
[[ $only != all ]] || need "$RIG_BIN/kustomize-controller"
for tool in openssl curl python3 setsid; do command -v "$tool" >/dev/null || fail "$tool is missing"; done

# Whatever goes wrong on the way: say what the processes said, and leave nothing behind.
# shellcheck disable=SC2329  # called by the trap
gave_up() {
  local status=$? log
  ((status)) || return 0
  for log in "$DIR"/log/*; do
    [[ -s $log ]] || continue
    printf '\n--- %s (last lines)\n' "$log" >&2
    tail -n 8 "$log" >&2
  done
  "$RIG_HERE/down.sh" "$DIR" >&2
}
trap gave_up EXIT

# start NAME COMMAND…: runs it in a session of its own, its words in log/NAME, its pid in pids/N-NAME.
started=0
start() {
  local name=$1
  shift
  started=$((started + 1))
  setsid "$@" >"$DIR/log/$name" 2>&1 </dev/null &
  local pid=$!
  # Somebody may have run down.sh meanwhile: then nothing may be left behind.
  if ! echo "$pid" 2>/dev/null >"$DIR/pids/$(printf %02d "$started")-$name"; then
    kill -KILL "$pid"
    fail "the rig was taken down while it came up"
  fi
}

# alive_and NAME COMMAND…: succeeds when COMMAND does; ends the wait at once when the process is gone.
alive_and() {
  local name=$1 pid
  shift
  pid=$(cat "$DIR"/pids/*-"$name")
  kill -0 "$pid" 2>/dev/null || fail "$name has ended: see $DIR/log/$name"
  "$@"
}

admin() { "$KUBECTL" --kubeconfig "$DIR/admin.kubeconfig" "$@"; }
answers() { [[ "$(curl -sk --max-time 2 "$1")" == ok* ]]; }

# --- ports, keys, users ----------------------------------------------------------------------------------------------

# Below the ephemeral range, so that nobody's outgoing connection takes one between the choice and the bind.
mapfile -t ports < <(python3 - <<'PYTHON'
import random, socket

found = []
while len(found) < 16:
    port = random.SystemRandom().randrange(20000, 32000)
    if port in found:
        continue
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    found.append(port)
print(*found, sep="\n")
PYTHON
)
P_ETCD=${ports[0]} P_PEER=${ports[1]} P_API=${ports[2]} P_KCM=${ports[3]} P_SCHED=${ports[4]} P_KWOK=${ports[5]}
P_METRICS=${ports[6]} P_HEALTH=${ports[7]} P_SOURCE=${ports[8]} P_REDIS=${ports[9]} P_REPO=${ports[10]}
P_REPO_METRICS=${ports[11]} P_GIT=${ports[12]} P_SEALS=${ports[13]} P_SEALS_METRICS=${ports[14]}
API="https://127.0.0.1:$P_API"

openssl genrsa -out "$DIR/certs/sa.key" 2048 2>/dev/null
cat >"$DIR/certs/tokens.csv" <<EOF
admin-token,admin,u1,"system:masters"
sealane-token,sealane,u2,"sealane:viewers"
narrow-token,narrow,u3,"sealane:narrow"
probe-token,probe,u4,"sealane:viewers"
EOF
cat >"$DIR/certs/audit.yaml" <<'EOF'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: [sealane, narrow, probe]
  - level: None
EOF
# JSON is YAML too, and Python's standard library reads it.
kubeconfig() { # USER
  cat >"$DIR/$1.kubeconfig" <<EOF
{"apiVersion": "v1", "kind": "Config", "current-context": "rig",
 "clusters": [{"name": "rig", "cluster": {"server": "$API", "certificate-authority": "$DIR/certs/apiserver.crt"}}],
 "users": [{"name": "$1", "user": {"token": "$1-token"}}],
 "contexts": [{"name": "rig", "context": {"cluster": "rig", "user": "$1", "namespace": "default"}}]}
EOF
}
for user in admin sealane narrow probe; do kubeconfig "$user"; done

# The owner's death ends the rig. First, so that it also guards what follows.
if [[ -n $owner ]]; then
  kill -0 "$owner" 2>/dev/null || fail "--owner $owner: no such process"
  # shellcheck disable=SC2016  # expanded by the inner shell
  start owner bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; exec "$2" "$3"' \
    rig-owner "$owner" "$DIR/down.sh" "$DIR"
fi

# --- etcd and the API server -----------------------------------------------------------------------------------------

start etcd "$RIG_BIN/etcd" --name rig --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls "http://127.0.0.1:$P_ETCD" --advertise-client-urls "http://127.0.0.1:$P_ETCD" \
  --listen-peer-urls "http://127.0.0.1:$P_PEER" --initial-advertise-peer-urls "http://127.0.0.1:$P_PEER" \
  --initial-cluster "rig=http://127.0.0.1:$P_PEER"

touch "$DIR/audit.log"
start kube-apiserver "$RIG_BIN/kube-apiserver" --etcd-servers "http://127.0.0.1:$P_ETCD" \
  --secure-port "$P_API" --bind-address 127.0.0.1 --cert-dir "$DIR/certs" \
  --token-auth-file "$DIR/certs/tokens.csv" --authorization-mode RBAC \
  --service-account-key-file "$DIR/certs/sa.key" --service-account-signing-key-file "$DIR/certs/sa.key" \
  --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.96.0.0/16 \
  --disable-admission-plugins ServiceAccount --allow-privileged=true --profiling=false \
  --audit-policy-file "$DIR/certs/audit.yaml" --audit-log-path "$DIR/audit.log"
wait_until 240 "kube-apiserver's /readyz" alive_and kube-apiserver admin get --raw /readyz

# Who may read what.
admin apply -f - >/dev/null <<'EOF'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sealane-viewers}
rules:
  - {apiGroups: ["*"], resources: ["*"], verbs: [get, list, watch]}
  - {nonResourceURLs: ["*"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: sealane-viewers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sealane-viewers}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "sealane:viewers"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sealane-narrow}
rules:
  - {apiGroups: [""], resources: [configmaps, services], verbs: [get, list, watch]}
  - {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: sealane-narrow}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sealane-narrow}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "sealane:narrow"}]
EOF
reads_nodes() { "$KUBECTL" --kubeconfig "$DIR/sealane.kubeconfig" auth can-i list nodes; }
wait_until 240 "RBAC to know the viewers" reads_nodes

# --- controllers, scheduler, a fake node -----------------------------------------------------------------------------

if [[ ! $only =~ ^(api|seals|argo)$ ]]; then
  start kube-controller-manager "$RIG_BIN/kube-controller-manager" --kubeconfig "$DIR/admin.kubeconfig" \
    --service-account-private-key-file "$DIR/certs/sa.key" --leader-elect=false \
    --secure-port "$P_KCM" --bind-address 127.0.0.1 --cert-dir "$DIR/certs/controller-manager"
  start kube-scheduler "$RIG_BIN/kube-scheduler" --kubeconfig "$DIR/admin.kubeconfig" --leader-elect=false \
    --secure-port "$P_SCHED" --bind-address 127.0.0.1 --cert-dir "$DIR/certs/scheduler"
  "$KUBECTL" kustomize "$RIG_CACHE/kwok/stage/fast" >"$DIR/stages.yaml"
  for file in "${stages[@]}"; do
    [[ -f "$file" ]] || fail "$file: no such file of Stages"
    printf -- '---\n' >>"$DIR/stages.yaml"
    cat "$file" >>"$DIR/stages.yaml"
  done
  admin apply -f - >/dev/null <<'EOF'
apiVersion: v1
kind: Node
metadata:
  name: rig-node
  annotations: {kwok.x-k8s.io/node: fake, node.alpha.kubernetes.io/ttl: "0"}
  labels: {kubernetes.io/arch: amd64, kubernetes.io/hostname: rig-node, kubernetes.io/os: linux, type: kwok}
status:
  allocatable: {cpu: "256", memory: 1Ti, ephemeral-storage: 10Ti, pods: "2000"}
  capacity: {cpu: "256", memory: 1Ti, ephemeral-storage: 10Ti, pods: "2000"}
  phase: Running
EOF
  start kwok "$RIG_BIN/kwok" --kubeconfig "$DIR/admin.kubeconfig" --config "$DIR/stages.yaml" \
    --manage-all-nodes=true --cidr 10.0.0.1/24 --server-address "127.0.0.1:$P_KWOK"
  wait_until 240 "kube-controller-manager's /healthz" \
    alive_and kube-controller-manager answers "https://127.0.0.1:$P_KCM/healthz"
  wait_until 240 "kube-scheduler's /healthz" alive_and kube-scheduler answers "https://127.0.0.1:$P_SCHED/healthz"
  node_ready() {
    [[ "$(admin get node rig-node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints}')" == True ]]
  }
  wait_until 240 "the fake node to be Ready and free of taints" alive_and kwok node_ready
  wait_until 240 "the default ServiceAccount" admin get serviceaccount default
fi

# --- Flux ------------------------------------------------------------------------------------------------------------

if [[ $only == all ]]; then
  [[ -d "$RIG_CACHE/crds/source-controller" ]] || fail "the CRDs are missing: run tests/rig/build.sh crds"
  for folder in kustomize-controller source-controller; do
    admin apply --server-side -f "$RIG_CACHE/crds/$folder" >/dev/null
  done
  admin wait --for=condition=Established crd --all --timeout=240s >/dev/null
  admin create namespace flux-system >/dev/null
  RUNTIME_NAMESPACE=flux-system KUBECONFIG="$DIR/admin.kubeconfig" \
    start kustomize-controller "$RIG_BIN/kustomize-controller" --enable-leader-election=false --events-addr= \
    --metrics-addr "127.0.0.1:$P_METRICS" --health-addr "127.0.0.1:$P_HEALTH" --log-level info \
    --requeue-dependency 2s --concurrent 4 --feature-gates "$gates"
  start source "${RIG_PYTHON:-python3}" "$RIG_HERE/source.py" serve --dir "$DIR" --port "$P_SOURCE"
  wait_until 240 "kustomize-controller's /readyz" \
    alive_and kustomize-controller curl -sf --max-time 2 "http://127.0.0.1:$P_HEALTH/readyz"
  wait_until 240 "the artifact server" alive_and source curl -sf --max-time 2 "http://127.0.0.1:$P_SOURCE/healthz"
fi

# --- sealed-secrets --------------------------------------------------------------------------------------------------

if [[ $only == seals ]]; then
  [[ -d "$RIG_CACHE/crds/sealed-secrets" ]] || fail "the CRD is missing: run tests/rig/build.sh sealed-secrets"
  admin apply --server-side -f "$RIG_CACHE/crds/sealed-secrets" >/dev/null
  wait_until 240 "the definition of SealedSecrets" admin wait --for=condition=Established crd --all --timeout=5s
  POD_NAMESPACE=kube-system KUBECONFIG="$DIR/admin.kubeconfig" \
    start sealed-secrets-controller "$RIG_BIN/sealed-secrets-controller" --update-status \
    --listen-addr "127.0.0.1:$P_SEALS" --listen-metrics-addr "127.0.0.1:$P_SEALS_METRICS"
  wait_until 240 "the sealed-secrets controller's certificate" \
    alive_and sealed-secrets-controller curl -sf --max-time 2 -o "$DIR/certs/sealed-secrets.pem" \
    "http://127.0.0.1:$P_SEALS/v1/cert.pem"
fi

# --- Argo CD ---------------------------------------------------------------------------------------------------------

if [[ $only == argo ]]; then
  [[ -d "$RIG_CACHE/crds/argo-cd" ]] || fail "the CRDs are missing: run tests/rig/build.sh argo-cd"
  # The CRD of sets is too large for what `apply` keeps on the client's side.
  admin apply --server-side -k "$RIG_CACHE/crds/argo-cd" >/dev/null
  # At first they have no conditions, which `kubectl wait` takes for a mistake.
  wait_until 240 "Argo CD's definitions" admin wait --for=condition=Established crd --all --timeout=5s
  mkdir -p "$DIR"/{git,argo/tmp,argo/home,argo/ssh,argo/tls}
  : >"$DIR/argo/ssh/ssh_known_hosts"
  python3 - "$API" "$DIR/certs/apiserver.crt" <<'PYTHON' | admin apply -f - >/dev/null
import base64, json, sys

api, certificate = sys.argv[1:]
labels = {"app.kubernetes.io/part-of": "argocd"}


def thing(kind, name, more, own=labels, version="v1"):
    metadata = {"name": name, "namespace": "argocd", "labels": own}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


maps = ["cm", "cmd-params-cm", "rbac-cm", "gpg-keys-cm", "ssh-known-hosts-cm", "tls-certs-cm"]
with open(certificate, "rb") as file:
    authority = base64.b64encode(file.read()).decode()
config = json.dumps({"bearerToken": "admin-token", "tlsClientConfig": {"caData": authority}})
anything = [{"group": "*", "kind": "*"}]
destinations = [{"name": "*", "server": "*", "namespace": "*"}]
items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}]
items += [thing("ConfigMap", f"argocd-{name}", {"data": {}}) for name in maps]
items += [
    thing("Secret", "argocd-secret", {"stringData": {"server.secretkey": "rig"}}),
    thing("Secret", "argocd-redis", {"stringData": {"auth": "rig"}}),
    # Applications name this cluster: the in-cluster one wants a pod.
    thing(
        "Secret",
        "cluster-rig",
        {"stringData": {"name": "rig", "server": api, "config": config}},
        {"argocd.argoproj.io/secret-type": "cluster"},
    ),
    thing(
        "AppProject",
        "default",
        {
            "spec": {
                "sourceRepos": ["*"],
                "sourceNamespaces": ["argo-team"],
                "destinations": destinations,
                "clusterResourceWhitelist": anything,
            }
        },
        {},
        "argoproj.io/v1alpha1",
    ),
]
print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
PYTHON
  export ARGOCD_GPG_ENABLED=false ARGOCD_TLS_DATA_PATH="$DIR/argo/tls" ARGOCD_SSH_DATA_PATH="$DIR/argo/ssh"
  export REDIS_PASSWORD=rig
  # Nothing of the user's own configuration may matter, of git least of all.
  argo() { # ROLE ARGUMENTS…
    local role=$1
    shift
    start "$role" env HOME="$DIR/argo/home" TMPDIR="$DIR/argo/tmp" PATH="$RIG_BIN:$PATH" GIT_CONFIG_NOSYSTEM=1 \
      ARGOCD_BINARY_NAME="$role" "$RIG_BIN/argocd" "$@"
  }
  start redis "$RIG_BIN/argo-redis" "127.0.0.1:$P_REDIS" rig
  start git "${RIG_PYTHON:-python3}" "$RIG_HERE/gitserver.py" "$P_GIT" "$DIR/git"
  # What Argo CD removes goes in the foreground, which is the garbage collector's work.
  start kube-controller-manager "$RIG_BIN/kube-controller-manager" --kubeconfig "$DIR/admin.kubeconfig" \
    --service-account-private-key-file "$DIR/certs/sa.key" --leader-elect=false \
    --controllers=garbage-collector-controller,namespace-controller \
    --secure-port "$P_KCM" --bind-address 127.0.0.1 --cert-dir "$DIR/certs/controller-manager"
  argo argocd-repo-server --redis "127.0.0.1:$P_REDIS" --disable-tls --address 127.0.0.1 --port "$P_REPO" \
    --metrics-address 127.0.0.1 --metrics-port "$P_REPO_METRICS" --loglevel warn
  argo argocd-application-controller --kubeconfig "$DIR/admin.kubeconfig" --namespace argocd \
    --repo-server "127.0.0.1:$P_REPO" --repo-server-plaintext --redis "127.0.0.1:$P_REDIS" \
    --metrics-port "$P_METRICS" --application-namespaces argo-team --app-resync 20 --status-processors 8 --operation-processors 8 --loglevel warn
  wait_until 240 "Argo CD's repo-server" \
    alive_and argocd-repo-server answers "http://127.0.0.1:$P_REPO_METRICS/healthz"
  wait_until 240 "Argo CD's application-controller" \
    alive_and argocd-application-controller curl -sf --max-time 2 "http://127.0.0.1:$P_METRICS/healthz"
  wait_until 240 "the git server" alive_and git curl -sf --max-time 2 "http://127.0.0.1:$P_GIT/healthz"
fi

cat >"$DIR/rig.env.new" <<EOF
RIG_DIR=$DIR
RIG_PARTS=$only
RIG_API=$API
RIG_ETCD=http://127.0.0.1:$P_ETCD
RIG_SOURCE=http://127.0.0.1:$P_SOURCE
RIG_GIT=http://127.0.0.1:$P_GIT
RIG_SEALED_SECRETS=http://127.0.0.1:$P_SEALS
RIG_ADMIN_KUBECONFIG=$DIR/admin.kubeconfig
RIG_SEALANE_KUBECONFIG=$DIR/sealane.kubeconfig
RIG_NARROW_KUBECONFIG=$DIR/narrow.kubeconfig
RIG_AUDIT_LOG=$DIR/audit.log
RIG_LOGS=$DIR/log
RIG_BIN=$RIG_BIN
EOF
mv "$DIR/rig.env.new" "$DIR/rig.env"
printf 'rig: up in %d s (%s) at %s\n' "$SECONDS" "$only" "$API"
