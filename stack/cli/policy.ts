import { setTimeout as pause } from "node:timers/promises";
import { versions, workloads } from "../../mesh/local/topology.ts";
import { brokenSeal } from "../../mesh/tools/seal.ts";
import { type Edit, type Watching, watchMesh } from "../../mesh/tools/watch.ts";
import { lineOf } from "../fault.ts";
import { isProvided, provision } from "../provision/index.ts";
import type { Stack } from "../stack.ts";
import type { Screen } from "./screen.ts";

/** The policy of a running platform. */
export interface FollowedPolicy {
  /** What to know of it now, in lines for people; none when the Envoys run on `envoy/` as it is committed. */
  lines(): Promise<string[]>;
  stop(): Promise<void>;
}

/**
 * Makes each edit of mesh/istio/ live while the platform runs, and tells of it on the screen. Nothing waits for it: it begins when
 * istiod is there, and that is compiled, the first time, once everything else runs.
 */
export function followPolicy(stack: Stack, screen: Screen): FollowedPolicy {
  const stopping = new AbortController();
  let watching: Watching | undefined;
  let last: Edit | undefined;

  async function begin(): Promise<void> {
    const present = (await isProvided("istiod")) && (await isProvided("istioctl"));
    if (!present) {
      await allReady(stack, stopping.signal);
      if (stopping.signal.aborted) return;
      screen.line(
        "policy",
        "compiling istiod in the background, only once; until it is there, edits of mesh/istio/ wait",
      );
    }
    // neither compiles before the other is done: two processors are the platform's too
    await provision("istiod");
    const istioctl = await provision("istioctl");
    if (stopping.signal.aborted) return;
    if (!present) screen.line("policy", "istiod is there: edits of mesh/istio/ are live from now on", "good");
    const { stateDir, network } = stack;
    watching = watchMesh({
      stateDir,
      network,
      istioctl,
      warmUp: allReady(stack, stopping.signal),
      onEdit(edit) {
        last = edit;
        for (const [text, mood] of describeEdit(edit)) screen.line("policy", text, mood);
      },
    });
  }
  begin().catch((error) => screen.line("policy", `edits of mesh/istio/ do not go live: ${lineOf(error)}`, "bad"));

  return {
    async lines() {
      const edited = await brokenSeal();
      return [
        ...(last?.findings ?? []).map(({ file, line, reason }) => `refused: mesh/istio/${file}:${line}: ${reason}`),
        ...(edited ? [`${edited}; npm run mesh:compile makes that the policy of the next start`] : []),
        ...versions().map(({ name, service }) => `${name} runs beside ${service}`),
      ];
    },
    async stop() {
      stopping.abort();
      await watching?.stop();
    },
  };
}

/** What the screen says of an edit. */
export function describeEdit({ files, laid, findings, tookMs }: Edit): [string, "good" | "bad" | "calm"][] {
  if (!laid)
    return [
      ...findings.map(({ file, line, reason }): [string, "bad"] => [`mesh/istio/${file}:${line}: ${reason}`, "bad"]),
      ["refused; the policy of before stays", "bad"],
    ];
  const what = files.length > 3 ? `${files.length} files` : files.join(", ");
  if (files.length === 0 && laid.workloads.length === 0) return [["the policy is again what is live", "calm"]];
  if (laid.workloads.length === 0) return [[`${what}: changes nothing for Envoy`, "calm"]];
  const where = laid.workloads.length === workloads.length ? "every Envoy" : laid.workloads.join(", ");
  const anew = laid.listeners.includes("edge") ? "; rate limits begin anew" : "";
  const restart = laid.restart.length > 0 ? `; in part only after npm run restart -- ${laid.restart.join(" ")}` : "";
  return [
    [`${what || "mesh/istio/"}: live at ${where} after ${(tookMs / 1000).toFixed(1)} s${anew}${restart}`, "good"],
  ];
}

async function allReady(stack: Stack, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && stack.processes.some(({ status }) => status !== "ready"))
    await pause(500, undefined, { signal }).catch(() => undefined);
}
