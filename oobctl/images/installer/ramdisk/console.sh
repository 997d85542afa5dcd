# The serial line on which the firmware shows its own screens: a BMC's console is at that one, so ours is there too.

FIRMWARE_CONSOLE=''

# find_console: FIRMWARE_CONSOLE is what the firmware tells: ttyS1,115200. Empty: nothing, or no port of these.
find_console() {
  FIRMWARE_CONSOLE=$(port_told_by /sys/firmware/acpi/tables/SPCR)
  port=${FIRMWARE_CONSOLE%,*}
  [ -n "$port" ] || return 0
  stty -F "/dev/$port" "${FIRMWARE_CONSOLE#*,}" 2>/dev/null
  [ "$port" = ttyS0 ] || show_log_at "/dev/$port" # the kernel's own lines are at that one
}

# show_log_at DEVICE: by a process of its own, for a line that takes nothing must not hold the installer up.
show_log_at() {
  tail -n +1 -f "$LOG" >"$1" 2>/dev/null </dev/null &
}

# port_told_by TABLE: of Microsoft's Serial Port Console Redirection table: kind of address at 40, address at 44, rate at 58.
# A rate of 0 is what the firmware has set, which nothing tells here: 115200 then, as nearly all have it.
port_told_by() {
  [ -r "$1" ] || return 0
  od -An -v -tu1 "$1" | tr -s ' ' '\n' | awk '
    BEGIN {
      port[1016] = "ttyS0"; port[760] = "ttyS1"; port[1000] = "ttyS2"; port[744] = "ttyS3"
      rate[0] = 115200; rate[3] = 9600; rate[4] = 19200; rate[6] = 57600; rate[7] = 115200
    }
    NF { byte[n++] = $1 }
    END {
      for (i = 46; i < 52; i++) high += byte[i]
      at = byte[44] + 256 * byte[45]
      if (n > 58 && byte[40] == 1 && high == 0 && at in port && byte[58] in rate) print port[at] "," rate[byte[58]]
    }'
}

# write_console: the new system's kernel and grub speak there. A kernel takes the first serial line that is named.
write_console() {
  mkdir -p /mnt/etc/default/grub.d
  cat >/mnt/etc/default/grub.d/50-oobctl-console.cfg <<CFG
GRUB_CMDLINE_LINUX="\$(printf '%s\n' "\$GRUB_CMDLINE_LINUX" | sed -E 's/(^| )console=[^ ]*/\\1/g') console=tty0 console=$CONSOLE"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="$(grub_serial "$CONSOLE")"
CFG
  chmod 0644 /mnt/etc/default/grub.d/50-oobctl-console.cfg
}

# move_console: a disk image that speaks at a serial line speaks at the one that the firmware tells.
move_console() {
  [ -n "$FIRMWARE_CONSOLE" ] || return 0
  CONSOLE=$FIRMWARE_CONSOLE found=''
  for file in /mnt/boot/grub/grub.cfg /mnt/boot/grub2/grub.cfg /mnt/boot/loader/entries/*.conf; do
    if has_console "$file"; then found=yes; put_console "$file" || return 1; fi
  done
  if [ -z "$found" ]; then
    say "The image names no serial line where it is looked for here: its console stays where it is, and the firmware's is at $CONSOLE."
    return 0
  fi
  kernels_to_come=/mnt/etc/kernel/cmdline
  if has_console "$kernels_to_come"; then put_console "$kernels_to_come" || return 1; fi
  if [ -e /mnt/etc/default/grub ]; then write_console; fi
  say "The new system's console is at $CONSOLE, as the firmware tells."
}

has_console() { [ -f "$1" ] && [ ! -L "$1" ] && grep -qE '(^|[[:space:]])console=ttyS' "$1"; }

# put_console FILE: the file stays the same one, with all that is known of it.
put_console() {
  sed -E "s/(^|[[:space:]])console=ttyS[0-9][0-9a-z,]*/\1console=$CONSOLE/g; s/^( *)serial .*/\1$(grub_serial "$CONSOLE")/" "$1" >"$JOB/moved"
  if cmp -s "$JOB/moved" "$1"; then return 0; fi
  cat "$JOB/moved" >"$1" || because "The image's serial line could not be set in ${1#/mnt}." || return 1
}

# shown_there: the last words get the moment that it takes to show them.
shown_there() {
  [ -z "$FIRMWARE_CONSOLE" ] || sleep 2
}

grub_serial() {
  unit=${1#ttyS}
  printf 'serial --unit=%s --speed=%s' "${unit%,*}" "${1#*,}"
}
