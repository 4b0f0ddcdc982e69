#!/usr/bin/env bash
# A real Slurm cluster of two nodes on this machine, for the tests: Debian 12, as root, no systemd needed.
# usage: slurm.sh up [--accounting] | slurm.sh down
#
# Partitions: cpu (both nodes, the default) and gpu (node1, which has two stand-in GPUs).
# --accounting adds slurmdbd on MariaDB with the account "project"; without it there is nothing but squeue.
# Everything lies in /run/slurm-tests and /etc/slurm; no cluster is left after `down`.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
base=/run/slurm-tests
host=$(hostname -s)

install_packages() {
  local packages=(slurmctld slurmd slurm-client munge slurmdbd mariadb-server)
  dpkg --status "${packages[@]}" >/dev/null 2>&1 && return
  apt-get update -qq
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # nothing is started by its installation
  chmod +x /usr/sbin/policy-rc.d
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  rm /usr/sbin/policy-rc.d
}

wait_until() { # wait_until SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until timeout 10 "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "error: waited in vain for: $*" >&2; tail -n 20 $base/log/* >&2; exit 1; }
    sleep 0.3
  done
}

start_munge() {
  install -d -o munge -g munge -m 0755 /run/munge
  pgrep -x munged >/dev/null || setpriv --reuid munge --regid munge --clear-groups munged
  wait_until 20 bash -c 'munge -n | unmunge'
}

write_config() { # write_config ACCOUNTING-LINES
  cat >/etc/slurm/slurm.conf <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
ReturnToService=1
SlurmdParameters=config_overrides
SlurmctldPidFile=$base/slurmctld.pid
SlurmdPidFile=$base/slurmd-%n.pid
SlurmctldLogFile=$base/log/slurmctld.log
SlurmdLogFile=$base/log/slurmd-%n.log
StateSaveLocation=$base/state
SlurmdSpoolDir=$base/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=2
KillWait=5
MinJobAge=600
GresTypes=gpu
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17101 CPUs=8 RealMemory=64000 Gres=gpu:2
NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17102 CPUs=8 RealMemory=64000
PartitionName=cpu Nodes=node1,node2 Default=YES MaxTime=INFINITE
PartitionName=gpu Nodes=node1 MaxTime=INFINITE
$1
CONF
  printf '%s\n' AutoDetect=off "NodeName=node1 Name=gpu File=$base/gpu[0-1]" >/etc/slurm/gres.conf
}

start_accounting() {
  install -d -o mysql -g mysql $base/db /run/mysqld
  mariadb-install-db --user=mysql --datadir=$base/db --auth-root-authentication-method=socket >/dev/null
  setsid mariadbd --no-defaults --user=mysql --datadir=$base/db --socket=/run/mysqld/mysqld.sock --skip-networking \
    --tmpdir=$base/db --pid-file=$base/db/mariadbd.pid >$base/log/mariadbd.log 2>&1 </dev/null &
  wait_until 60 mariadb-admin --socket=/run/mysqld/mysqld.sock ping
  mariadb --socket=/run/mysqld/mysqld.sock -e "CREATE DATABASE slurm_acct_db; CREATE USER slurm@localhost IDENTIFIED BY 'slurm';
    GRANT ALL ON slurm_acct_db.* TO slurm@localhost"
  printf '%s\n' AuthType=auth/munge DbdHost=localhost SlurmUser=root LogFile=$base/log/slurmdbd.log \
    PidFile=$base/slurmdbd.pid StorageType=accounting_storage/mysql StorageHost=localhost StorageUser=slurm \
    StoragePass=slurm StorageLoc=slurm_acct_db >/etc/slurm/slurmdbd.conf
  chmod 600 /etc/slurm/slurmdbd.conf
  slurmdbd
  wait_until 60 sacctmgr --noheader list cluster
  for record in "cluster tests" "account project" "user root account=project"; do
    timeout 20 sacctmgr --immediate --quiet add $record >/dev/null
  done
}

up() {
  install_packages
  down
  mkdir -p $base/{state,log,spool-node1,spool-node2}
  for gpu in 0 1; do mknod $base/gpu$gpu c 1 3; done # a stand-in GPU: /dev/null by another name
  start_munge
  if [ "${1:-}" = --accounting ]; then
    write_config "AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment"
    start_accounting
  else
    write_config "AccountingStorageType=accounting_storage/none"
  fi
  slurmctld -c
  slurmd -N node1
  slurmd -N node2
  wait_until 60 bash -c '[ "$(sinfo --noheader --Node --partition cpu --format %T | sort | uniq -c | xargs)" = "2 idle" ]'
}

down() { # each daemon by its own process id, the ones that ask others first
  for name in slurmd-node1 slurmd-node2 slurmctld slurmdbd db/mariadbd; do
    pid=$(cat $base/$name.pid 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do
      grep -qs '^State:.[^Z]' "/proc/$pid/status" || break
      sleep 0.2
    done
  done
  rm -rf $base
  rm -f /etc/slurm/slurm.conf # with it, every sinfo, so every call of Snakemake, looks 9 s for the cluster that is gone
}

"$@"
