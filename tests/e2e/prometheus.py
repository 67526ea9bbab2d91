"""The real Prometheus of Debian's packages on loopback, with our rules, scraping pages that our services serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from ruamel.yaml import YAML

from tests.pager.real_alertmanager import free_port, until
from tests.prometheus_tools import program

RULES = Path(__file__).parents[2] / "deploy" / "prometheus"
EVERY = "1s"


class Prometheus:
    """One process that scrapes each job every second."""

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        """Prepare, by the example of a configuration: only addresses, pace and storage differ."""
        self._process: asyncio.subprocess.Process | None = None
        self._folder = folder
        self.url = ""
        yaml = YAML(typ="safe")
        config: dict[str, Any] = yaml.load(RULES / "prometheus.yml")
        config["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), EVERY)
        config["rule_files"] = [str(RULES / "rules.yml")]
        del config["alerting"]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        yaml.dump(config, folder / "prometheus.yml")

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until(self._is_ready, 60)

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return what a query finds; one that cannot be read or run fails."""
        async with aiohttp.ClientSession() as session:
            asked = {"query": expression}
            async with session.get(f"{self.url}/api/v1/query", params=asked) as response:
                said = await response.json()
        assert said["status"] == "success", f"{expression}: {said.get('error')}"
        found: list[dict[str, Any]] = said["data"]["result"]
        return found

    async def rules(self) -> dict[str, str]:
        """Return the health of every rule, by name."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.url}/api/v1/rules") as response:
                said = await response.json()
        each = (rule for group in said["data"]["groups"] for rule in group["rules"])
        return {rule["name"]: rule["health"] for rule in each}

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, "Prometheus ended at once"
        try:
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{self.url}/-/ready") as response:
                    return response.status == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def running(folder: Path, targets: Mapping[str, str]) -> AsyncIterator[Prometheus]:
    """Yield one that runs."""
    prometheus = Prometheus(folder, targets)
    try:
        await prometheus.start()
        yield prometheus
    finally:
        await prometheus.stop()
