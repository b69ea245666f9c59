"""A real SLURM cluster on the loopback interface, for tests.

    python tests/slurm/cluster.py up | down

Installs Debian's packages where they are missing, and starts munged, MariaDB, slurmdbd, slurmctld
and a slurmd a node. It needs root, and neither systemd nor cgroups; nodes have more CPUs than the
machine. What it writes is below STATE, /etc/slurm and /etc/munge.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

STATE = Path("/var/tmp/snakestudy-slurm")
CONF = Path("/etc/slurm/slurm.conf")
MARK = "# Written by snakestudy's tests.\n"
NODES = ("n1", "n2", "n3", "n4", "n5")
CPUS, MEMORY = 8, 8000  # of a node; memory in MB
MUNGE_KEY = Path("/etc/munge/munge.key")
SQL_SOCKET = STATE / "mysql.sock"
PACKAGES = {
    "munged": "munge",
    "slurmctld": "slurmctld slurm-wlm-basic-plugins slurm-client",
    "slurmd": "slurmd",
    "slurmdbd": "slurmdbd slurm-wlm-mysql-plugin",
    "mariadbd": "mariadb-server",
}
SLURM_CONF = """\
ClusterName=study
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={state}/slurmctld
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/slurmctld.own.pid
SlurmdPidFile={state}/%n.own.pid
SlurmctldLogFile={state}/slurmctld.log
SlurmdLogFile={state}/%n.log
# No cgroups: processes are found by their parents, memory is looked at every second.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SlurmdParameters=config_overrides
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
MaxArraySize=10001
KillWait=3
WaitTime=0
SlurmctldTimeout=30
SlurmdTimeout=10
ReturnToService=2
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16819
{nodes}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=2-00:00:00 DefaultTime=00:30:00 State=UP
PartitionName=other Nodes=n1,n2 MaxTime=2-00:00:00 DefaultTime=00:30:00 State=UP
PartitionName=doomed Nodes=n3,n4 MaxTime=2-00:00:00 DefaultTime=00:30:00 State=UP
PartitionName=low Nodes=n5 PriorityTier=1 PreemptMode=CANCEL DefaultTime=00:30:00 State=UP
PartitionName=high Nodes=n5 PriorityTier=2 PreemptMode=OFF DefaultTime=00:30:00 State=UP
"""
NODE = (
    "NodeName={name} NodeHostName={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={mb}"
    " Gres=gpu:1"
)
SLURMDBD_CONF = """\
AuthType=auth/munge
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort=16819
CommunicationParameters=NoInAddrAny
SlurmUser=root
LogFile={state}/slurmdbd.log
PidFile={state}/slurmdbd.own.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=13306
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
SQL = """\
CREATE DATABASE IF NOT EXISTS slurm_acct_db;
CREATE USER IF NOT EXISTS 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1';
"""


def up() -> None:
    """Start what does not run yet, and wait until all nodes can take jobs."""
    if os.getuid():
        sys.exit("cluster.py: needs root")
    if CONF.exists() and not CONF.read_text().startswith(MARK):
        sys.exit(f"cluster.py: {CONF} is somebody else's; this machine has a SLURM already")
    install()
    configure()
    start_munge()
    start_accounting()
    start("slurmctld", ["slurmctld", "-D"])
    until("slurmctld answers", lambda: succeeds("scontrol", "ping"))
    for node in NODES:
        start_node(node)
    if up_nodes() != set(NODES):  # drained or down, as an earlier cluster left them
        succeeds("scontrol", "update", f"nodename={','.join(NODES)}", "state=resume")
    until("all nodes are up", lambda: up_nodes() == set(NODES))


def down() -> None:
    """End the daemons; the accounting database stays."""
    if running("slurmctld"):
        succeeds("scancel", "--user=root")
        until("no job is left", lambda: not said("squeue", "--noheader"))
    for name in (*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"):
        stop(name)


# -- daemons --------------------------------------------------------------------------------


def start(name: str, command: Sequence[str]) -> None:
    """Start a daemon, unless it runs."""
    if running(name):
        return
    log = (STATE / f"{name}.out").open("ab")
    started = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )
    (STATE / f"{name}.pid").write_text(str(started.pid))


def running(name: str) -> psutil.Process | None:
    """The daemon's process, if it lives."""
    try:
        process = psutil.Process(int((STATE / f"{name}.pid").read_text()))
        started = (STATE / f"{name}.pid").stat().st_mtime
        alive = process.status() != psutil.STATUS_ZOMBIE and process.create_time() < started + 1
    except (OSError, ValueError, psutil.Error):
        return None
    return process if alive else None


def stop(name: str, number: int = signal.SIGTERM) -> None:
    """End a daemon and wait for its end."""
    if process := running(name):
        process.send_signal(number)
        until(f"{name} has ended", lambda: not running(name))


