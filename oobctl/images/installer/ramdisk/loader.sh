# What boots the system of a root archive: grub, installed by the system's own programs, and the firmware's boot entries.

LOADER='\EFI\BOOT\BOOTX64.EFI' FOUND_WITHOUT_ENTRY=yes

# install_boot_loader: on every disk, so that each boots alone. False with the reason.
install_boot_loader() {
  if ! root_has grub-install; then
    say "The new system has no grub-install: no boot loader is installed."
    return 0
  fi
  if [ "$LAYOUT" = raid1 ]; then root_has mdadm || because "The archive has no mdadm, and would not start from a RAID." || return 1; fi
  if [ "$LAYOUT" = lvm ]; then root_has lvm || because "The archive has no lvm2, and would not start from LVM." || return 1; fi
  if [ -n "$CONSOLE" ]; then write_console; fi
  if [ "$LAYOUT" = keep ]; then look_for_no_others; fi
  # The archive's own knows no array yet. Elsewhere it would be minutes on a slow server for nothing.
  if [ "$LAYOUT" = raid1 ] && root_has update-initramfs; then
    in_root update-initramfs -u || because "update-initramfs failed." || return 1
  fi
  case $FIRMWARE in UEFI) install_for_uefi ;; *) install_for_bios ;; esac || return 1
  in_root update-grub || because "update-grub failed." || return 1
  # shellcheck disable=SC2086  # one word a disk
  enter_boot_order $DISKS
}

root_has() {
  for folder in usr/local/sbin usr/sbin sbin usr/bin bin; do
    if [ -e "/mnt/$folder/$1" ]; then return 0; fi
  done
  return 1
}

install_for_bios() {
  for disk in $DISKS; do
    in_root grub-install --target=i386-pc --recheck "/dev/$disk" || because "grub-install failed on $disk." || return 1
  done
}

# install_for_uefi: under the name that every firmware looks for; the second disk gets the same files.
install_for_uefi() {
  if [ "$LAYOUT" = keep ]; then install_beside; return; fi
  in_root grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram ||
    because "grub-install failed." || return 1
  for disk in ${DISKS#"${DISKS%% *}"}; do
    mkdir -p /run/esp
    mount -t vfat "/dev/$(partition "$disk" 2)" /run/esp && cp -R /mnt/boot/efi/. /run/esp/ && umount /run/esp ||
      because "The EFI files could not be copied to $disk." || return 1
  done
}

# enter_boot_order DISK...: a UEFI boot entry for each, the first one first. Firmware without room for one boots anyway.
enter_boot_order() {
  [ "$FIRMWARE" = UEFI ] || return 0
  for old in $(/tools/efibootmgr 2>/dev/null | sed -n 's/^Boot\([0-9A-Fa-f]\{4\}\)[* ] oobctl[ \t].*/\1/p'); do
    /tools/efibootmgr -q -b "$old" -B >/dev/null 2>&1
  done
  for disk in $(reversed "$@"); do
    number=$(efi_partition "$disk")
    [ -n "$number" ] || continue
    tried /tools/efibootmgr -q -c -d "/dev/$disk" -p "$number" -L "oobctl $disk" -l "$LOADER" ||
      no_entry "$disk" || return 1
  done
  return 0
}

no_entry() {
  if [ "$FOUND_WITHOUT_ENTRY" = no ]; then
    because "The firmware took no boot entry, and what it starts without one is the boot loader of another system." || return 1
  fi
  say "The firmware took no boot entry for $1; it finds the disk by its removable path."
}

reversed() { for name in "$@"; do printf '%s\n' "$name"; done | tac; }

# efi_partition DISK: the number of its EFI system partition.
efi_partition() {
  /tools/sfdisk --dump "/dev/$1" 2>/dev/null | grep -iE 'type=(C12A7328-F81F-11D2-BA4B-00A0C93EC93B|ef)(,|$)' |
    sed -n "s#^/dev/$1p\{0,1\}\([0-9]*\) :.*#\1#p" | head -n 1
}
