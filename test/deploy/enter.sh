#!/bin/sh
# enter.sh ROOT UID:GID DIRECTORY MODE [NAME=VALUE]... COMMAND...: runs a command in a folder as in a container, in place
# of this shell and with these variables only. Wants to be called in a mount and process namespace of its own. The folder holds what the image holds of its own; the
# rest of a Debian is this machine's, not to be written, and without its Node and npm. MODE is rw, or ro for a root that
# nobody can write.
set -eu
root=$1 user=$2 directory=$3 mode=$4
shift 4

bind() {
  mount --bind "$1" "$2"
  mount -o remount,bind,ro "$2"
}

mount --bind "$root" "$root"
mkdir -p "$root/usr" "$root/proc" "$root/dev" "$root/tmp" "$root/etc/ssl" "$root/usr-local" "$root/empty" "$root$directory"
for name in bin lib lib64 sbin; do ln -sfn "usr/$name" "$root/$name"; done
chmod 1777 "$root/tmp"
bind /usr "$root/usr"
mount --bind "$root/usr-local" "$root/usr/local"
for name in node nodejs npm npx corepack yarn; do
  if [ -e "/usr/bin/$name" ]; then bind /dev/null "$root/usr/bin/$name"; fi
done
if [ -d /usr/lib/node_modules ]; then bind "$root/empty" "$root/usr/lib/node_modules"; fi
bind /etc/ssl "$root/etc/ssl"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ "$mode" = ro ]; then
  mount -o remount,bind,ro "$root"
  mount -o remount,bind,ro "$root/usr/local"
  # The volume of the ledger.
  if [ -d "$root/var/lib/llm-gateway" ]; then
    mount -t tmpfs -o "uid=${user%%:*},gid=${user##*:},mode=0755" tmpfs "$root/var/lib/llm-gateway"
  fi
fi
# In a network namespace of its own nothing is up yet.
ip link set lo up
exec chroot --userspec="$user" --groups= "$root" env -i -C "$directory" "$@"
