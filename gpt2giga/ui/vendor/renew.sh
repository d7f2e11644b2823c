#!/usr/bin/env bash
# Brings the libraries that packages.txt names from npm, checks the archives against the hashes there, and notes the
# hashes of what is kept. To take a newer version, change its version and its hash: npm view NAME dist.integrity
set -euo pipefail
cd "$(dirname "$0")"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
grep -v '^#' packages.txt | while read -r name version integrity source; do
    archive=$scratch/$(npm pack --silent --pack-destination "$scratch" "$name@$version")
    found=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 --wrap=0)
    [ "$found" = "$integrity" ] || { echo "$name $version is not what packages.txt expects: $found" >&2; exit 1; }
    mkdir "$scratch/$name"
    tar --extract --gzip --file "$archive" --directory "$scratch/$name" --strip-components=1
    cp "$scratch/$name/$source" "$name.js"
    cp "$scratch/$name/LICENSE" "$name.LICENSE"
    chmod 644 "$name.js" "$name.LICENSE"
done
sha256sum ./*.js ./*.LICENSE > SHA256SUMS
