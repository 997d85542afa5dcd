# What this server is, and which disks it has.

# load_modules: what the hardware asks for, and did not the last time: a bus that a module finds brings more. False: nothing.
load_modules() {
  [ -e "$JOB/aliases" ] || { : >"$JOB/aliases"; xargs modprobe -q -a </installer/modules 2>/dev/null; }
  find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >"$JOB/aliases.now"
  sort "$JOB/aliases" "$JOB/aliases.now" | uniq -u >"$JOB/aliases.new"
  mv "$JOB/aliases.now" "$JOB/aliases"
  [ -s "$JOB/aliases.new" ] || return 1
  xargs modprobe -q -a <"$JOB/aliases.new" 2>/dev/null
  return 0
}

# dmi NAME: what the firmware says of itself.
dmi() {
  if [ -r "/sys/class/dmi/id/$1" ]; then trimmed <"/sys/class/dmi/id/$1"; fi
}

trimmed() { tr -cd '\40-\176' | sed 's/^ *//; s/ *$//'; }

network_cards() {
  for card in /sys/class/net/*; do
    if [ -e "$card/device" ] && [ "$(cat "$card/type")" = 1 ]; then printf '%s\n' "${card##*/}"; fi
  done
}

# address_of CARD: its own, also while it is one of a bond, whose cards all show the same.
address_of() { cat "/sys/class/net/$1/bonding_slave/perm_hwaddr" 2>/dev/null || cat "/sys/class/net/$1/address"; }

memory_mb() { awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo; }

# partitions_of DISK: the devices of its partitions, as the kernel has them: another disk's name may begin the same.
partitions_of() {
  for known in "/sys/block/$1/"*/partition; do
    [ -e "$known" ] || continue
    known=${known%/partition}
    printf '/dev/%s\n' "${known##*/}"
  done
}

# disks: a line each: name, bytes, serial, model; tabs between. Not what can be taken out or is on USB.
disks() {
  for block in /sys/block/sd* /sys/block/nvme* /sys/block/vd* /sys/block/mmcblk*; do
    name=${block##*/}
    [ -e "$block" ] || continue
    [ "$(cat "$block/removable")$(cat "$block/ro")" = 00 ] || continue
    [ "$(cat "$block/hidden" 2>/dev/null)" != 1 ] || continue # one path of several to an NVMe disk, which is there too
    case $name in *boot[0-9] | *rpmb) continue ;; esac
    case $(readlink -f "$block") in */usb[0-9]*) continue ;; esac
    sectors=$(cat "$block/size")
    [ "$sectors" -gt 0 ] || continue
    printf '%s\t%s\t%s\t%s\n' "$name" "$((sectors * 512))" "$(serial_of "$block")" "$(first_of "$block/device/model")"
  done
}

serial_of() {
  if [ -r "$1/device/vpd_pg80" ]; then
    tail -c +5 "$1/device/vpd_pg80" | trimmed # four bytes of header, then the serial number
  else
    first_of "$1/serial" "$1/device/serial"
  fi
}

first_of() {
  for file in "$@"; do
    if [ -r "$file" ]; then trimmed <"$file"; return; fi
  done
}

# wait_for_disks: until there are some, and neither they nor anything else came for half a second; at most 30 seconds.
wait_for_disks() {
  : >"$JOB/disks"
  for _ in $(seq 60); do
    more=yes
    load_modules || more=no
    disks >"$JOB/disks.now"
    if [ "$more" = no ] && [ -s "$JOB/disks.now" ] && cmp -s "$JOB/disks" "$JOB/disks.now"; then break; fi
    mv "$JOB/disks.now" "$JOB/disks"
    sleep 0.5
  done
}

# partition DISK NUMBER: the name of a partition.
partition() {
  case $1 in *[0-9]) printf '%sp%s\n' "$1" "$2" ;; *) printf '%s%s\n' "$1" "$2" ;; esac
}
