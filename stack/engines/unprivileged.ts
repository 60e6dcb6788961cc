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

/** For what a user who can't reach somebody's home must reach. */
const shared = "/var/tmp/game-mesh";

/** Where the data of `path` stands instead when its user can't reach `path`: the same folder for the same path. */
export const outsidePath = (path: string): string =>
  join(shared, createHash("sha256").update(resolve(path)).digest("hex").slice(0, 16));

/** A folder that `user` reaches: `path`, or if need be one under /var/tmp. Only folders above it are made. */
export function reachable(user: User, path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  if (reaches(user, path)) return path;
  makeShared();
  return outsidePath(path);
}

/** `folder`, or a copy of it that `user` reaches. `name` tells this version of it from others. */
export function reachableCopy(user: User, folder: string, name: string): string {
  if (reaches(user, join(folder, "."))) return folder;
  makeShared();
  const copy = join(shared, name);
  if (isDirectory(copy)) return copy;
  const partial = `${copy}.${process.pid}`;
  cpSync(folder, partial, { recursive: true, verbatimSymlinks: true });
  chmodSync(partial, 0o755);
  try {
    renameSync(partial, copy);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another run was quicker.
    if (!isDirectory(copy)) throw error;
  }
  return copy;
}

/** /var/tmp belongs to everybody: a folder of that name which is somebody else's is not to be trusted. */
function makeShared(): void {
  mkdirSync(shared, { recursive: true });
  const made = lstatSync(shared);
  if (!made.isDirectory() || made.uid !== 0) throw new Fault(`${shared} belongs to somebody else: remove it`);
  chmodSync(shared, 0o711);
}

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
