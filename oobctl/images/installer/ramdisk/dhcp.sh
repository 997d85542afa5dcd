#!/bin/busybox sh
# What udhcpc calls when it has an address. A lease that ends takes nothing away: the installation goes on.
case ${1:-} in
  bound | renew)
    ip addr replace "$ip/${mask:-24}" dev "$interface"
    for gateway in ${router:-}; do ip route replace default via "$gateway" dev "$interface"; break; done
    for server in ${dns:-}; do printf 'nameserver %s\n' "$server"; done >/etc/resolv.conf
    ;;
esac
