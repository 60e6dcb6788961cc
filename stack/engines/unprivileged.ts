import { createHash } from "node:crypto";
import { chmodSync, cpSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Fault } from "../fault.ts";

/** A user of this machine. */
export interface User {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Who runs what refuses to run as root: undefined when this process is not root, else the first of `names` that the machine has.
 */
export function unprivilegedUser(names: readonly string[] = ["postgres", "nobody"]): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const known = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of names) {
    const fields = known.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields && Number(fields[2]) > 0) return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Fault(
    `postgres does not run as root, and this machine has no user ${names.join(" or ")}: run as another user`,
  );
}

/** Whether `user` can pass through all folders above `path`. */
export function reaches(user: User, path: string): boolean {
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** Where the data of `path` stands instead when its user can't reach `path`: the same folder for the same path. */
export const outsidePath = (path: string): string =>
  join("/var/tmp/game-mesh", createHash("sha256").update(resolve(path)).digest("hex").slice(0, 16));

/** A folder that `user` reaches: `path`, or if need be one under /var/tmp. Only folders above it are made. */
export function reachable(user: User, path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  if (reaches(user, path)) return path;
  const outside = outsidePath(path);
  const shared = dirname(outside);
  mkdirSync(shared, { recursive: true });
  // /var/tmp belongs to everybody: somebody else's folder of that name is not to be trusted.
  const made = lstatSync(shared);
  if (!made.isDirectory() || made.uid !== 0) throw new Fault(`${shared} belongs to somebody else: remove it`);
  chmodSync(shared, 0o711);
  return outside;
}

/** `folder`, or a copy of it that `user` reaches. */
export function reachableCopy(user: User, folder: string): string {
  const copy = reachable(user, folder);
  if (copy === folder || isDirectory(copy)) return copy;
  const partial = `${copy}.${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  cpSync(folder, partial, { recursive: true, verbatimSymlinks: true });
  chmodSync(partial, 0o755);
  try {
    renameSync(partial, copy);
  } catch (error) {
    // Another run was quicker.
    rmSync(partial, { recursive: true, force: true });
    if (!isDirectory(copy)) throw error;
  }
  return copy;
}

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
