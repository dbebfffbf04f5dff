#!/usr/bin/env bash
# Makes Patroni 4.x from the Python package index available to the tests, beside the distribution's 3.x, and writes
# its path to target/patroni-4.path. The servers of the tests run as `postgres` when root runs the tests, so the
# environment lies where that user can read it: under target/, or else in a cache directory.
#
# Without the index the tests of 4.x are skipped, and say so; this is not a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
version=4.1
told=target/patroni-4.path
mkdir -p target

# Loud, because a suite that is green without these tests looks like one that is green with them.
skip() {
    printf '\n***** SKIPPED: the tests under Patroni %s will not run: %s *****\n\n' "$version" "$1" >&2
    exit 0
}

reads() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups test -x "$1"
    else
        test -x "$1"
    fi
}

if [ -f "$told" ] && reads "$(cat "$told")" 2>/dev/null; then
    exit 0
fi
rm -f "$told"

# The system's Python: one that a person has in a home directory is not for other users to read.
python=/usr/bin/python3
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    skip "$python cannot make virtual environments (install python3-venv)"
fi
where="$PWD/target/patroni-4"
mkdir -p "$where"
if ! reads "$where"; then
    where="${TMPDIR:-/var/tmp}/aisoc-tests-$(id -u)/patroni-4"
    mkdir -p "$where"
fi
log="$where.log"
if ! { "$python" -m venv --clear "$where" &&
    timeout 240 "$where/bin/pip" install --quiet --disable-pip-version-check --timeout 10 --retries 1 "patroni[etcd3]==$version.*" 'psycopg[binary]'; } >"$log" 2>&1; then
    skip "it could not be installed from the Python package index: $(grep -v DEPRECATION "$log" | tail -1)"
fi
chmod -R go+rX "$where"
if ! reads "$where/bin/patroni"; then
    skip "the user of the test servers cannot read $where"
fi
echo "$where/bin/patroni" >"$told"
"$where/bin/patroni" --version
