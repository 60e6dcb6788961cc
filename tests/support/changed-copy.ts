import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { root } from "../../stack/paths.ts";

/** Replaces what stands once in a file. */
export interface Change {
  file: string;
  from: string;
  to: string;
}

/** A copy of `parts` of the sources, in which some things are other than here, for as long as the test runs. */
export function changedCopy(t: TestContext, parts: string[], changes: Change[]): string {
  const copy = mkdtempSync(join(tmpdir(), "changed-"));
  t.after(() => rmSync(copy, { recursive: true }));
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  for (const { file, from, to } of changes) {
    const pieces = readFileSync(join(copy, file), "utf8").split(from);
    assert.equal(pieces.length, 2, `${file} holds once what is to be changed`);
    writeFileSync(join(copy, file), pieces.join(to));
  }
  return copy;
}
