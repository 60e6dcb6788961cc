import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { relocate, workloads } from "../local/topology.ts";
import { frozenDir } from "./paths.ts";

/** Where a stack keeps its state, and the loopback network that it lives in. */
export interface RenderOptions {
  stateDir: string;
  network: number;
  /** The folder of the compiled files; `envoy/` when there is none. */
  frozen?: string;
}

/** How an Envoy is started in the working directory that `renderMesh` filled, after the path of the binary. */
export const envoyArguments = (concurrency: number): string[] => [
  ...["-c", "./bootstrap.json", "--concurrency", String(concurrency), "--disable-hot-restart", "-l", "warning"],
  // a line for each use of a field that istiod still writes and Envoy wants to drop
  // and one for each time that the stack, which it gets its files from, is not there
  ...["--component-log-level", "misc:error,config:error"],
  // who has a connection open learns of a new policy with its next answer: it is asked to come again. What is under way may end
  ...["--drain-strategy", "immediate"],
  // the access log is written after a second, not after ten
  ...["--file-flush-interval-msec", "1000"],
];

/** The working directory of a workload's Envoy: its configuration, and `certs/`, which the stack fills. */
export const envoyDir = (stateDir: string, workload: string): string => join(stateDir, "mesh", workload);

/**
 * Lays the committed configuration of every workload into its Envoy's working directory, in the addresses of `network`. A file is
 * replaced by rename and only when it differs: a running Envoy takes over what has changed, at once.
 */
export async function renderMesh({ stateDir, network, frozen = frozenDir }: RenderOptions): Promise<void> {
  for (const { name, version } of workloads) {
    const from = join(frozen, name);
    const to = envoyDir(stateDir, name);
    await mkdir(join(to, "certs"), { recursive: true });
    if (version !== undefined && !existsSync(from)) continue; // it is compiled when it runs, and never committed
    const files = await readdir(from);
    // routes, endpoints and secrets before the clusters and listeners that name them
    for (const file of files.toSorted((a, b) => rank(a) - rank(b)))
      await replace(join(to, file), relocate(await readFile(join(from, file), "utf8"), 0, network));
    for (const file of await readdir(to)) if (file.endsWith(".json") && !files.includes(file)) await rm(join(to, file));
  }
}

const rank = (file: string) => ["cds.json", "lds.json", "bootstrap.json"].indexOf(file);

async function replace(file: string, text: string): Promise<void> {
  const current = await readFile(file, "utf8").catch(() => undefined);
  if (current === text) return;
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
