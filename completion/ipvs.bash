# Completion of ipvs(8) for bash: source it, or put it as ipvs into /usr/share/bash-completion/completions.
# SPDX-License-Identifier: MIT

_ipvs_words() { COMPREPLY=($(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")); }

# $1 is a folder whose files are the words.
_ipvs_names() { _ipvs_words "$(cd "$1" 2>/dev/null && printf '%s ' *)"; }

_ipvs() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} word subcommand=
  local schedulers='rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh msh maglev hrw none'
  local service='--tcp-service -t --udp-service -u --sctp-service --fwmark-service -f --ipv6 -6'
  local everywhere='--netns --json'
  COMPREPLY=()

  case $previous in
    -s | --scheduler) _ipvs_words "$schedulers"; return ;;
    -b | --sched-flags) _ipvs_words 'fallback port flag-1 flag-2 flag-3 sh-fallback sh-port mh-fallback mh-port'; return ;;
    --pe) _ipvs_words sip; return ;;
    --forwarding) _ipvs_words 'masquerading tunneling direct-routing local bypass'; return ;;
    --tun-type) _ipvs_words 'ipip gue gre'; return ;;
    --start-daemon | --stop-daemon) _ipvs_words 'master backup'; return ;;
    --mcast-interface | --interface | --towards) _ipvs_names /sys/class/net; return ;;
    --owns) _ipvs_words 'all fwmark'; return ;;
    --prune) _ipvs_words 'destinations all none'; return ;;
    --keep-weights) _ipvs_words 'all drained'; return ;;
    --until) _ipvs_words 'no-active no-connections no-templates'; return ;;
    --keep) _ipvs_words 'never at-deadline always'; return ;;
    --sort) _ipvs_words 'active inactive cps packets bytes name'; return ;;
    --state) _ipvs_words 'ESTABLISHED SYN_RECV FIN_WAIT TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK UDP NONE ASSURED'; return ;;
    --protocol) _ipvs_words 'tcp udp sctp ip'; return ;;
    --netns) _ipvs_names /run/netns; return ;;
    --kernel) _ipvs_names /lib/modules; return ;;
  esac

  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      plan | apply | drain | undrain | watch | top | connections | save | restore | predict | impact | vip | real-server | doctor | sysctl | dkms) subcommand=$word; break ;;
    esac
  done

  case $subcommand in
    plan | apply)
      _ipvs_words "--owns --prune --keep-weights --force $([[ $subcommand == plan ]] && echo --check || echo --grace)
        $everywhere --help"
      [[ $current == -* ]] || COMPREPLY=($(compgen -f -- "$current"))
      ;;
    drain) _ipvs_words "$service --real-server -r --until --deadline --keep --interval $everywhere --help" ;;
    undrain) _ipvs_words "$service --real-server -r --weight -w $everywhere --help" ;;
    watch) _ipvs_words "--interval --count --changes $everywhere --help" ;;
    top) _ipvs_words "--interval --sort --filter --once $everywhere --help" ;;
    connections)
      _ipvs_words "$service --real-server -r --client --protocol --state --templates --no-templates --origin --count
        $everywhere --help" ;;
    save) _ipvs_words "$everywhere --help" ;;
    restore)
      _ipvs_words "--clear --partial $everywhere --help"
      [[ $current == -* ]] || COMPREPLY=($(compgen -f -- "$current"))
      ;;
    predict)
      _ipvs_words "$service --scheduler -s --sched-flags -b --seed --table-size $everywhere --help" ;;
    impact)
      _ipvs_words "$service --remove --add --weight --scheduler -s --sched-flags -b --seed --table-size $everywhere --help" ;;
    vip) _ipvs_words "add remove list announce --interface --create --announce --towards --count --interval --all $everywhere --help" ;;
    real-server) _ipvs_words "add remove status --forwarding --interface $everywhere --help" ;;
    doctor) _ipvs_words "--shared --real-server-of --scheduler -s $everywhere --help" ;;
    sysctl)
      case "${COMP_WORDS[*]:1:COMP_CWORD-1} " in
        *\ profile\ *) _ipvs_words "direct-return kubernetes --apply --strict-arp --kernel $everywhere --help" ;;
        *\ get\ *) _ipvs_names /proc/sys/net/ipv4/vs ;;
        *\ set\ *)
          _ipvs_names /proc/sys/net/ipv4/vs
          COMPREPLY=("${COMPREPLY[@]/%/=}")
          compopt -o nospace 2>/dev/null ;;
        *) _ipvs_words "list get set profile --apply --strict-arp --kernel $everywhere --help" ;;
      esac
      ;;
    dkms) _ipvs_words 'install status remove --kernel --json --help' ;;
    *)
      local commands='--add-service -A --edit-service -E --delete-service -D --clear -C --restore -R --save -S
        --add-server -a --edit-server -e --delete-server -d --list -L -l --zero -Z --set --start-daemon --stop-daemon
        --help -h --version -v'
      case "${COMP_WORDS[*]:1:COMP_CWORD-1} " in
        *--add-service\ * | *--edit-service\ * | -A* | -E*)
          _ipvs_words "$service --protocol-service --scheduler -s --sched-flags -b --persistent -p --netmask -M --pe
            --ops -o --force $everywhere" ;;
        *--add-server\ * | *--edit-server\ * | -a* | -e*)
          _ipvs_words "$service --protocol-service --real-server -r --gatewaying -g --ipip -i --masquerading -m
            --forwarding --weight -w --u-threshold -x --l-threshold -y --tun-type --tun-port --tun-nocsum --tun-csum
            --tun-remcsum --tun-flags $everywhere" ;;
        *--delete-server\ * | -d*) _ipvs_words "$service --protocol-service --real-server -r $everywhere" ;;
        *--delete-service\ * | *--zero\ * | -D* | -Z*) _ipvs_words "$service --protocol-service $everywhere" ;;
        *--list\ * | -L* | -l*)
          _ipvs_words "$service --protocol-service --numeric -n --stats --rate --exact -X --thresholds
            --persistent-conn --tun-info --connection -c --timeout --daemon --nosort --sort $everywhere" ;;
        *--save\ * | -S*) _ipvs_words "--numeric -n $everywhere" ;;
        *--start-daemon\ *)
          _ipvs_words "--syncid --sync-maxlen --mcast-interface --mcast-group --mcast-port --mcast-ttl $everywhere" ;;
        *--stop-daemon\ *) _ipvs_words "--syncid $everywhere" ;;
        *)
          if [[ $current == -* ]]; then
            _ipvs_words "$commands $everywhere"
          else
            _ipvs_words 'plan apply drain undrain watch top connections save restore predict impact vip real-server doctor sysctl dkms'
          fi
          ;;
      esac
      ;;
  esac
}

complete -F _ipvs ipvs