def start_node(node: str) -> None:
    start(node, ["slurmd", "-D", "-N", node])


def up_nodes() -> set[str]:
    """The nodes that can take jobs."""
    words = [line.split() for line in said("sinfo", "-hN", "-o", "%N %T").splitlines()]
    return {node for node, state in words if state in ("idle", "mixed", "allocated")}


# -- steps of `up` --------------------------------------------------------------------------


def install() -> None:
    missing = [p for program, p in PACKAGES.items() if not shutil.which(program, path=PATH)]
    if not missing:
        return
    policy = Path("/usr/sbin/policy-rc.d")  # keeps packages from starting daemons of their own
    mine = not policy.exists()
    if mine:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    get = ["apt-get", "install", "-qqy", "--no-install-recommends", *" ".join(missing).split()]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        if subprocess.run(get, env=environment, stdout=subprocess.DEVNULL).returncode:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
            subprocess.run(get, env=environment, stdout=subprocess.DEVNULL, check=True)
    finally:
        if mine:
            policy.unlink()


def configure() -> None:
    host = socket.gethostname().split(".")[0]
    try:
        local = socket.gethostbyname(host).startswith("127.")
    except OSError:
        local = False
    if not local:  # the daemons listen at the address of the host's name
        hosts = Path("/etc/hosts")
        hosts.write_text(f"127.0.0.1 {host}\n{hosts.read_text()}")
    for directory in (STATE, STATE / "slurmctld", CONF.parent):
        directory.mkdir(parents=True, exist_ok=True)
    nodes = "\n".join(
        NODE.format(name=node, host=host, port=17000 + number, cpus=CPUS, mb=MEMORY)
        for number, node in enumerate(NODES)
    )
    CONF.write_text(MARK + SLURM_CONF.format(host=host, state=STATE, nodes=nodes))
    CONF.with_name("gres.conf").write_text("Name=gpu File=/dev/null\n")  # as good as any
    accounting = CONF.with_name("slurmdbd.conf")
    accounting.touch(mode=0o600)
    accounting.write_text(SLURMDBD_CONF.format(host=host, state=STATE))


def start_munge() -> None:
    for directory in ("/run/munge", "/var/lib/munge", "/var/log/munge"):
        Path(directory).mkdir(mode=0o755, exist_ok=True)
        shutil.chown(directory, "munge", "munge")
    if not MUNGE_KEY.exists():
        MUNGE_KEY.write_bytes(os.urandom(1024))
    MUNGE_KEY.chmod(0o400)
    shutil.chown(MUNGE_KEY, "munge", "munge")
    as_munge = ["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups"]
    start("munged", [*as_munge, "munged", "--foreground", "--force"])
    until("munge answers", lambda: succeeds("munge", "--no-input"))


def start_accounting() -> None:
    data = STATE / "mysql"
    if not (data / "mysql").exists():
        data.mkdir(exist_ok=True)
        shutil.chown(data, "mysql", "mysql")
        install = ["mariadb-install-db", "--no-defaults", "--user=mysql", "--skip-test-db"]
        subprocess.run(
            [*install, f"--datadir={data}", "--auth-root-authentication-method=normal"],
            stdout=subprocess.DEVNULL,
            check=True,
        )
    shutil.chown(STATE, "mysql")
    options = ["--bind-address=127.0.0.1", "--port=13306", "--skip-log-bin", "--user=mysql"]
    small = ["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0"]
    place = [f"--datadir={data}", f"--socket={SQL_SOCKET}", f"--pid-file={STATE}/mysql.own.pid"]
    start("mariadbd", ["mariadbd", "--no-defaults", *place, *options, *small])
    client = ["--no-defaults", f"--socket={SQL_SOCKET}", "-uroot"]
    until("MariaDB answers", lambda: succeeds("mariadb-admin", *client, "ping"))
    subprocess.run(["mariadb", *client], input=SQL, text=True, check=True)
    start("slurmdbd", ["slurmdbd", "-D"])
    until("slurmdbd answers", lambda: succeeds("sacctmgr", "-n", "show", "cluster"))
    if "study" not in said("sacctmgr", "-nP", "show", "cluster", "format=cluster").split():
        for what in ("cluster study", "account lab cluster=study", "user root account=lab"):
            subprocess.run(["sacctmgr", "-iQ", "add", *what.split()], check=True)


# -- little helpers -------------------------------------------------------------------------

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
os.environ["PATH"] = PATH


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def until(what: str, holds: Callable[[], object], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            sys.exit(
                f"cluster.py: not so after {seconds:.0f} s: {what}; see {STATE}/*.log and *.out"
            )
        time.sleep(0.1)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
