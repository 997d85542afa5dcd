# cloud-init's seed for an image whose root file system is of a kind that is not known here: on a partition of its own.

SEED_APART=no SEED_MB=8

# make_seed_partition DISK: the last of the disk, so that cloud-init grows the root up to it. False with the reason.
make_seed_partition() {
  say "No file system of the image can be mounted here: cloud-init gets its seed on a partition of its own."
  case $(/tools/blkid -p -s PTTYPE -o value "/dev/$1" 2>/dev/null) in
    gpt) kind=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 ;;
    *) kind=c ;;
  esac
  end_mb=$(($(cat "/sys/block/$1/size") / 2048))
  # An MBR's numbers end at 2 TiB.
  if [ "$kind" = c ] && [ "$end_mb" -gt 2097152 ]; then end_mb=2097152; fi
  number=$(free_number "$1")
  start_mb=$((end_mb - SEED_MB - 1))
  printf 'start=%sMiB, size=%sMiB, type=%s\n' "$start_mb" "$SEED_MB" "$kind" >"$JOB/grown"
  # shellcheck disable=SC2016  # the inner shell's
  tried sh -c '/tools/sfdisk -q --append --no-reread --no-tell-kernel "/dev/$1" <"$2"' - "$1" "$JOB/grown" ||
    because "The partition for cloud-init's seed could not be made: is there room after the image's?" || return 1
  read_partitions "$1"
  SEED_DEVICE=$(partition "$1" "$number") SEED_APART=yes
  tried /tools/mkfs.vfat -n CIDATA "/dev/$SEED_DEVICE" ||
    because "The partition for cloud-init's seed could not be formatted." || return 1
}

# free_number DISK: of a partition that is not there yet.
free_number() {
  number=1
  while [ -e "/sys/block/$1/$(partition "$1" "$number")" ]; do number=$((number + 1)); done
  echo "$number"
}

# write_seed: the files of NoCloud and no others: what is to be elsewhere cloud-init puts there.
write_seed() {
  mkdir -p /run/files /run/seed
  unpack_files /run/files || return 1
  mount -t vfat "/dev/$SEED_DEVICE" /run/seed &&
    cp /run/files/var/lib/cloud/seed/nocloud/* /run/seed/ && umount /run/seed ||
    because "cloud-init's seed could not be written." || return 1
  rm -rf /run/files
  sync
}
