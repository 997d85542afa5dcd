# What this server is, and which disks it has.

load_modules() {
  xargs modprobe -q -a </installer/modules 2>/dev/null
  : >"$JOB/aliases"
  for _ in 1 2 3 4; do # a bus that a module finds brings more
    find /sys/devices -name modalias -exec cat {} + 2>/dev/null | sort -u >"$JOB/aliases.now"
    if cmp -s "$JOB/aliases" "$JOB/aliases.now"; then break; fi
    xargs modprobe -q -a <"$JOB/aliases.now" 2>/dev/null
    mv "$JOB/aliases.now" "$JOB/aliases"
    sleep 0.3
  done
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

# disks: a line each: name, bytes, serial, model, wwn, rotational; tabs between. Not what can be taken out or is on USB.
disks() {
  for block in /sys/block/sd* /sys/block/nvme* /sys/block/vd* /sys/block/mmcblk*; do
    name=${block##*/}
    [ -e "$block" ] || continue
    [ "$(cat "$block/removable")$(cat "$block/ro")" = 00 ] || continue
    case $name in *boot[0-9] | *rpmb) continue ;; esac
    case $(readlink -f "$block") in */usb[0-9]*) continue ;; esac
    sectors=$(cat "$block/size")
    [ "$sectors" -gt 0 ] || continue
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$((sectors * 512))" "$(serial_of "$block")" \
      "$(first_of "$block/device/model")" "$(first_of "$block/wwid" "$block/device/wwid" "$block/wwn")" \
      "$(cat "$block/queue/rotational")"
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

# wait_for_disks: until there are some, and no more came for a while; at most 30 seconds.
wait_for_disks() {
  : >"$JOB/disks"
  for _ in $(seq 60); do
    disks >"$JOB/disks.now"
    if [ -s "$JOB/disks.now" ] && cmp -s "$JOB/disks" "$JOB/disks.now"; then break; fi
    mv "$JOB/disks.now" "$JOB/disks"
    sleep 0.5
  done
}

# partition DISK NUMBER: the name of a partition.
partition() {
  case $1 in *[0-9]) printf '%sp%s\n' "$1" "$2" ;; *) printf '%s%s\n' "$1" "$2" ;; esac
}
