import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivate } from "./private-file.ts";

/** The secrets of one stack: made at its first start, one file each, readable by its owner alone. */
export interface Secrets {
  /** A password or token of 192 random bits, the same at every start. */
  get(name: string): string;
  /** The file that holds it. `bytes` random bytes in hex when it is made; without it, as `get` makes it. */
  file(name: string, bytes?: number): string;
}

/** Keeps secrets in `dir`. */
export function openSecrets(dir: string): Secrets {
  mkdirSync(dir, { recursive: true, mode: 0o700 });

  function file(name: string, bytes?: number): string {
    const path = join(dir, name);
    if (read(path) === undefined) {
      writePrivate(path, bytes ? randomBytes(bytes).toString("hex") : randomBytes(24).toString("base64url"));
    }
    return path;
  }

  return {
    file,
    get: (name) => readFileSync(file(name), "utf8").trim(),
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
