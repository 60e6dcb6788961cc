import { existsSync, mkdirSync, openSync, renameSync } from "node:fs";
import { join } from "node:path";

/** Where a process writes: `<dir>/<name>.log`, open for appending. `rotate` keeps the old one as `.log.1` and begins anew. */
export function openLog(dir: string, name: string, rotate: boolean): number {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, `${name}.log`);
  if (rotate && existsSync(path)) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o640);
}
