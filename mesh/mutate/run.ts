import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Case } from "../cases/format.ts";
import { type Mesh, startMesh } from "../cases/mesh.ts";
import { covered, type PolicyObject } from "../cases/policy.ts";
import { isSlow, runCases } from "../cases/run.ts";
import { frozenDir } from "../tools/paths.ts";
import { createCompiler } from "../tools/watch-compiler.ts";
import { layRunning } from "../tools/watch-lay.ts";
import type { PolicyText } from "../tools/watch-source.ts";
import type { Mutant } from "./operators.ts";

/** What became of a mutant. */
export interface Verdict {
  mutant: Mutant;
  /** `refused`: istiod or Envoy does not take it. */
  fate: "caught" | "refused" | "survived";
  /** The case that caught it, or why it was refused. */
  by: string;
}

/**
 * Compiles each mutant of the policy with the real istiod, lays it before running Envoys and runs the cases, those that are about the file
 * first, until one fails.
 */
export async function* runMutants(
  policy: PolicyText,
  objects: PolicyObject[],
  cases: Case[],
  mutants: Mutant[],
): AsyncGenerator<Verdict> {
  await using compiler = createCompiler();
  const out = await mkdtemp(join(tmpdir(), "mesh-mutant-"));
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => rm(out, { recursive: true, force: true }));
  let mesh: Mesh | undefined = await startMesh();
  cleanup.defer(() => mesh?.[Symbol.asyncDispose]());
  const never = new AbortController().signal;

  for (const mutant of mutants) {
    const changed = new Map(policy);
    if (mutant.text === undefined) changed.delete(mutant.file);
    else changed.set(mutant.file, mutant.text);
    const refused = await compiler.compile(changed, out, never).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (refused !== undefined) {
      yield { mutant, fate: "refused", by: refused.split("\n")[0] ?? "" };
      continue;
    }
    mesh ??= await startMesh();
    const laid = await layRunning({ stateDir: mesh.stateDir, network: mesh.network, compiled: out }).catch(
      (error: Error) => error.message,
    );
    if (typeof laid === "string") {
      yield { mutant, fate: "refused", by: laid };
      continue;
    }
    let caught: string | undefined;
    if (laid.restart.length > 0) {
      // what an Envoy reads only when it starts: others, on this alone
      const fresh = await startMesh(out).catch((error: Error) => error.message);
      if (typeof fresh === "string") caught = "the mesh does not start";
      else {
        caught = await firstFailure(fresh, objects, cases, mutant);
        await fresh[Symbol.asyncDispose]();
      }
      // it holds half of the mutant
      await mesh[Symbol.asyncDispose]();
      mesh = undefined;
    } else if (laid.workloads.length > 0) {
      caught = await firstFailure(mesh, objects, cases, mutant);
      // Envoys that a mutant has upset are not trusted with the next one
      if (caught !== undefined && !(await wellAgain(mesh))) {
        await mesh[Symbol.asyncDispose]();
        mesh = undefined;
      }
    }
    yield { mutant, fate: caught === undefined ? "survived" : "caught", by: caught ?? "" };
  }
}

async function firstFailure(mesh: Mesh, objects: PolicyObject[], cases: Case[], { file }: Mutant) {
  const isAbout = (each: Case) => covered(objects, each).some((object) => object.file === `mesh/istio/${file}`);
  const about = new Set(cases.filter(isAbout));
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
  for (let attempt = 0; attempt < 4; attempt++) {
    await delay(250);
    const again = await runCases(mesh, [failed]);
    if (again.length === 0) return false;
  }
  return true;
}

/** Lays the policy of the project again. */
async function wellAgain(mesh: Mesh): Promise<boolean> {
  try {
    await layRunning({ stateDir: mesh.stateDir, network: mesh.network, compiled: frozenDir });
    await mesh.settled();
    return true;
  } catch {
    return false;
  }
}
