# The way to the controller: the network that was chosen for the new system, else DHCP on whatever has a link.

BOND=bond0

# network_values NAME: of the job's network file, one a line.
network_values() {
  if [ -r /oobctl/network ]; then awk -v name="$1" '$1 == name { print $2 }' /oobctl/network; fi
}

links_up() {
  ip link set lo up
  for card in $(network_cards); do ip link set "$card" up 2>/dev/null; done
}

has_link() { [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]; }

# wait_for_link DEVICE: ports of switches take their time. At most 20 seconds.
wait_for_link() {
  for _ in $(seq 40); do
    if has_link "$1"; then return 0; fi
    sleep 0.5
  done
  WHY="$1 has no link"
  return 1
}

# ways: what to try, in turn: the job's own network, then each card that has a link, by DHCP.
ways() {
  if [ -n "$(network_values mac)" ]; then echo job; fi
  for card in $(network_cards); do
    if has_link "$card"; then printf '%s\n' "$card"; fi
  done
}

# connect WAY: gives it an address; DEVICE is what has it. False where there is none.
connect() {
  DEVICE=''
  if [ "$1" != job ]; then
    DEVICE=$1
    ask_dhcp
    return
  fi
  make_device || return 1
  if [ -n "$(network_values address)" ]; then set_statically; else ask_dhcp; fi
}

# make_device: the job's card, or its cards as one; DEVICE is its name, or that of the VLAN on it.
make_device() {
  cards=$(cards_of_job)
  if [ -z "$cards" ]; then WHY="this server has no network card $(network_values mac | tr '\n' ' ')"; return 1; fi
  DEVICE=$cards
  # shellcheck disable=SC2086  # one word a card
  if [ "$(network_values mac | grep -c .)" -gt 1 ]; then make_bond $cards || return 1; DEVICE=$BOND; fi
  wait_for_link "$DEVICE" || return 1
  vlan=$(network_values vlan)
  [ -n "$vlan" ] || return 0
  modprobe -q 8021q
  [ -e "/sys/class/net/$DEVICE.$vlan" ] || ip link add link "$DEVICE" name "$DEVICE.$vlan" type vlan id "$vlan" ||
    { WHY="the VLAN $vlan could not be made"; return 1; }
  DEVICE=$DEVICE.$vlan
  ip link set "$DEVICE" up
}

cards_of_job() {
  for mac in $(network_values mac); do
    for card in $(network_cards); do
      if [ "$(address_of "$card")" = "$mac" ]; then printf '%s\n' "$card"; fi
    done
  done
}

# make_bond CARD...: by the kernel's files, since busybox' ip knows no bonds. Its mode can be set while it is empty alone.
make_bond() {
  modprobe -q bonding
  [ -e "/sys/class/net/$BOND" ] || echo "+$BOND" >/sys/class/net/bonding_masters 2>/dev/null ||
    { WHY="cards cannot be bonded here"; return 1; }
  set_bond mode "$(network_values bond_mode)"
  set_bond miimon 100
  if [ "$(network_values bond_mode)" = 802.3ad ]; then set_bond lacp_rate fast; set_bond xmit_hash_policy layer3+4; fi
  for card in "$@"; do
    ip link set "$card" down
    set_bond slaves "+$card"
  done
  ip link set "$BOND" up
}

set_bond() { printf '%s\n' "$2" >"/sys/class/net/$BOND/bonding/$1"; } 2>/dev/null

# set_statically: a gateway is reached on the link, for it may lie outside of the server's own networks.
set_statically() {
  echo 0 >"/proc/sys/net/ipv6/conf/$DEVICE/accept_dad" # an address is to be of use at once
  for address in $(network_values address); do ip addr add "$address" dev "$DEVICE" 2>/dev/null; done
  for gateway in $(network_values gateway); do
    case $gateway in *:*) family=-6 length=128 ;; *) family=-4 length=32 ;; esac
    ip "$family" route replace "$gateway/$length" dev "$DEVICE" 2>/dev/null
    ip "$family" route replace default via "$gateway" dev "$DEVICE" 2>/dev/null
  done
  for server in $(network_values nameserver); do printf 'nameserver %s\n' "$server"; done >/etc/resolv.conf
  say "Network: $(network_values address | tr '\n' ' ')on $DEVICE, as the job says."
}

ask_dhcp() {
  udhcpc -n -q -t 4 -T 2 -i "$DEVICE" -s /installer/dhcp.sh >/dev/null 2>&1 ||
    { WHY="no address for $DEVICE by DHCP"; return 1; }
  say "Network: $(ip -o -4 addr show dev "$DEVICE" | awk '{ print $4 }' | head -n 1) on $DEVICE, by DHCP."
}

# disconnect: what was set up goes, so that the next way is tried alone; cards of a bond are free again.
disconnect() {
  [ -n "$DEVICE" ] || return 0
  ip addr flush dev "$DEVICE"
  case $DEVICE in *.*) ip link del "$DEVICE" ;; esac
  [ -e "/sys/class/net/$BOND" ] || return 0
  tr ' ' '\n' <"/sys/class/net/$BOND/bonding/slaves" | while read -r card; do set_bond slaves "-$card"; done
  ip link set "$BOND" down
  links_up
}

# keep_address: renews what DHCP gave for as long as the installation takes.
keep_address() {
  if [ "$WAY" = job ] && [ -n "$(network_values address)" ]; then return 0; fi
  udhcpc -S -i "$DEVICE" -s /installer/dhcp.sh >/dev/null 2>&1 &
}
