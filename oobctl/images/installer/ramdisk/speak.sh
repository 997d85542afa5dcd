# What is said, on all consoles and to the controller. Never a secret: serial lines are recorded.

# say WORDS: a line of the log. The kernel's own log carries it to every console that there is.
say() {
  printf '%s\n' "$*" >>"$LOG"
  printf '<4>oobctl: %.900s\n' "$*" >/dev/kmsg
}

# plain: text of others, without what would move a terminal's cursor.
plain() { tr -cd '\11\12\40-\176' | cut -c 1-500; }

# say_lines: what comes in, a line each, as it comes.
say_lines() {
  while IFS= read -r line || [ -n "$line" ]; do say "  $(printf '%s' "$line" | plain)"; done
}

# tried COMMAND...: carries it out; where it fails its output is in the log. Its code.
tried() {
  "$@" >"$JOB/output" 2>&1 </dev/null
  code=$?
  [ "$code" = 0 ] || say_lines <"$JOB/output"
  return "$code"
}

# because WORDS: keeps why something failed, and fails. The first reason counts: what follows comes of it.
because() {
  [ -s "$JOB/reason" ] || printf '%s\n' "$*" >"$JOB/reason"
  say "$*"
  return 1
}

# boot_from_disk WORDS: the end, where nothing was written.
boot_from_disk() {
  say "$*"
  say "Nothing was written to any disk. Booting from disk in 5 seconds."
  sleep 5
  eject_cd
  next_boot_from_disk
  reboot -f
  sleep 60
}

eject_cd() {
  for drive in /sys/block/sr*; do
    [ -e "$drive" ] && eject "/dev/${drive##*/}" 2>/dev/null
  done
}

# next_boot_from_disk: the first entry of the boot order that is a partition of a disk.
next_boot_from_disk() {
  [ "$FIRMWARE" = UEFI ] || return 0
  /tools/efibootmgr -v >"$JOB/entries" 2>/dev/null || return 0
  for number in $(sed -n 's/^BootOrder: *//p' "$JOB/entries" | tr ',' ' '); do
    if grep -q "^Boot$number.*HD(" "$JOB/entries"; then
      /tools/efibootmgr -q -n "$number" >/dev/null 2>&1
      return 0
    fi
  done
}

# stay WORDS: the end, where something was written that is no whole system. All that still runs is ended.
stay() {
  say "$*"
  say "This server stays as it is until somebody looks: its disks may hold half a system."
  shown_there
  kill -9 -1
  while :; do sleep 3600; done
}
