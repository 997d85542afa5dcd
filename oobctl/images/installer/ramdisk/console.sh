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

# write_console: a root archive's kernel and grub speak there. A kernel takes the first serial line that is named.
write_console() {
  mkdir -p /mnt/etc/default/grub.d
  cat >/mnt/etc/default/grub.d/50-oobctl-console.cfg <<CFG
GRUB_CMDLINE_LINUX="\$(printf '%s' "\$GRUB_CMDLINE_LINUX" | sed 's/console=[^ ]*//g; s/^ *//') console=tty0 console=$CONSOLE"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="$(grub_serial "$CONSOLE")"
CFG
  chmod 0644 /mnt/etc/default/grub.d/50-oobctl-console.cfg
}

# move_console: a disk image that speaks at a serial line speaks at the one that the firmware tells.
move_console() {
  [ -n "$FIRMWARE_CONSOLE" ] || return 0
  CONSOLE=$FIRMWARE_CONSOLE moved=''
  for file in /mnt/boot/grub/grub.cfg /mnt/boot/grub2/grub.cfg /mnt/boot/loader/entries/*.conf /mnt/etc/kernel/cmdline; do
    if [ ! -f "$file" ] || [ -L "$file" ] || ! grep -q 'console=ttyS' "$file"; then continue; fi
    sed "s/console=ttyS[0-9][0-9a-z,]*/console=$CONSOLE/g; s/^\( *\)serial .*/\1$(grub_serial "$CONSOLE")/" "$file" >"$JOB/moved"
    if cmp -s "$JOB/moved" "$file"; then continue; fi
    cat "$JOB/moved" >"$file" || because "The image's serial line could not be set in ${file#/mnt}." || return 1
    moved=yes
  done
  [ -n "$moved" ] || return 0
  if [ -e /mnt/etc/default/grub ]; then write_console; fi
  say "The new system's console is at $CONSOLE, as the firmware tells."
}

grub_serial() {
  unit=${1#ttyS}
  printf 'serial --unit=%s --speed=%s' "${unit%,*}" "${1#*,}"
}
