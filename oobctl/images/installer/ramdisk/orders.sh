# The orders: read line by line, believed only where it fits what this server is.

# read_orders: sets the values; a name that is not known is passed over. False where a value is none.
read_orders() {
  JOB_ID='' SERVER='' UUID='' MACS='' FORM='' IMAGE='' IMAGE_SIZE='' IMAGE_SHA256='' REPLACE='' CONFIGURED_BY=files WANTED_FIRMWARE='' CONSOLE=''
  CONTENT_SIZE=0 LAYOUT=whole-disk
  : >"$JOB/wanted"
  : >"$JOB/kept"
  while IFS=' ' read -r name value || [ -n "$name" ]; do
    case $name in
      job) JOB_ID=$value ;;
      server) SERVER=$value ;;
      uuid) UUID=$value ;;
      mac) MACS="$MACS $value" ;;
      form) FORM=$value ;;
      image) IMAGE=$value ;;
      image_size) IMAGE_SIZE=$value ;;
      image_sha256) IMAGE_SHA256=$value ;;
      content_size) CONTENT_SIZE=$value ;;
      layout) LAYOUT=$value ;;
      configured_by) CONFIGURED_BY=$value ;;
      disk) printf '%s\n' "$value" >>"$JOB/wanted" ;;
      replace) REPLACE=$value ;;
      keep) printf '%s\n' "$value" >>"$JOB/kept" ;;
      firmware) WANTED_FIRMWARE=$value ;;
      console) CONSOLE=$value ;;
    esac
    name=''
  done <"$ORDERS"
  check_values
}

check_values() {
  case $FORM in disk-image | root-archive) ;; *) because "The orders' form is not known here: $FORM" || return 1 ;; esac
  case $LAYOUT in whole-disk | raid1 | lvm | keep) ;; *) because "The orders' layout is not known here: $LAYOUT" || return 1 ;; esac
  [ "$LAYOUT" != keep ] || [ "$FORM" = root-archive ] ||
    because "The orders' layout keep takes files, and its form is a disk." || return 1
  case $CONFIGURED_BY in files | cloud-init) ;; *) because "The orders' configured_by is not known." || return 1 ;; esac
  case $IMAGE in '' | /* | *..* | *[!A-Za-z0-9._/-]*) because "The orders' image is no path." || return 1 ;; esac
  case $IMAGE_SHA256 in *[!0-9a-f]*) IMAGE_SHA256='' ;; esac
  [ "${#IMAGE_SHA256}" = 64 ] || because "The orders' image_sha256 is none." || return 1
  is_number "$IMAGE_SIZE" && [ "$IMAGE_SIZE" -gt 0 ] || because "The orders' image_size is no number of bytes." || return 1
  is_number "$CONTENT_SIZE" || because "The orders' content_size is no number of bytes." || return 1
  case $CONSOLE in '' | ttyS[0-9],*[!0-9]* ) CONSOLE='' ;; ttyS[0-9],[0-9]*) ;; *) CONSOLE='' ;; esac
}

is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; [ "${#1}" -le 18 ]; }

# check_server: whether this is the server that the orders are for. False with the reason.
check_server() {
  if [ -z "$UUID$MACS" ]; then because "The orders name neither the server's UUID nor a network card." || return 1; fi
  ours=$(dmi product_uuid | tr 'A-F' 'a-f')
  if [ -n "$UUID" ]; then
    wanted=$(printf '%s' "$UUID" | tr 'A-F' 'a-f')
    [ "$wanted" = "$ours" ] || [ "$(swapped "$wanted")" = "$ours" ] ||
      because "This server's UUID is $ours, and the orders are for $wanted." || return 1
  fi
  [ -z "$MACS" ] || has_a_mac || because "This server has none of the orders' network cards:$MACS." || return 1
  [ -z "$WANTED_FIRMWARE" ] || [ "$WANTED_FIRMWARE" = "$FIRMWARE" ] ||
    because "The server was booted by $FIRMWARE, and the orders are for $WANTED_FIRMWARE." || return 1
}

# swapped UUID: with the first three fields' bytes the other way round, as some BMCs tell it.
swapped() {
  printf '%s' "$1" | sed -E \
    's/^(..)(..)(..)(..)-(..)(..)-(..)(..)-/\4\3\2\1-\6\5-\8\7-/; t; s/^/x/' 2>/dev/null
}

has_a_mac() {
  for card in $(network_cards); do
    case " $(printf '%s' "$MACS" | tr 'A-F' 'a-f') " in *" $(address_of "$card") "*) return 0 ;; esac
  done
  return 1
}

# wait_for_wanted: a controller may show its disks late. At most 30 seconds, then check_disks says what lacks.
wait_for_wanted() {
  for _ in $(seq 30); do
    disks >"$JOB/disks"
    lacking=no
    while IFS=' ' read -r _ serial; do
      cut -f 3 "$JOB/disks" | grep -qxF -e "$serial" || lacking=yes
    done <"$JOB/wanted"
    [ "$lacking" = yes ] || return 0
    sleep 1
  done
}

# check_disks: finds the orders' disks by serial number and size; DISKS are their names. False with the reason.
check_disks() {
  DISKS=''
  wait_for_wanted
  while IFS=' ' read -r size serial; do
    is_number "$size" || because "The orders' disk has no size." || return 1
    WANTED_SERIAL=$serial; export WANTED_SERIAL
    found=$(awk -F '\t' '$3 != "" && $3 == ENVIRON["WANTED_SERIAL"] { print $1 " " $2 }' "$JOB/disks")
    case $(printf '%s' "$found" | grep -c .) in
      0) because "No disk here has the serial number $serial. There are: $(disk_words)." || return 1 ;;
      1) ;;
      *) because "More than one disk here has the serial number $serial." || return 1 ;;
    esac
    [ "${found#* }" = "$size" ] ||
      because "The disk $serial has ${found#* } bytes, and the orders say $size." || return 1
    DISKS="$DISKS${DISKS:+ }${found% *}"
  done <"$JOB/wanted"
  wanted_count=1
  if [ "$LAYOUT" = raid1 ]; then wanted_count=2; fi
  # shellcheck disable=SC2086  # one word a disk
  set -- $DISKS
  [ "$#" = "$wanted_count" ] && [ "$1" != "${2:-}" ] ||
    because "The layout $LAYOUT needs $wanted_count disks, and the orders name $#." || return 1
  needed=$CONTENT_SIZE
  if [ "$FORM" = root-archive ]; then needed=$((CONTENT_SIZE + 512 * 1048576)); fi
  for disk in "$@"; do
    [ "$(($(cat "/sys/block/$disk/size") * 512))" -ge "$needed" ] ||
      because "The disk $disk is too small: the image needs $needed bytes." || return 1
    sector=$(cat "/sys/block/$disk/queue/logical_block_size")
    [ "$FORM" != disk-image ] || [ "$sector" = 512 ] ||
      because "The disk $disk has sectors of $sector bytes, and disk images are made for 512: choose the layout lvm, or an image that has an archive of its files alone." || return 1
  done
}

disk_words() { awk -F '\t' '{ printf "%s%s (%s, %s bytes)", (NR > 1 ? ", " : ""), $3, $1, $2 }' "$JOB/disks"; }
