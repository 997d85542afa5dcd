# Requests to the controller's boot service. Secrets go by files, never by arguments.

# prepare_asking: what holds for every request. False where the job's address is not https, or no CA came with it.
prepare_asking() {
  case $URL in https://*) ;; *) because "The job's address is not https." || return 1 ;; esac
  [ -s /oobctl/ca.pem ] || because "No CA came with the job." || return 1
  cat >"$JOB/claim.rc" <<RC
tries = 1
timeout = 20
connect_timeout = 10
max_redirect = 0
use_proxy = off
hsts = off
content_on_error = on
server_response = on
check_certificate = on
ca_certificate = /oobctl/ca.pem
ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305
RC
  cp "$JOB/claim.rc" "$JOB/wgetrc"
  printf 'header = Authorization: Bearer %s\n' "$(cat "$JOB/token")" >>"$JOB/wgetrc"
}

# ask SETTINGS PATH FORM: posts the form. STATUS is the answer's (000: none came), $ANSWER its text, WHY what went wrong.
ask() {
  rm -f "$ANSWER"
  /tools/wget --config="$JOB/$1" -O "$ANSWER" -o "$JOB/ask.log" --post-file="$3" "$URL/$2" </dev/null
  STATUS=$(status_in "$JOB/ask.log")
  WHY=$(why_in "$JOB/ask.log")
  [ -e "$ANSWER" ] || : >"$ANSWER"
}

status_in() {
  status=$(sed -n 's#^ *HTTP/[0-9.]* \([0-9][0-9][0-9]\).*#\1#p' "$1" | tail -n 1)
  printf '%s\n' "${status:-000}"
}

why_in() {
  grep -iE 'error|failed|timed out|refused|unable|not trusted|expired|match|reset|closed' "$1" | tail -n 1 | plain
}

# field NAME FILE: one field of a form, every byte written as %XX. Nothing of it reaches an argument.
field() {
  printf '&%s=' "$1"
  od -An -v -tx1 "$2" | tr -d '\n' | sed 's/ /%/g'
}

# text_field NAME VALUE: the same of a value. printf is the shell's own: no process has it as an argument.
text_field() {
  printf '%s' "$2" >"$JOB/value"
  field "$1" "$JOB/value"
}

claim_form() {
  printf 'form=1'
  field key "$JOB/key"
  field token "$JOB/token"
  text_field uuid "$(dmi product_uuid)"
  text_field serial "$(dmi product_serial)"
  text_field firmware "$FIRMWARE"
  text_field memory_mb "$(memory_mb)"
  for card in $(network_cards); do text_field mac "$(address_of "$card")"; done
  field disks "$JOB/disks"
}

# claim: until the service answers; ORDERS are the orders then. Ends here where it says no, or nothing for an hour.
claim() {
  claim_form >"$JOB/claim.form"
  since=$(uptime_s) pause=1 said='' WAY='' WHY=''
  while :; do
    if reach; then
      case $STATUS in
        408 | 429) ;; # the answer was late, or others asked too much
        200) mv "$ANSWER" "$ORDERS"; return 0 ;;
        4*) boot_from_disk "The controller does not give this job to this server ($STATUS): $(plain <"$ANSWER" | head -n 3 | tr '\n' ' ')" ;;
      esac
      WHY="it answered $STATUS"
      case $STATUS in 5*) ;; *) since=$(uptime_s) ;; esac # a service whose database is away for an hour is no help
    fi
    waited=$(($(uptime_s) - since))
    [ "$waited" -lt 3600 ] || boot_from_disk "The controller was not reached for an hour: $WHY."
    now="No answer from the controller yet: ${WHY:-no network card has a link and an address}."
    if [ "$now" != "$said" ] || [ "$((waited % 60))" -lt "$pause" ]; then say "$now (for $waited s)"; said=$now; fi
    sleep "$pause"
    [ "$pause" -ge 10 ] || pause=$((pause + 1))
  done
}

# reach: asks the way that had an answer before, else each in turn; WAY is the first that has one. False where none has.
reach() {
  if [ -n "$WAY" ]; then
    ask claim.rc claim "$JOB/claim.form"
    [ "$STATUS" != 000 ]
    return
  fi
  links_up
  for way in $(ways); do
    connect "$way" || { disconnect; continue; }
    if ask_over "$way"; then WAY=$way; keep_address; return 0; fi
    disconnect
  done
  return 1
}

# ask_over WAY: the job's own network gets some time: a switch may let nothing through for half a minute.
ask_over() {
  tries=1
  if [ "$1" = job ]; then tries=3; fi
  for _ in $(seq "$tries"); do
    ask claim.rc claim "$JOB/claim.form"
    if [ "$STATUS" != 000 ]; then return 0; fi
    sleep 1
  done
  return 1
}

uptime_s() { cut -d . -f 1 /proc/uptime; }
uptime_cs() { sed 's/ .*//; s/[.]//' /proc/uptime; }

# report PHASE: tells how far it is, with the log lines that were not taken yet. WORD is the answer's, empty where none came.
report() {
  WORD=''
  last=$(wc -l <"$LOG")
  [ "$last" -le "$((LOG_TAKEN + 200))" ] || last=$((LOG_TAKEN + 200))
  sed -n "$((LOG_TAKEN + 1)),${last}p" "$LOG" >"$JOB/lines"
  {
    printf 'phase=%s&bytes=%s&total=%s&log_from=%s' "$1" "$(bytes_done)" "${IMAGE_SIZE:-0}" "$((LOG_TAKEN + 1))"
    field log "$JOB/lines"
    if [ -s "$JOB/reason" ]; then field reason "$JOB/reason"; fi
  } >"$JOB/report.form"
  ask wgetrc report "$JOB/report.form"
  case $STATUS in
    200) WORD=$(tr -cd '[:lower:]' <"$ANSWER" | cut -c 1-16); LOG_TAKEN=$last ;;
    401 | 409 | 410) over ;;
  esac
}

# over: the job has ended, or another has it.
over() {
  text="The job is over or not ours any more ($STATUS): $(plain <"$ANSWER" | head -n 3 | tr '\n' ' ')"
  if [ -e /run/begun ]; then stay "$text"; else boot_from_disk "$text"; fi
}

# report_until PHASE SECONDS: again until it was taken, at most so long (0: for ever).
report_until() {
  until_s=$(($(uptime_s) + $2)) pause=1
  while :; do
    report "$1"
    [ -z "$WORD" ] || return 0
    [ "$2" = 0 ] || [ "$(uptime_s)" -lt "$until_s" ] || return 0
    sleep "$pause"
    [ "$pause" -ge 10 ] || pause=$((pause + 1))
  done
}

# begin: asks for leave to write. Comes back only with it: that answer is the point of no return.
begin() {
  since=$(uptime_s) pause=1
  while :; do
    : >"$JOB/empty.form"
    ask wgetrc begin "$JOB/empty.form"
    case $STATUS in
      200)
        since=$(uptime_s)
        case $(tr -cd '[:lower:]' <"$ANSWER" | cut -c 1-16) in
          go) : >/run/begun; return 0 ;;
          wait) sleep 0.3; pause=1; continue ;; # somebody looks, and every second counts
        esac
        ;;
      408 | 429) ;;
      4*) over ;;
    esac
    [ "$(($(uptime_s) - since))" -lt 3600 ] || boot_from_disk "The controller was not reached for an hour: ${WHY:-}."
    sleep "$pause"
    [ "$pause" -ge 10 ] || pause=$((pause + 1))
  done
}
