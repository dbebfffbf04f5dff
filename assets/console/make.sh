#!/usr/bin/env bash
# Makes what is generated from the console's command line, settings and table of bindings: completions, man page, keys
# and the commented default settings. With --check it fails when one of them is out of date.
set -euo pipefail
cd "$(dirname "$0")/../.."
console=target/debug/aisoc-console
into=assets/console
[ "${1:-}" = --check ] && into=$(mktemp -d) && trap 'rm -rf "$into"' EXIT

$console completions bash >"$into/aisoc-console.bash"
$console completions zsh >"$into/_aisoc-console"
$console completions fish >"$into/aisoc-console.fish"
$console man >"$into/aisoc-console.1"
$console keys >"$into/keys.md"
$console --print-default-config >"$into/console.toml"

if [ "${1:-}" = --check ]; then
    for file in "$into"/*; do
        cmp -s "$file" "assets/console/$(basename "$file")" ||
            { echo "assets/console/$(basename "$file") is out of date: run \`make docs\`" >&2; exit 1; }
    done
fi
