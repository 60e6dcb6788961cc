import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Case } from "../cases/format.ts";
import { type Mesh, startMesh } from "../cases/mesh.ts";
import { covered, type PolicyObject } from "../cases/policy.ts";
import { isSlow, runCases } from "../cases/run.ts";
import { workloads } from "../local/topology.ts";
import { frozenDir } from "../tools/paths.ts";
import { createCompiler } from "../tools/watch-compiler.ts";
import { type Laid, layRunning } from "../tools/watch-lay.ts";
import type { PolicyText } from "../tools/watch-source.ts";
import { openWorkFolder } from "../tools/work-folder.ts";
import type { Mutant } from "./operators.ts";

/** What became of a mutant. */
export interface Verdict {
  mutant: Mutant;
  /** `refused`: istiod or Envoy does not take it. `equal`: no Envoy gets anything else than without it. */
  fate: "caught" | "refused" | "survived" | "equal";
  /** The case that caught it, or why it was refused. */
  by: string;
}

/**
 * Compiles each mutant of the policy with the real istiod, lays it before running Envoys and runs the cases, those that are about the file
 * first, until one fails. The next mutant is compiled meanwhile.
 */
export async function* runMutants(
  policy: PolicyText,
  objects: PolicyObject[],
  cases: Case[],
  mutants: Mutant[],
): AsyncGenerator<Verdict> {
  await using compiler = createCompiler();
  await using cleanup = new AsyncDisposableStack();
  const { path: work } = cleanup.use(await openWorkFolder("mesh-mutant"));
  let mesh: Mesh | undefined = await startMesh();
  cleanup.defer(() => mesh?.[Symbol.asyncDispose]());
  const never = new AbortController().signal;

  const compile = async (i: number): Promise<Compiled | undefined> => {
    const mutant = mutants[i];
    if (!mutant) return undefined;
    const changed = new Map(policy);
    if (mutant.text === undefined) changed.delete(mutant.file);
    else changed.set(mutant.file, mutant.text);
    const out = join(work, String(i % 2)); // the one before is still being laid
    try {
      await compiler.compile(changed, out, never);
      return { mutant, out };
    } catch (error) {
      return { mutant, refused: (error as Error).message };
    }
  };
  const judge = async (mutant: Mutant, out: string): Promise<Omit<Verdict, "mutant">> => {
    if (await isEqual(out)) return { fate: "equal", by: "" };
    mesh ??= await startMesh();
    let laid: Laid;
    try {
      ({ mesh, laid } = await layWell(mesh, out));
    } catch (error) {
      return { fate: "refused", by: (error as Error).message };
    }
    if (laid.restart.length === 0) return fateOf(await firstFailure(mesh, objects, cases, mutant, laid));
    // what an Envoy reads only when it starts: others, on this alone; these hold half of it
    await mesh[Symbol.asyncDispose]();
    mesh = undefined;
    const fresh = await startMesh(out).catch((error: Error) => error.message);
    if (typeof fresh === "string") return { fate: "caught", by: "the mesh does not start" };
    await using _ = fresh;
    return fateOf(await firstFailure(fresh, objects, cases, mutant));
  };

  let compiling = compile(0);
  for (let i = 0; ; i++) {
    const compiled = await compiling;
    if (!compiled) return;
    compiling = compile(i + 1);
    const { mutant } = compiled;
    if ("refused" in compiled) yield { mutant, fate: "refused", by: compiled.refused.split("\n")[0] ?? "" };
    else yield { mutant, ...(await judge(mutant, compiled.out)) };
  }
}

async function firstFailure(mesh: Mesh, objects: PolicyObject[], cases: Case[], { file }: Mutant, laid?: Laid) {
  const isAbout = (each: Case) => covered(objects, each).some((object) => object.file === `mesh/istio/${file}`);
  const about = new Set(cases.filter(isAbout));
  // one Envoy calls another on a connection that it has, and that has the old rules until its next answer
  if (laid?.listeners.some((name) => name !== "edge"))
    await runCases(
      mesh,
      [...about].filter((each) => !isSlow(each)),
    );
  const groups = [
    cases.filter((each) => about.has(each) && !isSlow(each)),
    cases.filter((each) => !about.has(each) && !isSlow(each)),
    cases.filter((each) => about.has(each) && isSlow(each)),
  ];
  for (const group of groups) {
    let left = group;
    for (;;) {
      const [failure] = await runCases(mesh, left, { stopAtFirst: true });
      if (!failure) break;
      const { failed } = failure;
      if (await failsAgain(mesh, failed)) return `${failed.at}: ${failed.name}`;
      left = left.filter((each) => each !== failed);
    }
  }
  return undefined;
}

/** Whether a case fails for good, and not because the Envoys were still taking the change. */
async function failsAgain(mesh: Mesh, failed: Case): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    await delay(250);
    const again = await runCases(mesh, [failed]);
    if (again.length === 0) return false;
  }
  return true;
}

/** How long services may take to be found well again: a health check and the answer to it. */
const wellMs = 3_000;

/**
 * Lays a compiled policy before the Envoys. What the mutant of before has upset, a service that it closed, must not be counted against this
 * one: then the policy of the project comes between them.
 *
 * @returns what runs it: other Envoys, when these don't get well.
 * @throws Refused
 */
async function layWell(mesh: Mesh, compiled: string): Promise<{ mesh: Mesh; laid: Laid }> {
  const lay = (onto: Mesh, from: string) =>
    layRunning({ stateDir: onto.stateDir, network: onto.network, compiled: from });
  const laid = await lay(mesh, compiled);
  if (await isWell(mesh)) return { mesh, laid };
  await lay(mesh, frozenDir);
  if (await isWell(mesh)) return { mesh, laid: await lay(mesh, compiled) };
  await mesh[Symbol.asyncDispose]();
  const fresh = await startMesh();
  return { mesh: fresh, laid: await lay(fresh, compiled) };
}

const isWell = (mesh: Mesh) =>
  mesh.settled(wellMs).then(
    () => true,
    () => false,
  );

/** Whether every Envoy would run on the very same files. */
async function isEqual(compiled: string): Promise<boolean> {
  for (const { name, version } of workloads) {
    if (version !== undefined) continue;
    const files = await readdir(join(compiled, name));
    if (files.length !== (await readdir(join(frozenDir, name))).length) return false;
    for (const file of files) {
      const [one, other] = [compiled, frozenDir].map((folder) => readFile(join(folder, name, file), "utf8"));
      if ((await one) !== (await other?.catch(() => undefined))) return false;
    }
  }
  return true;
}

const fateOf = (caught: string | undefined): Omit<Verdict, "mutant"> =>
  caught === undefined ? { fate: "survived", by: "" } : { fate: "caught", by: caught };

type Compiled = { mutant: Mutant } & ({ out: string } | { refused: string });
