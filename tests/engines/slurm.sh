#!/bin/sh
# A Slurm of one node on this machine, for tests: slurm.sh start DIR | slurm.sh stop DIR (as root).
# Debian: apt-get install slurm-wlm munge. `start` writes DIR/slurm.conf; export SLURM_CONF=DIR/slurm.conf.
set -eu
dir=$2
case "$1" in
start)
    mkdir -p "$dir/state" "$dir/spool" /run/munge /var/lib/munge /var/log/munge
    node=$(hostname -s)
    cpus=$(env -u OMP_NUM_THREADS nproc) # nproc believes that variable, which tests set
    memory=$(awk '/MemTotal/ {print int($2 / 1024) - 500}' /proc/meminfo)
    [ -f /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 2>/dev/null; chmod 400 /etc/munge/munge.key; }
    chown -R munge: /etc/munge /run/munge /var/lib/munge /var/log/munge
    munge -n >/dev/null 2>&1 || { su -s /bin/sh munge -c "/usr/sbin/munged --force"; touch "$dir/munged"; }
    # one GPU that is none, so that jobs can ask for it and get it one at a time
    echo "Name=gpu File=/dev/null" >"$dir/gres.conf"
    cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=${SLURM_TEST_PORT:-16817}
SlurmdPort=$((${SLURM_TEST_PORT:-16817} + 1))
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
MinJobAge=3600
SchedulerParameters=sched_interval=2
GresTypes=gpu
NodeName=$node NodeAddr=127.0.0.1 Gres=gpu:1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
    /usr/sbin/slurmctld -f "$dir/slurm.conf"
    /usr/sbin/slurmd -f "$dir/slurm.conf"
    for _ in $(seq 60); do
        SLURM_CONF=$dir/slurm.conf sinfo -h -o %T 2>/dev/null | grep -q idle && exit 0
        sleep 1
    done
    echo "the node did not come up; see $dir/slurmctld.log and $dir/slurmd.log" >&2
    exit 1
    ;;
stop)
    for daemon in slurmd slurmctld; do
        [ ! -f "$dir/$daemon.pid" ] || kill "$(cat "$dir/$daemon.pid")" 2>/dev/null || true
    done
    [ ! -f "$dir/munged" ] || kill "$(cat /run/munge/munged.pid)" 2>/dev/null || true
    ;;
esac
