#!/usr/bin/env bash
# Finds system packages that the local world and the tests need, and installs what is missing.
#
# The list is assets/packages.txt: package, the program that proves it is there, and what it is for.
# With root or password-less sudo the packages are installed by apt; otherwise the exact command is printed
# and the exit code is 8.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian keeps servers that users do not start themselves off the PATH.
present() {
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

missing=()
while IFS=$'\t' read -r package proof why; do
    case $package in '' | '#'*) continue ;; esac
    if ! present "$proof"; then
        missing+=("$package")
        printf 'missing: %-18s %s\n' "$package" "$why"
    fi
done <assets/packages.txt

[ ${#missing[@]} -eq 0 ] && exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
if ! command -v apt-get >/dev/null; then
    echo "This system has no apt-get. Install these with its own package manager: ${missing[*]}" >&2
    exit 8
fi
if [ "$(id -u)" -eq 0 ]; then
    run=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    run=(sudo -n env)
else
    echo "Not root, and sudo wants a password. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo ${install[*]}" >&2
    exit 8
fi

# The packages bring services that would start now, on ports of their own and outside of the local world.
# Debian asks this file first; one that is there already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '"${run[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${run[@]}" tee $policy >/dev/null
    "${run[@]}" chmod 755 $policy
fi
echo "installing: ${missing[*]}"
"${run[@]}" DEBIAN_FRONTEND=noninteractive apt-get update -q
"${run[@]}" DEBIAN_FRONTEND=noninteractive "${install[@]}"
