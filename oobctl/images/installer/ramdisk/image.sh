# The image: download, sum, unpack and write at the same time, resumed where it was cut off.

PIECE=$((32 << 20)) # bytes: two of them are in memory, one that comes and one that is being unpacked

# bytes_done: of the image as it is downloaded.
bytes_done() {
  echo "$(($(cat "$JOB/offset" 2>/dev/null || echo 0) + $(stat -c %s "$JOB/coming" 2>/dev/null || echo 0)))"
}

# download: the image's bytes, once each, however often the connection breaks. Never gives up for want of an answer.
# wget writes some KB at a time; a pipe behind it would cost a slow server more than all that follows. So it fetches pieces.
download() {
  exec 4>"$JOB/summed"
  offset=0 pause=1 feeding=''
  while [ "$offset" -lt "$IMAGE_SIZE" ]; do
    fetch_piece "$offset"
    status=$(status_in "$JOB/download.log")
    case $offset-$status in 0-200 | *-206) ;; *) : >"$JOB/coming" ;; esac # another answer's text is not the image's
    got=$(stat -c %s "$JOB/coming")
    [ "$got" -le "$((IMAGE_SIZE - offset))" ] || because "The service sends more bytes than the image has." || return 1
    if [ "$got" -gt 0 ]; then
      [ -z "$feeding" ] || wait "$feeding"
      mv "$JOB/coming" "$JOB/piece"
      offset=$((offset + got)) pause=1
      echo "$offset" >"$JOB/offset"
      feed_piece &
      feeding=$!
    fi
    [ "$offset" -lt "$IMAGE_SIZE" ] || break
    [ "$got" -lt "$PIECE" ] || continue
    case $status in
      401 | 409 | 410) : >"$JOB/over"; return 1 ;;
      4*) because "The image cannot be fetched: the answer is $status." || return 1 ;;
    esac
    say "The download was cut off at $offset of $IMAGE_SIZE bytes ($(why_in "$JOB/download.log")). Going on from there."
    sleep "$pause"
    [ "$pause" -ge 10 ] || pause=$((pause + 1))
  done
  wait
}

# fetch_piece OFFSET: what comes of it is in $JOB/coming.
fetch_piece() {
  last=$(($1 + PIECE - 1))
  [ "$last" -lt "$IMAGE_SIZE" ] || last=$((IMAGE_SIZE - 1))
  : >"$JOB/coming"
  /tools/wget --config="$JOB/wgetrc" --read-timeout=60 --start-pos="$1" --header="Range: bytes=$1-$last" \
    -O "$JOB/coming" -o "$JOB/download.log" "$URL/$IMAGE" </dev/null
}

# feed_piece: to the sum and to the unpacking, as fast as they take it.
feed_piece() {
  cat "$JOB/piece" >&4 &
  cat "$JOB/piece"
  wait
}

# fetch_into COMMAND...: the unpacked image into the command. False with the reason, also where the sum is another one.
fetch_into() {
  echo 0 >"$JOB/offset"
  mkfifo "$JOB/summed"
  /tools/sha256sum <"$JOB/summed" >"$JOB/sha256" &
  summing=$!
  download | unpacked | "$@"
  code=$?
  wait "$summing"
  rm -f "$JOB/coming" "$JOB/piece"
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
  for part in "$1" $(partitions_of "${1#/dev/}"); do
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
