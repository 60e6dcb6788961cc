import { setTimeout as pause } from "node:timers/promises";
import { workloads } from "../mesh/local/topology.ts";
import { renderMesh } from "../mesh/tools/render.ts";
import { ensureCertificates } from "./certificates.ts";
import type { Secrets } from "./secrets.ts";
import { ensureSidecarToken } from "./workloads.ts";

/** Lays out what every Envoy of the stack reads: the frozen policy, certificates and the sidecar's token. */
export async function layMesh(stateDir: string, network: number, secrets: Secrets): Promise<void> {
  await ensureCertificates(stateDir, network);
  for (const workload of workloads) ensureSidecarToken(workload, stateDir, secrets);
  await renderMesh({ stateDir, network });
}

const twelveHours = 12 * 60 * 60 * 1000;

/** Renews certificates for as long as the stack runs; Envoy takes them over without a restart. */
export async function renewEvery(stateDir: string, network: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(twelveHours, undefined, { signal, ref: false }).catch(() => undefined);
    if (!signal.aborted) await ensureCertificates(stateDir, network);
  }
}
