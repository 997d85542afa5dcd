# The layout keep: the root goes onto one partition that is there. All others stay as they are, byte for byte.

BIOS_BOOT_ROOM=131072 ESP_ROOM_KB=8192 GAP_SECTORS=2048

# list_partitions DISK: $JOB/partitions, a line each, tabs between: number, device, bytes, first sector, the kind that
# the table says, the kind of what it holds, and the four names: UUID, LABEL, PARTUUID, PARTLABEL.
list_partitions() {
  for entry in "/sys/block/$1/$1"*/partition; do
    [ -e "$entry" ] || continue
    name=${entry%/partition}
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
      "$(cat "$entry")" "${name##*/}" "$(($(cat "$name/size") * 512))" \
      "$(cat "$name/start")" "$(in_table "${name##*/}" TYPE | tr 'A-F' 'a-f')" "$(probed "${name##*/}" TYPE)" \
      "$(probed "${name##*/}" UUID)" "$(probed "${name##*/}" LABEL)" "$(in_table "${name##*/}" UUID)" \
      "$(in_table "${name##*/}" NAME)"
  done | sort -n >"$JOB/partitions"
}

probed() { /tools/blkid -p -s "$2" -o value "/dev/$1" 2>/dev/null | trimmed; }

# in_table DEVICE WHAT: of the partition table alone, so that what the partition holds can be anything.
in_table() { /tools/blkid -p -u other -s "PART_ENTRY_$2" -o value "/dev/$1" 2>/dev/null | trimmed; }

partition_words() {
  awk -F '\t' '{
    printf "%s%s: %d MB%s", (NR > 1 ? "; " : ""), $1, $3 / 1048576, ($6 == "" ? "" : " " $6)
    split("UUID LABEL PARTUUID PARTLABEL", names, " ")
    for (n = 1; n <= 4; n++) if ($(n + 6) != "") printf " %s=%s", names[n], $(n + 6)
  }' "$JOB/partitions"
}

# the_one NAME: the device that NAME (UUID=..., LABEL=..., PARTUUID=..., PARTLABEL=...) is of. False.
the_one() {
  WANTED=$1; export WANTED
  found=$(awk -F '\t' '
    BEGIN {
      at = index(ENVIRON["WANTED"], "="); kind = substr(ENVIRON["WANTED"], 1, at - 1)
      value = substr(ENVIRON["WANTED"], at + 1)
      column["UUID"] = 7; column["LABEL"] = 8; column["PARTUUID"] = 9; column["PARTLABEL"] = 10
    }
    value != "" && kind in column {
      here = $(column[kind])
      if (here == value || (kind ~ /UUID/ && tolower(here) == tolower(value))) print $2
    }' "$JOB/partitions")
  case $(printf '%s' "$found" | grep -c .) in
    1) printf '%s\n' "$found" ;;
    0) because "No partition of the disk is $1. There are: $(partition_words)." ;;
    *) because "More than one partition of the disk is $1. There are: $(partition_words)." ;;
  esac
}

# about DEVICE COLUMN: what is known of a partition.
about() { awk -F '\t' -v device="$1" -v column="$2" '$2 == device { print $column }' "$JOB/partitions"; }

# check_keep: REPLACED is the partition that is replaced, ESP the one with UEFI's boot files. False with the reason.
check_keep() {
  REPLACED='' ESP=''
  [ "$LAYOUT" = keep ] || return 0
  list_partitions "$DISKS"
  partition_words | tr ';' '\n' | say_lines
  REPLACED=$(the_one "$REPLACE") || return 1
  [ -s "$JOB/kept" ] || because "The orders name no partition to keep." || return 1
  while IFS= read -r name; do
    kept=$(the_one "$name") || return 1
    [ "$kept" != "$REPLACED" ] ||
      because "$name is to be kept, and is the partition that is to be replaced." || return 1
  done <"$JOB/kept"
  check_replaced || return 1
  case $FIRMWARE in UEFI) find_esp ;; *) check_bios_way ;; esac || return 1
  check_kept_is_not_written
}

# check_kept_is_not_written: where the boot loader goes stays, but not byte for byte, which who names it is promised.
check_kept_is_not_written() {
  while IFS= read -r name; do
    kept=$(the_one "$name") || return 1
    [ "$kept" != "$ESP" ] && { [ "$FIRMWARE" = UEFI ] || [ "$(about "$kept" 5)" != "$(lower "$BIOS_BOOT")" ]; } ||
      because "$name cannot be kept byte for byte: the boot loader goes there, beside what is in it. Do not name it: it stays anyway." || return 1
  done <"$JOB/kept"
}

