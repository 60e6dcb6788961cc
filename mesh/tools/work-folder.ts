import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An empty folder until it is disposed of. It goes with this process at the latest. */
export interface WorkFolder extends AsyncDisposable {
  readonly path: string;
}

const open = new Set<string>();
process.once("exit", () => {
  for (const path of open)
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // A process that ends with this one may still write there.
    }
});

export async function openWorkFolder(name: string): Promise<WorkFolder> {
  const path = await mkdtemp(join(tmpdir(), `${name}-`));
  open.add(path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
      open.delete(path);
    },
  };
}
