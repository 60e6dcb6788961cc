import { relative } from "node:path";
import { endOnSignals } from "./background.ts";
import { startLiveMesh } from "./live.ts";
import { frozenDir, policyDir, projectDir } from "./paths.ts";
import { writeSeal } from "./seal.ts";
import { readPolicy } from "./watch-source.ts";

/** What to compile. */
export interface CompileOptions {
  /** The folder of the policy; mesh/istio/ unless given. */
  policy?: string;
  /** Ends the compile: nobody wants its result any more. */
  signal?: AbortSignal;
}

/**
 * Compiles the policy: the real istiod reads it, a live Envoy for each workload takes its configuration from it, and what they then
 * hold is written to the folder `out`. All of it runs in a loopback network of its own, beside whatever else runs, and is ended
 * again, also after a failure.
 *
 * @throws Refused, in Envoy's words; Ended, in istiod's.
 */
export async function compileMesh(out: string, { policy = policyDir, signal }: CompileOptions = {}): Promise<void> {
  await using live = await startLiveMesh(readPolicy(policy));
  await live.write(out, signal);
  if (policy === policyDir) await writeSeal(out);
}

if (import.meta.main) {
  endOnSignals();
  const started = performance.now();
  await compileMesh(frozenDir);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `compiled mesh/istio to ${relative(projectDir, frozenDir)}/ in ${seconds} s: see git diff --stat ${relative(projectDir, frozenDir)}`,
  );
}
