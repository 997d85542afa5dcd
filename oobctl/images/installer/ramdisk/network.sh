# The way to the controller: as the job says, else DHCP on whatever has a link.

# network_value NAME: of the job's network file.
network_value() {
  if [ -r /oobctl/network ]; then awk -v name="$1" '$1 == name { print $2 }' /oobctl/network; fi
}

links_up() {
  ip link set lo up
  for card in $(network_cards); do ip link set "$card" up 2>/dev/null; done
}

# candidates: the cards to try: the job's, else all that have a link.
candidates() {
  wanted=$(network_value mac | tr 'A-F' 'a-f')
  for card in $(network_cards); do
    if [ -n "$wanted" ]; then
      [ "$(cat "/sys/class/net/$card/address")" = "$wanted" ] || continue
    fi
    if [ "$(cat "/sys/class/net/$card/carrier" 2>/dev/null)" = 1 ]; then printf '%s\n' "$card"; fi
  done
}

# connect CARD: gives it an address. False where there is none.
connect() {
  device=$1
  vlan=$(network_value vlan)
  if [ -n "$vlan" ]; then
    modprobe -q 8021q
    device=$1.$vlan
    [ -e "/sys/class/net/$device" ] || ip link add link "$1" name "$device" type vlan id "$vlan" || return 1
    ip link set "$device" up
  fi
  if [ -n "$(network_value address)" ]; then set_statically "$device"; else ask_dhcp "$device"; fi
}

set_statically() {
  for address in $(network_value address); do ip addr add "$address" dev "$1" 2>/dev/null; done
  for gateway in $(network_value gateway); do
    case $gateway in *:*) family=-6 ;; *) family=-4 ;; esac
    ip "$family" route replace default via "$gateway" dev "$1" 2>/dev/null
  done
  for server in $(network_value nameserver); do printf 'nameserver %s\n' "$server"; done >/etc/resolv.conf
  say "Network: $(network_value address | tr '\n' ' ')on $1, as the job says."
}

ask_dhcp() {
  udhcpc -n -q -t 4 -T 2 -i "$1" -s /installer/dhcp.sh >/dev/null 2>&1 || return 1
  say "Network: $(ip -o -4 addr show dev "$1" | awk '{ print $4 }' | head -n 1) on $1, by DHCP."
}

# disconnect CARD: what was set up on it goes, so that the next one is asked alone.
disconnect() {
  for device in "$1" "$1".*; do
    if [ -e "/sys/class/net/$device" ]; then ip addr flush dev "$device"; fi
  done
}

# keep_address CARD: renews what DHCP gave for as long as the installation takes.
keep_address() {
  [ -z "$(network_value address)" ] || return 0
  vlan=$(network_value vlan)
  udhcpc -S -i "$1${vlan:+.$vlan}" -s /installer/dhcp.sh >/dev/null 2>&1 &
}
