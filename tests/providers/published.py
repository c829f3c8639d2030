"""What the hub says of a file that it has."""

import hashlib
from typing import Any


def git_hash(data: bytes) -> str:
    """The hash by which git knows a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def listed(path: str, data: bytes, *, large: bool = False) -> dict[str, Any]:
    """Its entry; of a large file git knows a pointer, and the entry has the hash of the file itself."""
    entry = {"type": "file", "path": path, "size": len(data), "oid": git_hash(b"pointer" if large else data)}
    return entry | ({"lfs": {"oid": hashlib.sha256(data).hexdigest()}} if large else {})
