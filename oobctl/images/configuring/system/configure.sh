#!/bin/sh
# Run once by the installer, in the new system's root, before its first boot. It prints nothing that is secret.
set -eu
cd /etc/oobctl

# noted WORDS: also told by the first start's report.
noted() { echo "$*" | tee -a notes-of-configure; }

if [ -f root-password ]; then
    chpasswd -e <root-password
    chage -d 0 root
    rm -f root-password
    echo "The root password is set; it has to be changed at the first log-in."
fi

# What locale-gen does not know it passes over, and an unknown one would be complained of at each log-in.
alike() { tr 'A-Z' 'a-z' | tr -d '-'; }
locale=$(sed -n 's/^LANG=//p' /etc/default/locale)
if [ "$locale" != C.UTF-8 ]; then
    locale-gen >/dev/null 2>&1 || true
    if locale -a 2>/dev/null | alike | grep -qxF "$(printf '%s' "$locale" | alike)"; then
        echo "The locale $locale is made."
    else
        echo "LANG=C.UTF-8" >/etc/default/locale
        noted "This system does not know the locale $locale: it has C.UTF-8."
    fi
fi
if [ ! -e /etc/localtime ]; then
    zone=$(cat /etc/timezone)
    [ "$zone" = UTC ] || noted "This system does not know the time zone $zone: it has UTC."
    ln -sf /usr/share/zoneinfo/UTC /etc/localtime
    echo UTC >/etc/timezone
fi
if [ -f wants-cloud-init ]; then
    rm -f wants-cloud-init /etc/cloud/cloud-init.disabled
    command -v cloud-init >/dev/null || { echo "There is user data, and this system has no cloud-init."; exit 1; }
fi
rm -f configure
