# From the job's key to a disk that boots: see docs/installer.md for what is asked of the controller.
set -u
JOB=/run/job LOG=/run/log LOG_TAKEN=0 IMAGE_SIZE=0
ANSWER=$JOB/answer ORDERS=$JOB/orders
FIRMWARE=BIOS
mkdir -m 0700 "$JOB"
: >"$LOG"
for part in speak console hardware network ask orders image grow seed layout keep finish loader; do . "/installer/$part.sh"; done

# work PHASE COMMAND...: carries it out, and reports meanwhile. Its code.
work() {
  phase=$1
  shift
  rm -f "$JOB/worked" "$JOB/ended"
  mkfifo "$JOB/ended"
  exec 5<>"$JOB/ended" # both ends are open: nobody waits for the other
  (
    exec 5>&-
    "$@"
    echo "$?" >"$JOB/worked"
    echo >"$JOB/ended"
  ) &
  worker=$!
  while :; do
    report_now_and_then "$phase"
    # shellcheck disable=SC3045  # busybox' shell has it
    read -r -t "$PAUSE" _ <&5
    if [ -s "$JOB/worked" ] || [ ! -e "/proc/$worker/exe" ]; then break; fi
  done
  exec 5>&-
  [ ! -e "$JOB/over" ] || over
  return "$(cat "$JOB/worked" 2>/dev/null || echo 1)"
}

# report_now_and_then PHASE: PAUSE is how long to wait for the next, 5 to 30 seconds: a report is a handshake, and a slow
# server, or one that shares a slow line, is to spend a tenth of its time on them at most.
report_now_and_then() {
  began=$(uptime_cs)
  report "$1"
  PAUSE=$((($(uptime_cs) - began) * 9 / 100))
  [ "$PAUSE" -ge 5 ] || PAUSE=5
  [ "$PAUSE" -le 30 ] || PAUSE=30
}

# refuse: nothing was written. The controller is told, if it listens.
refuse() {
  report_until refused 60
  boot_from_disk "Refused: $(cat "$JOB/reason")"
}

# fail: something was written. The controller is told, however long that takes.
fail() {
  [ -s "$JOB/reason" ] || because "The installer failed in a way that it does not know."
  report_until failed 0
  stay "Failed: $(cat "$JOB/reason")"
}

write_image() {
  case $FORM in
    disk-image) write_disk_image ;;
    root-archive) write_root_archive ;;
  esac
}

say "The installer has started."
find_console
if [ -d /sys/firmware/efi ]; then FIRMWARE=UEFI; fi
load_modules
links_up # which takes a switch some seconds
if [ "$FIRMWARE" = UEFI ]; then mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null; fi
if ! [ -s /oobctl/url ] || ! [ -s /oobctl/key ]; then boot_from_disk "No job came with this boot."; fi
URL=$(tr -d '\r\n' </oobctl/url | sed 's#/*$##')
case $URL in *[!A-Za-z0-9:/._~\[\]-]*) boot_from_disk "The job's address is none." ;; esac
tr -d '\r\n' </oobctl/key >"$JOB/key"
od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$JOB/token"
# A server whose clock has stopped would take every certificate for one of the future.
if [ -s /oobctl/time ] && is_number "$(tr -d '\r\n' </oobctl/time)"; then date -s "@$(tr -d '\r\n' </oobctl/time)" >/dev/null; fi
prepare_asking || boot_from_disk "The job cannot be carried out."
wait_for_disks
say "$FIRMWARE, $(memory_mb) MB of memory, disks: $(disk_words)."
claim
if ! read_orders; then refuse; fi
if [ -n "$FIRMWARE_CONSOLE" ]; then CONSOLE=$FIRMWARE_CONSOLE; fi
say "Job $JOB_ID for $SERVER: $FORM, $LAYOUT."
if ! check_server || ! check_disks || ! check_keep; then refuse; fi
while :; do
  report_until started 3600
  case $WORD in
    wait) sleep 0.3 ;;
    *) break ;;
  esac
done
begin
work writing write_image || fail
report_until written 0
work configuring configure || fail
say "Installed. Waiting for the controller's word to boot the new system."
waited=$(uptime_s)
while [ "$(($(uptime_s) - waited))" -lt 600 ]; do
  report configured
  case $WORD in
    reboot) break ;;
    wait) sleep 0.3 ;;
    *) sleep 1 ;;
  esac
done
eject_cd
sync
shown_there
reboot -f
sleep 60
