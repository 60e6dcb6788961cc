import type { IstioObject } from "../local/machine.ts";
import { namespace } from "../local/topology.ts";

const key = "game.revision";

/** An EnvoyFilter that marks all that istiod makes from now on, so that one sees when an Envoy holds it. */
export function revisionFilter(revision: number): IstioObject {
  const value = { metadata: { filter_metadata: { [key]: { revision } } } };
  const configPatches = ["CLUSTER", "LISTENER", "ROUTE_CONFIGURATION"].map((applyTo) => ({
    applyTo,
    patch: { operation: "MERGE", value },
  }));
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name: "revision", namespace },
    spec: { configPatches },
  };
}

/**
 * Takes the marks out of Envoy's `/config_dump`.
 *
 * @returns the revision of the listeners, clusters and routes together; 0 without marks, undefined while they differ.
 */
// biome-ignore lint/suspicious/noExplicitAny: the shape of Envoy's own dump
export function takeRevision(dump: any): number | undefined {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const all = (list: string): any[] => dump.configs.flatMap((config: any) => config[list] ?? []);
  const parts = [
    all("dynamic_listeners").map((entry) => entry.active_state?.listener),
    all("dynamic_active_clusters").map((entry) => entry.cluster),
    all("dynamic_route_configs").map((entry) => entry.route_config),
  ];
  const found = parts.filter((part) => part.length > 0).map((part) => new Set(part.flatMap(takeMark)));
  const revisions = new Set(found.flatMap((marks) => (marks.size === 0 ? [0] : [...marks])));
  return revisions.size === 1 ? [...revisions][0] : undefined;
}

/** Takes the marks from a resource and from what stands in it: the routes of a listener, say. */
// biome-ignore lint/suspicious/noExplicitAny: a listener, cluster or route table as Envoy shows it
function takeMark(resource: any): number[] {
  if (resource === null || typeof resource !== "object") return [];
  const inside = Object.values(resource).flatMap(takeMark);
  const marks = resource.metadata?.filter_metadata;
  const mark = marks?.[key];
  if (!mark) return inside;
  delete marks[key];
  if (Object.keys(marks).length === 0) delete resource.metadata.filter_metadata;
  if (Object.keys(resource.metadata).length === 0) delete resource.metadata;
  return [mark.revision, ...inside];
}
