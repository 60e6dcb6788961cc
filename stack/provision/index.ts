import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../fault.ts";
import { cacheDir } from "../paths.ts";
import { promtool } from "./debian.ts";
import { type Engine, isExecutable, type OnProgress } from "./engine.ts";
import { istioctl, istiod, jaeger } from "./go.ts";
import { kafka } from "./kafka.ts";
import { withLock } from "./lock.ts";
import { findPostgres } from "./postgres.ts";
import { envoy, redis } from "./python.ts";
import { temporal } from "./temporal.ts";

const engines = { envoy, redis, kafka, jaeger, temporal, istiod, istioctl, promtool };

/** What can be provided. */
export type EngineName = keyof typeof engines | "postgres";

/**
 * Gives the path of an engine: its program, or for kafka and postgres the folder of its jars or of its `bin`, `lib` and `share`.
 * What `<NAME>_BIN` names comes first, then what is on PATH and will do, then the user's cache, which is filled the first time.
 */
export async function provision(name: EngineName, onProgress: OnProgress = () => undefined): Promise<string> {
  const variable = `${name.toUpperCase()}_BIN`;
  const chosen = process.env[variable];
  if (chosen) {
    if (!(await isExecutable(chosen))) throw new Fault(`${name}: ${variable} names ${chosen}, which cannot be run`);
    return chosen;
  }
  if (name === "postgres") return findPostgres();
  return provisionEngine(engines[name], onProgress);
}

/** Whether `provision` would give it at once. */
export async function isProvided(name: Exclude<EngineName, "postgres">): Promise<boolean> {
  if (process.env[`${name.toUpperCase()}_BIN`]) return true;
  const engine = engines[name];
  return (
    (await engine.find?.()) !== undefined || exists(join(cacheDir, `${engine.name}-${engine.version}`, engine.path))
  );
}

/** Gives the path of one engine, by `cache`. Safe when several processes ask at once: one installs, the others wait. */
export async function provisionEngine(
  engine: Engine,
  onProgress: OnProgress,
  cache: string = cacheDir,
): Promise<string> {
  const found = await engine.find?.();
  if (found) return found;
  const folder = join(cache, `${engine.name}-${engine.version}`);
  const path = join(folder, engine.path);
  if (await exists(path)) return path;
  await withLock(
    folder,
    async () => {
      if (!(await exists(path))) await install(engine, cache, folder, onProgress);
    },
    () => onProgress("waiting for another run that installs it"),
  );
  return path;
}

/** Installs beside the final folder and renames when complete, so that half an engine is never used. */
async function install(engine: Engine, cache: string, folder: string, onProgress: OnProgress): Promise<void> {
  await mkdir(cache, { recursive: true });
  const prefix = `.${engine.name}-`;
  // Whoever left these behind is gone: this process holds the lock.
  for (const entry of await readdir(cache)) {
    if (entry.startsWith(`${prefix}${engine.version}.`)) await rm(join(cache, entry), { recursive: true, force: true });
  }
  const partial = await mkdtemp(join(cache, `${prefix}${engine.version}.`));
  try {
    await engine.install(partial, onProgress);
    if (!(await exists(join(partial, engine.path))))
      throw new Fault(`${engine.name}: its package holds no ${engine.path}`);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
