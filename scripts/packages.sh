#!/usr/bin/env bash
# Installs the Debian packages named in the given lists (build, run, test, node), but only what is missing.
# Usage: scripts/packages.sh build run
set -euo pipefail
cd "$(dirname "$0")"

wanted=()
for list in "$@"; do
  if [ "$list" = node ]; then
    # Any Node with npm will do, from wherever it came; Debian's only if there is none.
    command -v node >/dev/null && command -v npm >/dev/null || wanted+=(nodejs npm)
  else
    while read -r package; do wanted+=("$package"); done < <(grep -v '^#' "packages-$list.txt")
  fi
done

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "Installing what is missing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "These packages are missing and neither root nor sudo is at hand. As root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -qy --no-install-recommends "${missing[@]}"
