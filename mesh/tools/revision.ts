import type { IstioObject } from "../local/machine.ts";
import { namespace } from "../local/topology.ts";

/** A cluster that nobody calls: its metadata says on which change of the policy an Envoy is. */
export const revisionCluster = "revision";

/** An EnvoyFilter that has istiod give it to every Envoy. */
export function revisionFilter(revision: number): IstioObject {
  const value = { name: revisionCluster, type: "STATIC", metadata: { filter_metadata: { game: { revision } } } };
  const configPatches = ["GATEWAY", "SIDECAR_OUTBOUND"].map((context) => ({
    applyTo: "CLUSTER",
    match: { context },
    patch: { operation: "ADD", value },
  }));
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name: "revision", namespace },
    spec: { configPatches },
  };
}

/** Takes the cluster out of Envoy's `/config_dump`. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of Envoy's own dump
export function withoutRevision(dump: any): void {
  for (const config of dump.configs)
    for (const list of ["dynamic_active_clusters", "dynamic_warming_clusters"])
      if (config[list])
        // biome-ignore lint/suspicious/noExplicitAny: as above
        config[list] = config[list].filter(({ cluster }: any) => cluster.name !== revisionCluster);
}
