import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";

/** Writes a file that only its owner may read, by a rename: nobody sees half of it, and Envoy notices. */
export function writePrivate(path: string, text: string): void {
  const partial = `${path}.${randomBytes(4).toString("hex")}`;
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, path);
}
