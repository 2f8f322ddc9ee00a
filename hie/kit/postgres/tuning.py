"""Server settings fitted to the machine and to the exchange's work.

https://www.postgresql.org/docs/18/runtime-config.html
"""

import os
from collections.abc import Mapping
from pathlib import Path

MEGABYTE = 1 << 20


def memory() -> int:
    """Bytes of memory this process may count on: the machine's, or its container's if less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [machine]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        file = Path("/sys/fs/cgroup") / name
        text = file.read_text().strip() if file.exists() else "max"
        if text.isdigit():
            limits.append(int(text))
    return min(limits)


def settings(total: int) -> dict[str, str]:
    """The settings for a machine with `total` bytes, which the server shares with the exchange."""
    megabytes = total // MEGABYTE
    return {
        "max_connections": "200",
        "shared_buffers": f"{_between(64, megabytes // 5, 4096)}MB",
        "effective_cache_size": f"{_between(128, megabytes // 2, 1 << 20)}MB",
        "work_mem": f"{_between(4, megabytes // 500, 64)}MB",
        "maintenance_work_mem": f"{_between(32, megabytes // 20, 1024)}MB",
        # An acknowledged record is on the disk.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # Loads write much: fewer checkpoints, smaller page images.
        "wal_compression": "on",
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        # Solid-state disks; queries that name a patient live on index reads.
        "random_page_cost": "1.1",
        "jit": "off",
        "default_statistics_target": "200",
        # Index tables are large and change a little all day.
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_analyze_scale_factor": "0.02",
        "autovacuum_vacuum_insert_scale_factor": "0.05",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # No statement and no row detail in the log: both may hold what a patient told a doctor.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
        "logging_collector": "on",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
    }


def render(own: Mapping[str, str], included: Path, fixed: Mapping[str, str]) -> str:
    """The text of `postgresql.conf`: what `included` says wins over `own` but not over `fixed`."""
    lines = [
        *(f"{name} = {quoted(value)}" for name, value in own.items()),
        f"include = {quoted(str(included))}",
        *(f"{name} = {quoted(value)}" for name, value in fixed.items()),
    ]
    return "\n".join([*lines, ""])


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
