#!/usr/bin/env bash
# Records assets/recordings/region-failover.rec from a real run: a local world of its own is started, its primary region
# is killed, left for another one (RB-003), healed and put back. What `aisoc-console export` leaves out is left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$PWD/target/debug
AISOC_STATE_DIR=$(mktemp -d)
export AISOC_STATE_DIR
trap '"$bin/aisoc" local down >/dev/null 2>&1 || true; rm -rf "$AISOC_STATE_DIR"' EXIT
chmod 755 "$AISOC_STATE_DIR"

# until_ok WHAT SECONDS COMMAND...: waits for a command to succeed.
until_ok() {
    local what=$1 left=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "waited for $what" >&2; return 1; }
        sleep 1
    done
}
"$bin/aisoc" local up
until_ok "a healthy world" 60 "$bin/aisoc-console" status
sleep 5
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
"$bin/aisoc" local fault kill-region us-east-1
# A region that is killed is first not known to be down, and as long as no server accepts writes the plan is refused.
until_ok "a plan that passes its gates" 180 \
    "$bin/aisoc-console" plan region-failover us-east-1 --to eu-west-1 --reason "region lost"
"$bin/aisoc-console" region-failover us-east-1 --to eu-west-1 --confirm us-east-1 --reason "region lost" --wait
sleep 3
"$bin/aisoc" local fault --heal
until_ok "the region to come back" 120 "$bin/aisoc-console" health-check --region us-east-1
# A writer that was fenced stays down until somebody lets it back; one that Patroni's own election replaced was not.
rejoin=(us-east-1 --override divergence="what only it has is given up" --reason "it is back")
if "$bin/aisoc-console" plan rejoin "${rejoin[@]}"; then
    "$bin/aisoc-console" rejoin "${rejoin[@]}" --confirm us-east-1 --wait
fi
"$bin/aisoc-console" restore us-east-1 --confirm us-east-1 --reason "it is back" --wait
until_ok "a healthy world" 60 "$bin/aisoc-console" status
sleep 3
"$bin/aisoc-console" export --from "$began" --file assets/recordings/region-failover.rec
