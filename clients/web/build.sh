#!/bin/sh
# Builds the page into server/pages/static/app, unless what is there was built from what is here.
set -eu
cd "$(dirname "$0")/../.."
target=server/pages/static/app
stamp=$target/built-from

sources() {
    cat docs/openapi.json clients/web/package-lock.json clients/web/package.json \
        clients/web/index.html clients/web/vite.config.ts clients/web/tsconfig.json
    find clients/web/src clients/web/public clients/web/docs -type f ! -name schema.ts | LC_ALL=C sort |
        while read -r file; do echo "$file"; cat "$file"; done
}
wanted=$(sources | cksum)
if [ "$wanted" = "$(cat $stamp 2>/dev/null)" ]; then
    exit 0
fi

echo "Building the page (clients/web)"
sh clients/node.sh web build
echo "$wanted" >$stamp