check_replaced() {
  kind=$(about "$REPLACED" 5)
  case $kind in
    "$(lower "$ESP_TYPE")" | 0xef | "$(lower "$BIOS_BOOT")" | 0x5 | 0xf | 0x85)
      because "$REPLACE cannot be replaced: what starts the server, or other partitions, are in it." || return 1 ;;
  esac
  case $(about "$REPLACED" 6) in
    *_member | bcache | DM_*)
      because "$REPLACE is a part of something larger, which may hold what is kept: $(about "$REPLACED" 6)."
      return 1
      ;;
  esac
  needed=$((CONTENT_SIZE + CONTENT_SIZE / 16 + 256 * 1048576))
  [ "$(about "$REPLACED" 3)" -ge "$needed" ] ||
    because "The partition $REPLACE has $(about "$REPLACED" 3) bytes, and the image needs $needed." || return 1
}

lower() { printf '%s' "$1" | tr 'A-F' 'a-f'; }

# check_bios_way: boot code has its own partition (GPT), or lies between the MBR and the first partition.
check_bios_way() {
  if [ "$(probed_table)" != gpt ]; then
    first=$(cut -f 4 "$JOB/partitions" | sort -n | head -n 1)
    [ "$first" -ge "$GAP_SECTORS" ] ||
      because "BIOS could not start it: the first partition begins at sector $first, before $GAP_SECTORS." || return 1
    return 0
  fi
  room=$(awk -F '\t' -v kind="$(lower "$BIOS_BOOT")" '$5 == kind { print $3 }' "$JOB/partitions" | head -n 1)
  [ "${room:-0}" -ge "$BIOS_BOOT_ROOM" ] ||
    because "BIOS could not start it: the disk has no BIOS boot partition. There are: $(partition_words)." || return 1
}

probed_table() { /tools/blkid -p -s PTTYPE -o value "/dev/$DISKS" 2>/dev/null; }

# find_esp: it is looked into, and not written to.
find_esp() {
  ESP=$(awk -F '\t' -v kind="$(lower "$ESP_TYPE")" '$5 == kind || $5 == "0xef" { print $2; exit }' "$JOB/partitions")
  [ -n "$ESP" ] ||
    because "UEFI could not start it: the disk has no EFI system partition. There are: $(partition_words)." || return 1
  mkdir -p /run/esp
  mount -t vfat -o ro "/dev/$ESP" /run/esp 2>/dev/null ||
    because "UEFI could not start it: the EFI system partition $ESP cannot be read." || return 1
  room=$(df -k /run/esp | awk 'NR > 1 { print $4 }' | tail -n 1)
  umount /run/esp
  [ "${room:-0}" -ge "$ESP_ROOM_KB" ] ||
    because "UEFI could not start it: its system partition has $room KB left, and $ESP_ROOM_KB are needed." || return 1
}

# protect_kept: the kernel takes no writes to any other partition.
protect_kept() {
  cut -f 2 "$JOB/partitions" | while read -r device; do
    if [ "$device" = "$REPLACED" ] || [ "$device" = "$ESP" ]; then continue; fi
    blockdev --setro "/dev/$device" || echo "$device" >>"$JOB/not_protected"
  done
  [ ! -e "$JOB/not_protected" ] || because "$(cat "$JOB/not_protected") could not be protected from writes." || return 1
}

# give_up DEVICE: what was known of this one partition goes.
give_up() {
  tried /tools/wipefs -q -a -f "/dev/$1" || because "The partition $1 cannot be written." || return 1
}

# install_beside: our loader gets a folder of its own; the path that firmware finds by itself is taken where it is free.
install_beside() {
  signed=''
  if env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot /mnt grub-install --help 2>/dev/null |
    grep -q -e '--no-uefi-secure-boot'; then
    signed=--no-uefi-secure-boot # what is signed looks for its configuration in another's folder
  fi
  # shellcheck disable=SC2086  # one word or none
  in_root grub-install --target=x86_64-efi --efi-directory=/boot/efi --bootloader-id=oobctl --no-nvram $signed ||
    because "grub-install failed." || return 1
  LOADER='\EFI\oobctl\grubx64.efi' FOUND_WITHOUT_ENTRY=no
  if [ ! -e /mnt/boot/efi/EFI/BOOT/BOOTX64.EFI ]; then
    mkdir -p /mnt/boot/efi/EFI/BOOT && cp /mnt/boot/efi/EFI/oobctl/grubx64.efi /mnt/boot/efi/EFI/BOOT/BOOTX64.EFI ||
      because "The boot loader could not be copied." || return 1
    FOUND_WITHOUT_ENTRY=yes
  fi
}

# look_for_no_others: a program that looks for other systems would mount what is to be kept.
look_for_no_others() {
  mkdir -p /mnt/etc/default/grub.d
  printf 'GRUB_DISABLE_OS_PROBER=true\n' >/mnt/etc/default/grub.d/51-oobctl-keep.cfg
  chmod 0644 /mnt/etc/default/grub.d/51-oobctl-keep.cfg
}
