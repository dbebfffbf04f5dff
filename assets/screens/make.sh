#!/usr/bin/env bash
# Draws the pictures of the README from assets/screens/world.json, a frame saved from a real local world
# (`aisoc-console status --output json`; its state directory stands there as the default one). With --check it fails when one of them is out of date.
set -euo pipefail
cd "$(dirname "$0")/../.."
console=target/debug/aisoc-console
into=assets/screens
[ "${1:-}" = --check ] && into=$(mktemp -d) && trap 'rm -rf "$into"' EXIT

for page in overview lag slis alerts services operations; do
    $console snapshot --world assets/screens/world.json --page $page --size 120x40 --theme dark --output svg >"$into/$page.svg"
done

if [ "${1:-}" = --check ]; then
    for picture in "$into"/*.svg; do
        cmp -s "$picture" "assets/screens/$(basename "$picture")" ||
            { echo "assets/screens/$(basename "$picture") is out of date: run \`make docs\`" >&2; exit 1; }
    done
fi
