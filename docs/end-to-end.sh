#!/usr/bin/env bash
# The whole picture once, for real, in about a minute: a Nacos-compatible development server, a service in three
# versions behind a gateway, load, Prometheus with an alert rule, Alertmanager, and the controller.
# A first release is started through the API with the token of a pipeline, approved at its gate with that of a person,
# and promoted; a second one is slow, which its own file does not judge, and is taken back by the alert.
# Needs a checkout after `make setup`, and curl. Takes free ports, writes to a folder of its own, removes it, and leaves
# no process behind; so it can run twice, also at the same time. Ends with 0 only if all went as it should.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

home=$(mktemp -d)
pids=()

say() { printf '%3d s  %s\n' "$SECONDS" "$*"; }

fail() {
  printf 'failed: %s\n' "$*" >&2
  exit 1
}

clean_up() {
  local status=$? pid
  trap - EXIT
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    timeout 15 tail --pid="$pid" -f /dev/null || kill -KILL "$pid" 2>/dev/null || true
  done
  if [ "$status" -ne 0 ]; then tail -n 5 "$home"/*.log >&2 || true; fi
  rm -rf "$home"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start NAME READY COMMAND...: in the background, until a line of its log matches READY, whose group is its `address`.
start() {
  local name=$1 ready=$2 log=$home/$1.log pid
  local deadline=$((SECONDS + 60))
  shift 2
  : >"$log"
  "$@" </dev/null >>"$log" 2>&1 &
  pid=$!
  pids+=("$pid")
  while :; do
    address=$(sed -nE "\\|$ready|{s|.*$ready.*|\\1|p;q}" "$log")
    if [ -n "$address" ]; then return; fi
    kill -0 "$pid" 2>/dev/null || fail "$name ended before it was ready"
    [ "$SECONDS" -lt "$deadline" ] || fail "$name was not ready within a minute"
    sleep 0.1
  done
}

# In the background, so that a signal to this script need not wait for it.
canary() {
  local status=0
  "$node" src/main.ts "$@" --server "$controller" &
  pids+=($!)
  wait $! || status=$?
  unset 'pids[-1]'
  return "$status"
}

# token NAME ROLE: a new one, in a file of that name.
token() { "$node" src/main.ts token create "$1" --role "$2" --tokens "$home/tokens.yaml" >"$home/$1" 2>/dev/null; }

# call NAME PATH BODY: a POST with the token NAME that must be answered with 202. The token is on no command line.
call() {
  local status
  status=$(sed 's/^/authorization: Bearer /' "$home/$1" |
    curl --silent --show-error --max-time 30 --retry 5 --output "$home/answer.json" --write-out '%{http_code}' \
      --header @- --header 'content-type: application/json' --data "$3" "$controller$2")
  [ "$status" = 202 ] || fail "POST $2 answered $status: $(cat "$home/answer.json")"
}

# expect TEXT COMMAND...: its output must hold TEXT.
expect() {
  local text=$1 output
  shift
  output=$("$@")
  case $output in
    *"$text"*) ;;
    *) fail "no '$text' in what $1 printed: $output" ;;
  esac
}

live_rule() {
  curl --silent --fail "$nacos/v1/cs/configs?dataId=canary-rules.shop.json&group=CANARY_GROUP" | tr -d ' \n'
}

node=$(npx node -p process.execPath)
listening='listening on (http://[^ ]+)'

say 'Nacos, three versions of a service, a gateway and load'
start nacos "$listening" "$node" infra/dev-nacos/main.ts --port 0
nacos=$address
backends=()
targets=()
for version in v1 v2 v3; do
  latency=20
  if [ "$version" = v3 ]; then latency=600; fi
  start "shop-$version" "$listening" "$node" infra/fleet/service.ts --service shop --version "$version" --latency-ms "$latency"
  backends+=(--backend "shop=$version@$address")
  targets+=("{targets: ['${address#http://}'], labels: {version: $version}}")
done
start gateway "$listening" "$node" infra/fleet/gateway.ts --nacos "$nacos" "${backends[@]}"
start load 'running against ([^ ]+)' "$node" infra/demo/load.ts --gateway "$address" --service shop=50

say 'Prometheus with a rule, the controller, Alertmanager'
cat >"$home/rules.yml" <<'END'
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: CanarySlow
        expr: histogram_quantile(0.5, sum by (service, version, le) (rate(request_latency_bucket[5s]))) > 0.3
        labels: {canary: shop, canary_action: rollback}
        annotations: {summary: '{{ $labels.version }} answers half of its requests in more than {{ $value }} s'}
END
cat >"$home/prometheus.yml" <<END
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}
rule_files: ['$home/rules.yml']
alerting: {alertmanagers: [{file_sd_configs: [{files: ['$home/alertmanagers.json']}]}]}
scrape_configs:
  - job_name: shop
    honor_labels: true
    static_configs: [$(IFS=, && echo "${targets[*]}")]
END
start prometheus "$listening" "$node" infra/prometheus/run.ts prometheus "$home/prometheus.yml"
prometheus=$address

mkdir "$home/canaries"
cat >"$home/canaries/shop.yaml" <<'END'
apiVersion: canary/v1
kind: Canary
metadata: {name: shop}
spec:
  stableRevision: v1
  traffic: {settle: 1s}
  strategy:
    ready: {query: 'count(up{job="shop",version="{{canary}}"} == 1)'}
    steps:
      - {setWeight: 20, bake: 8s, approval: required}
      - {setWeight: 100, bake: 8s}
  analysis:
    interval: 1s
    window: 4s
    metrics:
      - name: error-rate
        ratio:
          bad: http_requests_total{job="shop",code=~"5.."}
          total: http_requests_total{job="shop"}
        maxDelta: 0.01
END
token pipeline deployer
token person approver
export CANARY_TOKEN_FILE=$home/pipeline
(umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$home/webhook-secret")
export CANARY_WEBHOOK_SECRET_FILE=$home/webhook-secret
start controller '"url":"(http:[^"]+)".*canary controller is ready' "$node" src/main.ts serve \
  --canaries "$home/canaries" --db "$home/canary.db" --listen 127.0.0.1:0 \
  --tokens "$home/tokens.yaml" --nacos "$nacos" --prometheus "$prometheus" --tick 1s --log-format json
controller=$address

cat >"$home/alertmanager.yml" <<END
route: {receiver: canary, group_by: [alertname, canary], group_wait: 0s, group_interval: 1s}
receivers:
  - name: canary
    webhook_configs:
      - url: $controller/webhooks/alertmanager
        http_config: {authorization: {credentials_file: '$home/webhook-secret'}}
END
start alertmanager "$listening" "$node" infra/prometheus/run.ts alertmanager "$home/alertmanager.yml"
echo "[{\"targets\": [\"${address#http://}\"]}]" >"$home/alertmanagers.json.new"
mv "$home/alertmanagers.json.new" "$home/alertmanagers.json"

say 'v2, a good release: started through the API'
call pipeline /api/v1/canary/start '{"service_name":"shop","canary_version":"v2","reason":"end to end"}'
canary wait shop --revision v2 --for Paused --timeout 2m
expect 'Approval' canary get shop
say 'v2 waits at its gate: approved through the API'
call person /api/v1/canaries/shop/approve '{"reason":"looks good"}'
canary wait shop --revision v2 --for Promoted --timeout 2m
expect '"canaryVersion":"v2","canaryWeight":100' live_rule
expect 'by person' canary events --canary shop

say 'v3, a slow one: nothing in its file minds, the alert does'
call pipeline /api/v1/canary/start '{"service_name":"shop","canary_version":"v3","reason":"end to end"}'
canary wait shop --revision v3 --for RolledBack --timeout 2m
expect 'alert CanarySlow: v3 answers half of its requests' canary explain shop
expect '"canaryVersion":"v3","canaryWeight":0' live_rule

say 'v2 was promoted after its approval, v3 was taken back by the alert: all as it should be'
