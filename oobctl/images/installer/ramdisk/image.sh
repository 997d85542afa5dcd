# The image: download, sum, unpack and write at the same time, resumed where it was cut off.

# bytes_done: of the image as it is downloaded.
bytes_done() {
  copied=$(tr '\r' '\n' <"$JOB/copied" 2>/dev/null | sed -n 's/^\([0-9][0-9]*\) bytes.*/\1/p' | tail -n 1)
  echo "$(($(cat "$JOB/offset" 2>/dev/null || echo 0) + ${copied:-0}))"
}

# download: the image's bytes, once each, however often the connection breaks. Never gives up for want of an answer.
download() {
  offset=0 pause=1
  while [ "$offset" -lt "$IMAGE_SIZE" ]; do
    /tools/wget --config="$JOB/wgetrc" --read-timeout=60 --start-pos="$offset" -O - -o "$JOB/download.log" \
      "$URL/$IMAGE" </dev/null |
      /tools/dd bs=256K iflag=fullblock,count_bytes count="$((IMAGE_SIZE - offset))" status=progress 2>"$JOB/copied" || return 1
    before=$offset
    offset=$(bytes_done)
    : >"$JOB/copied"
    echo "$offset" >"$JOB/offset"
    [ "$offset" -lt "$IMAGE_SIZE" ] || return 0
    case $(status_in "$JOB/download.log") in
      401 | 409 | 410) : >"$JOB/over"; return 1 ;;
      4*) because "The image cannot be fetched: the answer is $(status_in "$JOB/download.log")." || return 1 ;;
    esac
    if [ "$offset" -gt "$before" ]; then pause=1; fi
    say "The download was cut off at $offset of $IMAGE_SIZE bytes ($(why_in "$JOB/download.log")). Going on from there."
    sleep "$pause"
    [ "$pause" -ge 10 ] || pause=$((pause + 1))
  done
}

# fetch_into COMMAND...: the unpacked image into the command. False with the reason, also where the sum is another one.
fetch_into() {
  echo 0 >"$JOB/offset"
  mkfifo "$JOB/summed"
  /tools/sha256sum <"$JOB/summed" >"$JOB/sha256" &
  summing=$!
  download | /tools/tee "$JOB/summed" | unpacked | "$@"
  code=$?
  wait "$summing"
  [ "$(cat "$JOB/offset")" = "$IMAGE_SIZE" ] && [ ! -s "$JOB/reason" ] && compare_sum || return 1
  [ "$code" = 0 ] || because "Writing the image failed." || return 1
}

unpacked() {
  /tools/zstd -q -dc 2>"$JOB/zstd.log" && return 0
  # A sum that differs says more than what the unpacking stumbled over, but only a whole download has one.
  plain <"$JOB/zstd.log" | head -n 1 >"$JOB/unpacking"
  cat >/dev/null
}

compare_sum() {
  sum=$(cut -c 1-64 "$JOB/sha256")
  [ "$sum" = "$IMAGE_SHA256" ] || because "the image's sha256 is $sum, and should be $IMAGE_SHA256" || return 1
  [ ! -s "$JOB/unpacking" ] || because "The image cannot be unpacked: $(cat "$JOB/unpacking")" || return 1
}

# write_disk_image: the first MB goes last, when all is proven: a disk that is half written boots nothing.
write_disk_image() {
  disk=/dev/$DISKS
  empty_disk "$disk" || return 1
  say "Writing $CONTENT_SIZE bytes to $DISKS."
  fetch_into onto_disk "$disk" || { wipe_ends "$disk"; return 1; }
  /tools/dd if="$JOB/head" of="$disk" bs=1M conv=notrunc,fsync status=none 2>"$JOB/head.log" ||
    because "The disk's first MB could not be written: $(plain <"$JOB/head.log")" || return 1
  blockdev --flushbufs "$disk"
}

onto_disk() {
  /tools/dd bs=1M count=1 iflag=fullblock of="$JOB/head" status=none &&
    /tools/dd bs=4M iflag=fullblock oflag=direct,seek_bytes seek=1M conv=notrunc,fsync of="$1" 2>"$JOB/written" ||
    because "The disk $1 could not be written: $(plain <"$JOB/written" | head -n 1)" || { cat >/dev/null; return 1; }
  body=$(sed -n 's/^\([0-9][0-9]*\) bytes.*/\1/p' "$JOB/written" | tail -n 1)
  all=$((${body:-0} + $(stat -c %s "$JOB/head")))
  [ "$CONTENT_SIZE" = 0 ] || [ "$all" = "$CONTENT_SIZE" ] || echo "it holds $all bytes, and should hold $CONTENT_SIZE" >"$JOB/unpacking"
}

# empty_disk DISK: what was known of it before goes: partitions, RAID, LVM.
empty_disk() {
  /tools/mdadm --stop --scan >/dev/null 2>&1
  for part in "$1" "$1"[0-9]* "$1"p[0-9]*; do
    if [ -b "$part" ]; then tried /tools/wipefs -q -a -f "$part"; fi
  done
  wipe_ends "$1" || because "The disk $1 cannot be written." || return 1
  blockdev --rereadpt "$1" 2>/dev/null
  return 0
}

# wipe_ends DISK: zeros to the first and the last MB, where boot code and partition tables are.
wipe_ends() {
  sectors=$(cat "/sys/block/${1#/dev/}/size")
  /tools/dd if=/dev/zero of="$1" bs=1M count=1 conv=notrunc,fsync status=none &&
    /tools/dd if=/dev/zero of="$1" bs=512 seek="$((sectors - 2048))" count=2048 conv=notrunc,fsync status=none
}
