# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Which Debian packages the scripts need, and how missing ones get onto the machine.
# NAME is a package of the machine's own architecture, NAME:armhf one of 32-bit ARM beside it.

build_packages=(cmake ninja-build gcc g++ libc6-dev pkg-config libcmocka-dev liburcu-dev)
check_packages=(cmake ninja-build gcc libc6-dev libcmocka-dev liburcu-dev clang-format clang-tidy cppcheck shellcheck)
test_packages=(clang binutils)
armv7_packages=(gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user libc6:armhf libcmocka-dev:armhf
  liburcu-dev:armhf)

# missing_packages NAME...: those that are not installed, a line each.
missing_packages() {
  local native
  native=$(dpkg --print-architecture)
  dpkg-query -W -f '${db:Status-Status} ${Package} ${Architecture}\n' |
    awk -v native="$native" -v wanted="$*" '
      $1 == "installed" { have[$2 ":" $3] = 1 }
      END {
        n = split(wanted, name, " ")
        for (i = 1; i <= n; i++) {
          full = name[i] ~ /:/ ? name[i] : name[i] ":" native
          all = name[i]
          sub(/:.*/, "", all)
          if (!(full in have) && !((all ":all") in have) && !seen[full]++)
            print name[i]
        }
      }'
}

# as_root COMMAND...: no questions asked, neither by sudo nor by a package.
as_root() {
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo=(sudo -n)
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a "$@" </dev/null
}

apt_get() {
  as_root apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# apt-get calls an update in which a download failed a success and says so only in its output; newer versions can be
# asked not to.
refresh_index() {
  local attempt log
  log=$(mktemp)
  for attempt in 1 2 3 4 5; do
    if apt_get -q -o APT::Update::Error-Mode=any update >"$log" 2>&1 &&
      ! grep -qE '^(E:|W: Failed to fetch|W: Some index files failed)' "$log"; then
      rm -f "$log"
      return 0
    fi
    grep -E '^[EW]:' "$log" || tail -n 3 "$log"
    if [ "$attempt" -lt 5 ]; then
      echo "The package index did not arrive whole; trying again ($attempt of 4)."
      sleep $((attempt * 2))
    fi
  done
  rm -f "$log"
  return 1
}

# explain_missing NAME...: for somebody who may not install.
explain_missing() {
  local foreign=''
  case "$*" in *:armhf*)
    dpkg --print-foreign-architectures | grep -qx armhf || foreign='dpkg --add-architecture armhf && '
    ;;
  esac
  {
    echo "${script:-}: these packages are missing, and this user cannot install them: $*"
    echo "As root:"
    echo "  ${foreign}apt-get update && apt-get install --no-install-recommends $*"
  } >&2
}

# install_packages NAME...: does nothing when all are there.
install_packages() {
  local missing package attempt log
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian. Going on; needed are what Debian calls: $*"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  if [ ${#missing[@]} -eq 0 ]; then
    return 0
  fi
  if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    explain_missing "${missing[@]}"
    exit 1
  fi

  say "installing ${missing[*]} (this can take some minutes)"
  for package in "${missing[@]}"; do
    case $package in *:armhf)
      if ! dpkg --print-foreign-architectures | grep -qx armhf; then
        as_root dpkg --add-architecture armhf
      fi
      # The native half goes along: both halves must be of one version, the newest.
      missing+=("${package%:armhf}")
      ;;
    esac
  done
  log=$(mktemp)
  for attempt in 1 2 3; do
    refresh_index || echo "The package index is still not whole; trying with what is there."
    if apt_get -q -y install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
      mapfile -t missing < <(missing_packages "$@")
      if [ ${#missing[@]} -eq 0 ]; then
        rm -f "$log"
        return 0
      fi
    fi
    tail -n 20 "$log" >&2
    echo "apt-get install did not succeed (attempt $attempt of 3)." >&2
  done
  rm -f "$log"
  die "could not install: ${missing[*]}"
}
