# Runs a command in an image's files: `unshare --mount sh unshared.sh ROOT FOLDER:PATH... -- COMMAND`.
# As the image's user, with the root read-only and only these folders and /tmp writable.
set -eu
root=$1
shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
chmod 1777 "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    mount --bind "${1%%:*}" "$root${1#*:}"
    shift
done
shift
exec chroot --userspec=1000:1000 --groups=1000 "$root" sh -c 'cd /app && exec "$@"' darkroom "$@"
