# The job's files, and the system's own configuration, run in it.

# configure: what comes after the image is on the disk. False with the reason.
configure() {
  if [ "$FORM" = disk-image ]; then open_disk_image || return 1; fi
  if [ "$SEED_APART" = yes ]; then
    write_seed && enter_boot_order "$DISKS"
    return
  fi
  unpack_files /mnt || return 1
  enter_root
  run_configure
  code=$?
  if [ "$code" = 0 ] && [ "$FORM" = root-archive ]; then install_boot_loader; code=$?; fi
  if [ "$code" = 0 ] && [ "$FORM" = disk-image ]; then move_console && enter_boot_order "$DISKS"; code=$?; fi
  leave_root || code=1
  stop_layout
  return "$code"
}

# unpack_files FOLDER: the job's files onto the root; a service that is away is waited for.
unpack_files() {
  pause=1
  while :; do
    /tools/wget --config="$JOB/wgetrc" -O "$JOB/files.tar" -o "$JOB/files.log" "$URL/files" </dev/null && break
    case $(status_in "$JOB/files.log") in
      401 | 409 | 410) : >"$JOB/over"; return 1 ;;
      4*) because "The job's files cannot be fetched: the answer is $(status_in "$JOB/files.log")." || return 1 ;;
    esac
    sleep "$pause"
    [ "$pause" -ge 10 ] || pause=$((pause + 1))
  done
  /tools/tar -x -p --numeric-owner --keep-directory-symlink -C "$1" -f "$JOB/files.tar" 2>"$JOB/files.log" ||
    because "The job's files cannot be unpacked: $(plain <"$JOB/files.log" | head -n 1)" || return 1
  rm -f "$JOB/files.tar"
}

# enter_root: what programs in the new system need of the running one.
enter_root() {
  mkdir -p /mnt/dev /mnt/proc /mnt/sys /mnt/run /mnt/tmp
  mount --bind /dev /mnt/dev
  mount --bind /dev/pts /mnt/dev/pts
  mount -t proc proc /mnt/proc
  mount -t sysfs sys /mnt/sys
  if [ "$FIRMWARE" = UEFI ]; then mount -t efivarfs efivarfs /mnt/sys/firmware/efi/efivars 2>/dev/null; fi
  mount -t tmpfs -o mode=0755 run /mnt/run
  if [ "$FORM" = root-archive ] && [ -n "$(esp_of "${DISKS%% *}")" ]; then
    mount -t vfat "/dev/$(esp_of "${DISKS%% *}")" /mnt/boot/efi
  fi
  lend_resolver
}

# lend_resolver: names resolve in there as they do here. A link leads to /run, which is ours for now.
lend_resolver() {
  [ -s /etc/resolv.conf ] || return 0
  mkdir -p /mnt/run/systemd/resolve /mnt/run/resolvconf
  for name in systemd/resolve/stub-resolv.conf systemd/resolve/resolv.conf resolvconf/resolv.conf; do
    cp /etc/resolv.conf "/mnt/run/$name"
  done
  if [ -f /mnt/etc/resolv.conf ] && [ ! -L /mnt/etc/resolv.conf ]; then
    mount --bind /etc/resolv.conf /mnt/etc/resolv.conf
  fi
}

# in_root COMMAND...: in the new system, its output in the log as it comes. Its code.
in_root() {
  rm -f "$JOB/words"
  mkfifo "$JOB/words"
  say_lines <"$JOB/words" &
  reader=$!
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive OOBCTL_FORM="$FORM" OOBCTL_LAYOUT="$LAYOUT" OOBCTL_FIRMWARE="$FIRMWARE" \
    OOBCTL_DISKS="$DISKS" chroot /mnt "$@" >"$JOB/words" 2>&1 </dev/null
  code=$?
  # What it left running may hold the other end: its last words get a moment, no more.
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "/proc/$reader/exe" ] || break; sleep 0.1; done
  kill "$reader" 2>/dev/null
  return "$code"
}

run_configure() {
  [ -x /mnt/etc/oobctl/configure ] || return 0
  say "Running the system's /etc/oobctl/configure."
  in_root /etc/oobctl/configure
  code=$?
  [ "$code" = 0 ] || because "/etc/oobctl/configure ended with code $code." || return 1
}

# leave_root: all ends that runs in the new system, and it is unmounted. False where the disk may not have all of it.
leave_root() {
  for process in /proc/[0-9]*; do
    if [ "$(readlink "$process/root" 2>/dev/null)" = /mnt ]; then kill -9 "${process#/proc/}" 2>/dev/null; fi
  done
  sync
  awk '$2 == "/mnt" || index($2, "/mnt/") == 1 { print $2 }' /proc/mounts | sort -r | while read -r mounted; do
    umount "$mounted" 2>/dev/null || { sleep 1; umount "$mounted" 2>"$JOB/unmount" || umount -l "$mounted"; }
  done
  sync
  if grep -q ' /mnt ' /proc/mounts; then because "The new system could not be unmounted: $(plain <"$JOB/unmount")" || return 1; fi
}
