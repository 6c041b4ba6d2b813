#!/usr/bin/env bash
# vmalert 1.79.5, as Debian 12 has it (package victoria-metrics). Needs apt with an up-to-date list.
#
# A rule with a field that it does not know ends the program: no rule of any file is loaded, also none that it understands. Prometheus's
# `keep_firing_for` (2.42, 2023) is such a field. Without it the same file is read.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download victoria-metrics=1.79.5+ds1-2+b5
dpkg-deb -x victoria-metrics_*.deb .

cat >plain.yml <<'YAML'
groups: [{ name: plain, rules: [{ alert: Up, expr: up == 1 }] }]
YAML
cat >keeps.yml <<'YAML'
groups: [{ name: keeps, rules: [{ alert: Down, expr: up == 0, keep_firing_for: 5m }] }]
YAML
usr/bin/vmalert -dryRun -rule=plain.yml >/dev/null 2>&1
! usr/bin/vmalert -dryRun -rule=plain.yml -rule=keeps.yml >said 2>&1
grep -q 'unknown fields in rule: keep_firing_for' said
echo "as described"
