# After a disk image: its last partition gets the rest of the disk, and its root file system is mounted.

# open_disk_image: grown and mounted at /mnt. False with the reason.
open_disk_image() {
  disk=$DISKS
  if /tools/sfdisk --dump "/dev/$disk" 2>/dev/null | grep -q '^label: gpt'; then
    tried /tools/sfdisk --relocate gpt-bak-std "/dev/$disk" || because "The disk's partition table is damaged." || return 1
  fi
  last=$(last_partition "$disk")
  [ -n "$last" ] || because "The image has no partitions." || return 1
  read_partitions "$disk"
  if [ "$CONFIGURED_BY" = cloud-init ] && ! holds_a_root "$disk" "$last"; then
    make_seed_partition "$disk"
    return
  fi
  printf ', +\n' >"$JOB/grown"
  # shellcheck disable=SC2016  # the inner shell's
  tried sh -c '/tools/sfdisk -q --no-reread --no-tell-kernel -N "$1" "/dev/$2" <"$3"' - "$last" "$disk" "$JOB/grown" ||
    say "The last partition could not be grown: it stays as it is in the image."
  read_partitions "$disk"
  if mount_root "$disk" "$last"; then
    grow_mounted "/dev/$(partition "$disk" "$last")" && return 0
    umount /mnt
  fi
  grow_file_system "$(partition "$disk" "$last")" || return 1
  mount_root "$disk" "$last" || because "No partition of the image holds a system that can be mounted here." || return 1
}

# last_partition DISK: the number of the one that lies last, whatever its number.
last_partition() {
  /tools/sfdisk --dump "/dev/$1" 2>/dev/null |
    sed -n "s#^/dev/$1p\{0,1\}\([0-9]*\) : start= *\([0-9]*\),.*#\2 \1#p" | sort -n | tail -n 1 | cut -d ' ' -f 2
}

# read_partitions DISK: has the kernel read the table, and makes the links by UUID that no udev makes here.
read_partitions() {
  sync
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    blockdev --rereadpt "/dev/$1" 2>/dev/null && break
    sleep 0.5
  done
  # shellcheck disable=SC2046  # device names have no spaces
  link_uuids $(partitions_of "$1")
}

link_uuids() {
  mkdir -p /dev/disk/by-uuid
  for device in "$@"; do
    [ -b "$device" ] || continue
    uuid=$(/tools/blkid -p -s UUID -o value "$device" 2>/dev/null)
    [ -z "$uuid" ] || ln -sf "$device" "/dev/disk/by-uuid/$uuid"
  done
}

# grow_mounted DEVICE: by the kernel, in a moment. False where it cannot, or something else is mounted.
grow_mounted() {
  grep -q "^$1 /mnt ext4 " /proc/mounts && /tools/resize2fs "$1" >/dev/null 2>&1 </dev/null
}

# grow_file_system PARTITION: while nobody has it, which takes a check of all of it first.
grow_file_system() {
  case $(/tools/blkid -p -s TYPE -o value "/dev/$1" 2>/dev/null) in
    ext[234])
      tried /tools/e2fsck -f -y "/dev/$1"
      [ "$?" -lt 4 ] || because "The image's last file system is damaged." || return 1
      tried /tools/resize2fs "/dev/$1" || because "The image's last file system could not be grown." || return 1
      ;;
    *) say "The last partition is grown, its file system is not: only ext4 is grown here." ;;
  esac
}

# mount_root DISK NUMBER: that partition if it holds a system, else the first that does.
mount_root() {
  for device in "/dev/$(partition "$1" "$2")" $(partitions_of "$1"); do
    [ -b "$device" ] || continue
    mount "$device" /mnt 2>/dev/null || continue
    if [ -d /mnt/etc ]; then return 0; fi
    umount /mnt
  done
  return 1
}

holds_a_root() { mount_root "$1" "$2" && umount /mnt; }
