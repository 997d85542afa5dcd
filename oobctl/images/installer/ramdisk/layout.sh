# A root archive: partitions, RAID, LVM and file systems for it, and the archive unpacked onto them.

BIOS_BOOT=21686148-6449-6E6F-744E-656564454649 ESP_TYPE=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
LINUX_ROOT=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 LINUX_RAID=A19D880F-05FC-4D3B-A006-743F0F84911E
LINUX_LVM=E6D6D379-F507-44C2-A23C-238F2A3DF928
export MDADM_NO_UDEV=1
VOLUME_GROUP=

# write_root_archive: false with the reason; then no disk boots anything.
write_root_archive() {
  make_place && make_root_device && make_file_systems || return 1
  mkdir -p /mnt
  mount "$(root_device)" /mnt || because "The new root file system cannot be mounted." || return 1
  say "Unpacking the root archive."
  fetch_into onto_root || { undo_layout; return 1; }
  write_tables
}

# make_place: partitions for it; or the one that is given up.
make_place() {
  if [ "$LAYOUT" = keep ]; then
    protect_kept && give_up "$REPLACED"
    return
  fi
  for disk in $DISKS; do
    empty_disk "/dev/$disk" && make_partitions "$disk" || return 1
  done
}

root_device() {
  case $LAYOUT in
    keep) echo "/dev/$REPLACED" ;;
    raid1) echo /dev/md0 ;;
    lvm) echo "/dev/mapper/$VOLUME_GROUP-root" ;;
    *) echo "/dev/$(partition "$DISKS" 3)" ;;
  esac
}

# make_partitions DISK: 1 for BIOS' boot code, 2 for UEFI, 3 is the rest. Every disk boots either way.
make_partitions() {
  case $LAYOUT in raid1) rest=$LINUX_RAID ;; lvm) rest=$LINUX_LVM ;; *) rest=$LINUX_ROOT ;; esac
  printf 'label: gpt\nsize=1MiB, type=%s\nsize=256MiB, type=%s\ntype=%s\n' "$BIOS_BOOT" "$ESP_TYPE" "$rest" >"$JOB/table"
  # shellcheck disable=SC2016  # the inner shell's
  tried sh -c '/tools/sfdisk -q --wipe always --wipe-partitions always "/dev/$1" <"$2"' - "$1" "$JOB/table" ||
    because "The disk $1 could not be partitioned." || return 1
  blockdev --rereadpt "/dev/$1" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if [ -b "/dev/$(partition "$1" 3)" ]; then return 0; fi
    sleep 0.5
  done
  because "The disk $1 has no partitions though they were just made."
}

make_root_device() {
  case $LAYOUT in
    raid1)
      # The mirror is made whole later, by the new system: now it would take half of the disks' speed.
      echo 100 >/proc/sys/dev/raid/speed_limit_min
      echo 100 >/proc/sys/dev/raid/speed_limit_max
      # shellcheck disable=SC2046  # one word a partition
      tried /tools/mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --bitmap=internal \
        --homehost=any --name=root $(for disk in $DISKS; do echo "/dev/$(partition "$disk" 3)"; done) ||
        because "The RAID could not be made." || return 1
      ;;
    lvm)
      configure_lvm
      VOLUME_GROUP=$(free_group)
      pv=/dev/$(partition "$DISKS" 3)
      tried /tools/lvm pvcreate -ff -y "$pv" && tried /tools/lvm vgcreate -y "$VOLUME_GROUP" "$pv" &&
        tried /tools/lvm lvcreate -y -W n -l 100%FREE -n root "$VOLUME_GROUP" || because "LVM could not be set up." || return 1
      ;;
  esac
}

# configure_lvm: without udev, which is not here, LVM makes its device files itself.
configure_lvm() {
  mkdir -p /etc/lvm /run/lvm
  cat >/etc/lvm/lvm.conf <<LVM
devices { obtain_device_list_from_udev = 0 external_device_info_source = "none" use_devicesfile = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
backup { backup = 0 archive = 0 }
global { locking_dir = "/run/lvm" event_activation = 0 }
LVM
}

# free_group: a name that no volume group on another disk has, which may be an earlier installation's.
free_group() {
  taken=" $(/tools/lvm vgs --noheadings -o vg_name 2>/dev/null | tr -s ' \n' ' ') "
  name=system number=1
  while case $taken in *" $name "*) true ;; *) false ;; esac; do number=$((number + 1)) name=system$number; done
  echo "$name"
}

# esp_of DISK: where UEFI's boot files are, if anywhere.
esp_of() {
  case $LAYOUT in
    keep) printf '%s\n' "$ESP" ;;
    *) partition "$1" 2 ;;
  esac
}

# make_file_systems: beside one that is kept the root has no label, which another may have.
make_file_systems() {
  if [ "$LAYOUT" = keep ]; then
    tried /tools/mke2fs -q -F -t ext4 "$(root_device)" || because "The root file system could not be made."
    return
  fi
  for disk in $DISKS; do
    tried /tools/mkfs.vfat -F 32 -n EFI "/dev/$(partition "$disk" 2)" ||
      because "The EFI system partition of $disk could not be made." || return 1
  done
  tried /tools/mke2fs -q -F -t ext4 -L root "$(root_device)" || because "The root file system could not be made." || return 1
}

onto_root() {
  /tools/tar -x -p --numeric-owner --xattrs --xattrs-include='*' --acls -C /mnt -f - 2>"$JOB/tar.log" && return 0
  because "The archive could not be unpacked: $(plain <"$JOB/tar.log" | head -n 1)"
  cat >/dev/null
  return 1
}

# undo_layout: a half of a system is no system.
undo_layout() {
  umount /mnt
  stop_layout
  if [ "$LAYOUT" = keep ]; then give_up "$REPLACED"; return; fi
  for disk in $DISKS; do wipe_ends "/dev/$disk"; done
}

# stop_layout: nothing may write to the disks any more when the server is restarted.
stop_layout() {
  if [ "$LAYOUT" = lvm ]; then /tools/lvm vgchange -a n "$VOLUME_GROUP" >/dev/null 2>&1; fi
  if [ "$LAYOUT" = raid1 ]; then /tools/mdadm --stop /dev/md0 >/dev/null 2>&1; fi
  return 0
}

# write_tables: what the new system finds its file systems by.
write_tables() {
  [ -d /mnt/etc ] || because "The archive holds no system: it has no /etc." || return 1
  esp=$(esp_of "${DISKS%% *}")
  mkdir -p /mnt/boot/efi
  {
    fstab_line "$(root_device)" "/ ext4 errors=remount-ro 0 1" &&
      { [ -z "$esp" ] || fstab_line "/dev/$esp" "/boot/efi vfat umask=0077,nofail 0 1"; }
  } >/mnt/etc/fstab || because "The new file systems have no UUIDs." || return 1
  chmod 0644 /mnt/etc/fstab
  # shellcheck disable=SC2046  # one word a partition
  link_uuids "$(root_device)" $(for disk in $DISKS; do printf '/dev/%s ' "$(esp_of "$disk")"; done)
  if [ "$LAYOUT" = raid1 ] && [ -d /mnt/etc/mdadm ]; then
    { echo 'HOMEHOST <ignore>'; /tools/mdadm --detail --brief /dev/md0; } >/mnt/etc/mdadm/mdadm.conf
    chmod 0644 /mnt/etc/mdadm/mdadm.conf
  fi
}

fstab_line() {
  uuid=$(/tools/blkid -p -s UUID -o value "$1")
  [ -n "$uuid" ] && printf 'UUID=%s %s\n' "$uuid" "$2"
}
