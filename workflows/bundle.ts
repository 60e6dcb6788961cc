import { createHash } from "node:crypto";
import { globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleWorkflowCode } from "@temporalio/worker";
import type { Log } from "#kit/log.ts";
import { createTemporalLog } from "./temporal-log.ts";

const root = join(import.meta.dirname, "..");
const cacheDir = join(root, "node_modules", ".cache", "workflows");
const keepMs = 24 * 3_600_000;

/**
 * The workflows as one script for Temporal's isolate, in which they see no clock, network or module of Node. Node's type stripping does not
 * reach in there: Temporal's bundler takes the types out by swc, and refuses what is not deterministic.
 *
 * That takes seconds, in which a worker that was killed does not work. So the script is kept, by a hash of all that it is made of.
 */
export async function bundleWorkflows(log?: Log): Promise<{ code: string }> {
  const name = `${hashOfSources()}.js`;
  try {
    return { code: readFileSync(join(cacheDir, name), "utf8") };
  } catch {
    const { code } = await bundle(import.meta.dirname, log);
    keep(name, code, log);
    return { code };
  }
}

/** Bundles the workflows that `folder` holds. */
export const bundle = (folder: string, log?: Log): Promise<{ code: string }> =>
  bundleWorkflowCode({
    ...(log && { logger: createTemporalLog(log) }),
    workflowsPath: join(folder, "index.ts"),
    preloadModules: [join(folder, "short-stacks.ts")],
    workflowInterceptorModules: [join(folder, "spans.ts")],
  });

/** What goes into the script: ours by content, Temporal's by version. */
const packages = ["worker", "workflow", "common", "interceptors-opentelemetry-v2"];

function hashOfSources(): string {
  const hash = createHash("sha256");
  const sources = globSync("**/*.ts", { cwd: import.meta.dirname }).sort();
  const files = [
    ...sources.map((file) => join(import.meta.dirname, file)),
    ...packages.map((name) => join(root, "node_modules", "@temporalio", name, "package.json")),
  ];
  for (const file of files) hash.update(`${file.slice(root.length)}\n`).update(readFileSync(file));
  return hash.digest("hex");
}

/** Those of before are left for a day: another worker may be reading one. Where nothing can be written, the next worker bundles again. */
function keep(name: string, code: string, log?: Log): void {
  try {
    mkdirSync(cacheDir, { recursive: true });
    const draft = join(cacheDir, `${name}.${process.pid}`);
    writeFileSync(draft, code);
    // At once whole: a worker may be killed at any time.
    renameSync(draft, join(cacheDir, name));
    for (const file of readdirSync(cacheDir).map((other) => join(cacheDir, other)))
      if (Date.now() - statSync(file).mtimeMs > keepMs) rmSync(file, { force: true });
  } catch (error) {
    log?.debug({ err: (error as Error).message }, "the workflows' bundle can't be kept");
  }
}
