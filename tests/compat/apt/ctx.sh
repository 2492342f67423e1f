# Two small packages, one needing the other, with configuration, maintainer scripts, a user and odd modes.
umask 022
mkdir -p lib/DEBIAN lib/usr/lib/lab app/DEBIAN app/etc/lab app/usr/bin app/var/lib/lab
printf 'Package: lab-lib\nVersion: 1.0\nArchitecture: all\nMaintainer: Lab <lab@example.org>\nDescription: library of the lab\n' >lib/DEBIAN/control
echo 'lab_say() { echo "lab: $*"; }' >lib/usr/lib/lab/say.sh
printf 'Package: lab-app\nVersion: 2.0\nArchitecture: all\nDepends: lab-lib (>= 1.0), adduser | passwd\nMaintainer: Lab <lab@example.org>\nDescription: program of the lab\n' >app/DEBIAN/control
echo /etc/lab/app.conf >app/DEBIAN/conffiles
echo 'colour=blue' >app/etc/lab/app.conf
printf '#!/bin/sh\n. /usr/lib/lab/say.sh\nlab_say "$(cat /etc/lab/app.conf)"\n' >app/usr/bin/lab-app
printf '#!/bin/sh\nset -e\nuseradd -r -d /var/lib/lab -s /usr/sbin/nologin -u 990 -U labd\nchown labd:labd /var/lib/lab\nchmod 2750 /var/lib/lab\nupdate-alternatives --install /usr/bin/lab lab /usr/bin/lab-app 10\n' >app/DEBIAN/postinst
chmod 755 app/usr/bin/lab-app app/DEBIAN/postinst
for p in lib app; do dpkg-deb --root-owner-group -Zgzip -b $p $p.deb >/dev/null; rm -r $p; done
