import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addresses, format, relocate, sidecars, type Workload, workloads } from "../local/topology.ts";
import { eventually } from "./background.ts";
import { canonicalJson, Refused, refusals } from "./freeze.ts";
import { envoyDir } from "./render.ts";

/** Where the Envoys run, and what they are to run on. */
export interface LayOptions {
  stateDir: string;
  network: number;
  /** The folder that a compile filled. */
  compiled: string;
}

/** What was laid. */
export interface Laid {
  /** The workloads whose files have changed. */
  workloads: string[];
  /** Those among them whose listeners have changed: their rate limit buckets begin anew, full. */
  listeners: string[];
  /** Those that take their change only when they are started again. */
  restart: string[];
}

type Files = Map<string, string>;

/**
 * Lays compiled files before the running Envoys so that no call fails meanwhile: the sidecars together, then the edge, which calls them;
 * of each, clusters before the routes that name them, and clusters that nobody names any more last. An Envoy that does not run reads
 * them when it starts.
 *
 * @throws Refused when an Envoy does not take them; all of them have the files of before again then.
 */
export async function layRunning(options: LayOptions): Promise<Laid> {
  const laid: Laid = { workloads: [], listeners: [], restart: [] };
  const done: [Workload, Files][] = [];
  const layAll = async (targets: readonly Workload[]) => {
    const ended = await Promise.allSettled(targets.map((target) => layOn(target, options, laid, done)));
    const refused = ended.find(({ status }) => status === "rejected");
    if (refused) throw (refused as PromiseRejectedResult).reason;
  };
  try {
    await layAll(sidecars);
    await layAll(workloads.filter(({ role }) => role === "router"));
    const inOrder = (names: string[]) => workloads.map(({ name }) => name).filter((name) => names.includes(name));
    return { workloads: inOrder(laid.workloads), listeners: inOrder(laid.listeners), restart: inOrder(laid.restart) };
  } catch (error) {
    const { stateDir, network } = options;
    const giveBack = async ([target, before]: [Workload, Files]) =>
      layOne(target, await readFiles(envoyDir(stateDir, target.name)), before, stateDir, network);
    // what one does not take back keeps the others from nothing: the first refusal is what is told
    for (const each of done.toReversed()) await giveBack(each).catch(() => {});
    throw error;
  }
}

/** Lays what has changed for one Envoy, and says so in `laid`; `done` keeps what it had before. */
async function layOn(
  target: Workload,
  { stateDir, network, compiled }: LayOptions,
  laid: Laid,
  done: [Workload, Files][],
): Promise<void> {
  const { name } = target;
  const before = await readFiles(envoyDir(stateDir, name));
  const after = await readFiles(join(compiled, name), (text) => relocate(text, 0, network));
  const changed = [...after].filter(([file, text]) => before.get(file) !== text).map(([file]) => file);
  if (changed.length === 0 && before.size === after.size) return;
  laid.workloads.push(name);
  if (changed.includes("lds.json") && before.size > 0) laid.listeners.push(name);
  if (changed.includes("bootstrap.json") && before.size > 0) laid.restart.push(name);
  done.push([target, new Map(before)]);
  await layOne(target, before, after, stateDir, network);
}

async function layOne(target: Workload, before: Files, after: Files, stateDir: string, network: number) {
  const dir = envoyDir(stateDir, target.name);
  const admin = `http://${format(addresses(network).admin(target))}`;
  /** Replaces files that are one part of its configuration together. */
  const replace = async (files: [string, string][], part?: Part) => {
    const changed = files.filter(([file, text]) => before.get(file) !== text);
    if (changed.length === 0) return;
    const seen = part && before.size > 0 ? await counted(admin, part) : undefined;
    // of a new one it hears later, from the file that names it
    const old = changed.flatMap(([file]) => (before.has(file) ? [[file, before.get(file)!] as const] : []));
    for (const [file, text] of changed) {
      await write(file, text);
      before.set(file, text);
    }
    if (!part || !seen) return;
    try {
      await taken(target, admin, part, seen, old.length);
    } catch (error) {
      // it runs on the old ones still, so it will not say that it takes them
      for (const [file, text] of old) await write(file, text);
      throw error;
    }
  };
  const write = async (file: string, text: string) => {
    await writeFile(join(dir, `${file}.new`), text);
    await rename(join(dir, `${file}.new`), join(dir, file));
  };
  const filesOf = (part: Part | undefined) => [...after].filter(([file]) => partOf(file) === part);
  await replace(filesOf(undefined));
  const both = withOld(before.get("cds.json"), after.get("cds.json"));
  if (both) await replace([["cds.json", both]], "cds");
  for (const part of ["rds", "lds", "cds"] as const) await replace(filesOf(part), part);
  for (const file of before.keys()) if (!after.has(file)) await rm(join(dir, file), { force: true });
}

type Part = "cds" | "rds" | "lds";
const partOf = (file: string): Part | undefined => /^([crl]ds)\b.*\.json$/.exec(file)?.[1] as Part | undefined;

/** The new clusters, and those of the old ones that are gone: for as long as old routes lead there. */
function withOld(old: string | undefined, now: string | undefined): string | undefined {
  if (!old || !now) return now;
  const [before, after] = [JSON.parse(old), JSON.parse(now)];
  const names = new Set(after.resources.map(({ name }: { name: string }) => name));
  const gone = before.resources.filter(({ name }: { name: string }) => !names.has(name));
  return gone.length === 0 ? now : canonicalJson({ ...after, resources: [...after.resources, ...gone] });
}

interface Counts {
  taken: number;
  refused: number;
  warming: number;
}

/** How often Envoy took and refused a part of its configuration so far; undefined when it does not run. */
async function counted(admin: string, part: Part): Promise<Counts | undefined> {
  const filter = `(\\.${part}\\..*update_|warming)`;
  const response = await fetch(`${admin}/stats?filter=${encodeURIComponent(filter)}`).catch(() => undefined);
  if (!response?.ok) return undefined;
  const counts: Counts = { taken: 0, refused: 0, warming: 0 };
  for (const [, name, value] of (await response.text()).matchAll(/^(.+): (\d+)$/gm)) {
    if (name!.endsWith("update_success")) counts.taken += Number(value);
    if (/update_(rejected|failure)$/.test(name!)) counts.refused += Number(value);
    if (name!.endsWith("warming") || name!.endsWith("warming_clusters")) counts.warming += Number(value);
  }
  return counts;
}

/** Waits until a running Envoy has taken the `files` that were just laid, and what they name is there. */
async function taken(target: Workload, admin: string, part: Part, before: Counts, files: number): Promise<void> {
  await eventually(
    async () => {
      const now = await counted(admin, part);
      if (!now) return; // it has ended, and will start on the new files
      if (now.refused > before.refused)
        throw new Refused(`the Envoy of ${target.name} refuses it: ${await refusal(admin)}`);
      if (now.taken < before.taken + files || now.warming > 0)
        throw new Error(`the Envoy of ${target.name} has not taken its ${part} yet`);
    },
    20_000,
    15,
  );
}

async function refusal(admin: string): Promise<string> {
  const said = refusals(await (await fetch(`${admin}/config_dump`)).json());
  return said.join("\n") || "it does not say why";
}

async function readFiles(dir: string, change = (text: string) => text): Promise<Files> {
  const names = (await readdir(dir).catch(() => [])).filter((file) => file.endsWith(".json")).sort();
  const read = names.map(async (file) => [file, change(await readFile(join(dir, file), "utf8"))] as const);
  return new Map(await Promise.all(read));
}
