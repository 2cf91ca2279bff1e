#!/bin/sh
# db build, db info and match, from feed to answer. TRAWL names the binary.
set -eu
trawl=${TRAWL:-./trawl}
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
    printf 'FAIL: %s\n' "$1" >&2
    exit 1
}

# A folder, its files in another order, and an archive of them are the same database.
"$trawl" db build "$root/docs/demo-feed" -o "$dir/a.db" > "$dir/summary"
grep -q '^advisories  *50$' "$dir/summary" || fail "50 advisories expected: $(cat "$dir/summary")"
find "$root/docs/demo-feed" -name '*.json' | sort -r | xargs "$trawl" db build -o "$dir/b.db" > /dev/null
cmp "$dir/a.db" "$dir/b.db" || fail "the order of the feeds changes the database"
tar -C "$root/docs/demo-feed" -czf "$dir/feed.tar.gz" .
"$trawl" db build "$dir/feed.tar.gz" -o "$dir/c.db" > /dev/null
cmp "$dir/a.db" "$dir/c.db" || fail "an archive gives another database than its folder"
"$trawl" db info --verify "$dir/a.db" | grep -q '^checksums right' || fail "info --verify"

# Answers come line by line, in order, a bad line among them.
long=$(printf '%070000d' 0)
cat > "$dir/queries" <<QUERIES
pkg:npm/lodash@4.17.15
{"ecosystem":"npm","name":"lodash","version":"4.17.21"}
no query
{"name":"$long"}
pkg:pypi/Jinja2@3.1.2
pkg:deb/debian/zlib@1%3A1.2.13.dfsg-1?distro=debian-12
{"ecosystem":"Debian:12","name":"openssl","version":"3.0.14-1~deb12u1"}
QUERIES
cat > "$dir/expected" <<'ANSWERS'
{"ids":["CVE-2020-28500","CVE-2020-8203","GHSA-35jh-r3h4-6jhm"]}
{"ids":[]}
{"ids":[],"error"
{"ids":[],"error"
{"ids":["GHSA-cpwx-vrp4-4pq7","GHSA-q2x7-8rv6-6q7h"]}
{"ids":["DEBIAN-CVE-2023-45853"]}
{"ids":["DEBIAN-CVE-2024-6119","DEBIAN-CVE-2025-9230"]}
ANSWERS
for simd in auto scalar; do
    "$trawl" match --simd "$simd" --db "$dir/a.db" < "$dir/queries" | sed 's/"error":.*/"error"/' > "$dir/found"
    cmp "$dir/expected" "$dir/found" || fail "answers differ: $(diff "$dir/expected" "$dir/found")"
done

# Of an rpm's package URL the epoch is a qualifier, and part of its version all the same.
printf '%s' '{"id":"ALSA-1","affected":[{"package":{"ecosystem":"AlmaLinux:8","name":"bind"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"32:9.11-5"}]}]}]}' > "$dir/epoch.json"
"$trawl" db build "$dir/epoch.json" -o "$dir/epoch.db" > /dev/null
printf 'pkg:rpm/almalinux/bind@9.11-6?epoch=32&distro=almalinux-8.5\npkg:rpm/almalinux/bind@9.11-4?epoch=32&distro=almalinux-8.5\n' |
    "$trawl" match --db "$dir/epoch.db" > "$dir/found"
printf '{"ids":[]}\n{"ids":["ALSA-1"]}\n' | cmp - "$dir/found" || fail "epoch of a package URL: $(cat "$dir/found")"

# No package says from which of Red Hat's repositories it came: all of its release count, once each.
printf '%s' '{"id":"RHSA-1","affected":[{"package":{"ecosystem":"Red Hat:enterprise_linux:9::appstream","name":"vim"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0:9-5"}]}]},{"package":{"ecosystem":"Red Hat:enterprise_linux:9::crb","name":"vim"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0:9-5"}]}]}]}' > "$dir/rhel.json"
"$trawl" db build "$dir/rhel.json" -o "$dir/rhel.db" > /dev/null
printf 'pkg:rpm/redhat/vim@9-4?distro=rhel-9.4\npkg:rpm/redhat/vim@9-4?distro=rhel-8.4\n' |
    "$trawl" match --db "$dir/rhel.db" > "$dir/found"
printf '{"ids":["RHSA-1"]}\n{"ids":[]}\n' | cmp - "$dir/found" || fail "repositories of a release: $(cat "$dir/found")"

# A damaged archive ends the build and leaves the old file; so does a feed without advisories.
cp "$dir/a.db" "$dir/kept.db"
head -c 200 "$dir/feed.tar.gz" > "$dir/cut.tar.gz"
printf '{"catalogVersion":"1","vulnerabilities":[]}' > "$dir/kev.json"
for feed in "$dir/cut.tar.gz" "$dir/kev.json" "$dir/absent"; do
    status=0
    "$trawl" db build "$feed" -o "$dir/kept.db" > /dev/null 2>&1 || status=$?
    [ "$status" -eq 4 ] || fail "$feed: exit status 4 expected, found $status"
    cmp "$dir/a.db" "$dir/kept.db" || fail "$feed: the old database is gone"
done

# A cut database is refused, with what was expected.
head -c 1000 "$dir/a.db" > "$dir/cut.db"
"$trawl" match --db "$dir/cut.db" < /dev/null 2> "$dir/err" && fail "a cut database opens"
grep -q 'bytes expected, found 1000' "$dir/err" || fail "cut database: $(cat "$dir/err")"
for wrong in "db" "db build $dir/feed.tar.gz" "db show x" "match" "match --db $dir/a.db --simd mmx"; do
    status=0
    # shellcheck disable=SC2086 # the words are the point
    "$trawl" $wrong < /dev/null > /dev/null 2>&1 || status=$?
    [ "$status" -eq 2 ] || fail "trawl $wrong: exit status 2 expected, found $status"
done
echo "ok: build, info, match"
