"""What CI and the image install is locked, by hashes, and the locks fit what the project says it needs."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = {".ci/dev.lock": "dev", "docs/serving/server.lock": "server"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def wanted(extra: str) -> list[Requirement]:
    """The dependencies with those of `extra`, and of the extras that it names in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found, extras = [Requirement(text) for text in project["dependencies"]], [extra]
    for name in extras:
        for requirement in map(Requirement, project["optional-dependencies"][name]):
            if requirement.name == "voicecli":
                extras += requirement.extras
            else:
                found.append(requirement)
    return found


def locked(lock: str) -> list[tuple[Requirement, int]]:
    """Each package with the number of its hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(Requirement(line.split(" --hash=")[0]), line.count("--hash=sha256:")) for line in lines]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_its_hashes_and_comes_from_nowhere_named(lock: str) -> None:
    packages = locked(lock)
    assert len(packages) > 30
    assert all(hashes for _, hashes in packages)
    assert "://" not in (ROOT / lock).read_text(encoding="utf-8")
    assert not {"torch", "silero-vad"} & {package.name for package, _ in packages}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_what_the_project_needs(lock: str, python: str) -> None:
    """`sh .ci/lock` or `make lock` writes it anew."""
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}

    def fits(requirement: Requirement) -> bool:
        return requirement.marker is None or requirement.marker.evaluate(here)

    versions: dict[str, Version] = {}
    for package, _ in locked(lock):
        if fits(package):
            name = re.sub(r"[-_.]+", "-", package.name).lower()
            assert name not in versions, "two versions at once"
            versions[name] = Version(str(package.specifier).removeprefix("=="))
    for requirement in filter(fits, wanted(LOCKS[lock])):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert requirement.specifier.contains(versions[name], prereleases=True), requirement


def test_the_image_is_pinned() -> None:
    lines = (ROOT / "docs" / "serving" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    images = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert images
    assert all(re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", image) for image in images)
