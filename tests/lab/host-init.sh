# First process of a test host, already in its own mount, pid, uts, ipc and network namespace.
# Arguments: the host's folder, its name, the overlay's lower folders.
# Mounts the root file system, moves into it with pivot_root (with chroot, `docker exec` lands in the wrong root) and
# stays as an init that reaps what loses its parent.
set -eu
folder=$1 name=$2 lower=$3

# Says so when anything below fails; a successful exec leaves no trace of it.
trap 'echo failed > "$folder/init.new"' EXIT

# /proc is still the root namespace's here, so this is the pid by which the lab knows this process.
read -r pid rest < /proc/self/stat

mount -t overlay overlay -o "lowerdir=$lower,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
cd "$folder/root"
mkdir -p var/lib/docker mnt
# Docker's overlay cannot lie on an overlay.
mount --bind "$folder/docker" var/lib/docker
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p run/sshd run/lock
hostname "$name"
echo "$pid" > "$folder/init.new"
pivot_root . mnt
cd /
umount -l /mnt
# As on a host that systemd started, so that containers may mount with propagation.
mount --make-rshared /
exec /usr/bin/tini -- sleep infinity
