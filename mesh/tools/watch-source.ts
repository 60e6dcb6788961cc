import { type FSWatcher, globSync, mkdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A policy at one moment: file, relative to its folder -> text. */
export type PolicyText = ReadonlyMap<string, string>;

/** Reads the policy in the folder `policy`. */
export function readPolicy(policy: string): PolicyText {
  const files = globSync(["mesh-config.yaml", "*/*.yaml"], { cwd: policy }).sort();
  return new Map(files.flatMap((file) => read(policy, file)));
}

/** A file that was removed this very moment is none. */
function read(policy: string, file: string): [string, string][] {
  try {
    return [[file, readFileSync(join(policy, file), "utf8")]];
  } catch {
    return [];
  }
}

/** Writes a policy to an empty folder. */
export function writePolicy(policy: PolicyText, folder: string): void {
  for (const [file, text] of policy) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

/** The files in which two policies differ, sorted. */
export function changedFiles(before: PolicyText, after: PolicyText): string[] {
  const files = new Set([...before.keys(), ...after.keys()]);
  return [...files].filter((file) => before.get(file) !== after.get(file)).sort();
}

/** The first line, counted from 1, in which two texts differ; undefined when none does. */
export function firstChange(before: string, after: string): number | undefined {
  if (before === after) return undefined;
  const [old, now] = [before.split("\n"), after.split("\n")];
  const line = now.findIndex((text, i) => text !== old[i]);
  return line === -1 ? now.length : line + 1;
}

/** Calls `onChange` when something may have changed in the folder or a folder in it, however an editor saves. Returns what ends it. */
export function onPolicyEvents(policy: string, onChange: () => void): () => void {
  const watchers = new Map<string, FSWatcher>();
  const arm = () => {
    for (const folder of [".", ...globSync("*/", { cwd: policy })]) {
      if (watchers.has(folder)) continue;
      const watcher = watchFolder(join(policy, folder), () => {
        arm(); // the folder may be new
        onChange();
      });
      const forget = () => {
        watcher.close();
        watchers.delete(folder);
      };
      watcher.on("error", forget); // the folder is gone
      watchers.set(folder, watcher);
    }
  };
  arm();
  return () => {
    for (const watcher of watchers.values()) watcher.close();
  };
}

function watchFolder(folder: string, tell: () => void): FSWatcher {
  try {
    return watch(folder, tell);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EMFILE") throw error;
    throw new Error(
      "other programs hold all inotify instances that Linux gives this user: sudo sysctl fs.inotify.max_user_instances=512, and start again",
    );
  }
}
