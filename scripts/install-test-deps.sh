#!/usr/bin/env bash
# Install the system packages that the tests need.  Argument: check or browser; without one, all.
# If that is not possible, print the packages to install and fail.
set -euo pipefail
what=${1:-all}
packages=()
need() { # need <command that succeeds if it is installed> <package>…
  if ! eval "$1" >/dev/null 2>&1; then packages+=("${@:2}"); fi
}
if [ "$what" = all ] || [ "$what" = check ]; then
  need 'command -v php' php-cli
  need 'command -v xgettext' gettext
  need 'command -v promtool' prometheus
  need 'command -v systemd-analyze' systemd
  need 'command -v nginx || test -x /usr/sbin/nginx' nginx-light
  need 'command -v caddy' caddy
  need 'command -v logrotate || test -x /usr/sbin/logrotate' logrotate
  need 'command -v openssl' openssl
fi
if [ "$what" = all ] || [ "$what" = browser ]; then
  need 'command -v chromium || command -v chromium-browser' chromium
  need 'compgen -G "/usr/lib*/libatomic.so.1" || compgen -G "/usr/lib*/*/libatomic.so.1"' libatomic1 # its driver
  need 'test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' fonts-dejavu-core
  need 'test -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf' fonts-noto-color-emoji
fi
if [ "$what" = all ]; then
  need 'command -v age' age
  need 'command -v faketime' faketime
  need 'test -e /usr/share/wordpress/wp-load.php' wordpress wordpress-theme-twentytwentythree nginx-light
  need 'command -v unzip' unzip
  need 'command -v mariadbd || test -x /usr/sbin/mariadbd' mariadb-server
  need 'ls /usr/sbin/php-fpm*' php-fpm
  need 'command -v phpunit' phpunit
  need 'test -x /usr/sbin/pgbouncer || command -v pgbouncer' pgbouncer
  for extension in mysqli:php-mysql curl:php-curl dom:php-xml mbstring:php-mbstring pdo_sqlite:php-sqlite3 zip:php-zip gd:php-gd intl:php-intl; do
    need "php -m | grep -qi '^${extension%%:*}\$'" "${extension##*:}"
  done
fi
if [ ${#packages[@]} -eq 0 ]; then exit 0; fi
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
  echo "Installing packages for the tests: ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The tests start what they need themselves, so no service of these packages starts now.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
else
  echo "The tests need these Debian packages, but this user cannot install them. Run as root:" >&2
  echo "  apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 1
fi
