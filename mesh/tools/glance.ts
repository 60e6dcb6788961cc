import { canonicalJson } from "./freeze.ts";
import { revisionCluster } from "./revision.ts";

/** What an Envoy's admin page says of its configuration without a dump of all of it, which takes a hundred times as long. */
export interface Glance {
  /** istiod's name of the push that it holds. */
  push: string;
  /** Of the policy (see revision.ts). */
  revision: number | undefined;
  /** The same text as long as it holds the same configuration. */
  print: string;
}

// A part that comes again unchanged is neither loaded again nor counted as modified. The versions of listeners, clusters, route tables
// and endpoints are istiod's name of the push.
const counts = String.raw`(update_rejected|warming(_clusters)?|listener_(added|modified|removed)|rds\..*config_reload)$`;
const versions = String.raw`\.version_text$`;
const names = ["cluster.name", "cluster.metadata.filter_metadata", "last_updated"];
const clusters = `/config_dump?resource=dynamic_active_clusters&mask=${names.join()}`;
const endpoints = "/config_dump?resource=dynamic_endpoint_configs&include_eds";

/**
 * Looks at the Envoy whose admin page is at `admin`.
 *
 * @returns `refused` when it has not taken something, `waiting` while it holds nothing, parts of two pushes, or the push `before`, or
 * goes on with the old of what it has got anew.
 */
export async function glance(admin: string, before: string | undefined): Promise<Glance | "refused" | "waiting"> {
  const pushes = new Set<string>();
  const loads: string[] = [];
  for (const { line, name, value } of await statistics(admin, `(${versions}|${counts})`)) {
    if (name.endsWith("update_rejected")) {
      if (value !== "0") return "refused";
    } else if (/warming(_clusters)?$/.test(name)) {
      if (value !== "0") return "waiting";
    } else if (!name.endsWith(".version_text")) loads.push(line);
    else if (!name.startsWith("sds.")) pushes.add(value);
  }
  const [push] = pushes;
  if (push === undefined || pushes.size > 1 || push === before) return "waiting";
  const entries: ClusterEntry[] = JSON.parse(await textOf(admin, clusters)).configs;
  const mark = entries.find(({ cluster }) => cluster.name === revisionCluster)?.cluster.metadata;
  const others = entries.filter(({ cluster }) => cluster.name !== revisionCluster);
  const print = [
    ...loads,
    ...others.map(({ cluster, last_updated }) => `${cluster.name} ${last_updated}`),
    ...JSON.parse(await textOf(admin, endpoints), withoutHealth).configs.map(canonicalJson),
  ]
    .sort()
    .join("\n");
  return { push, revision: mark?.filter_metadata.game?.revision, print };
}

/** Whether the Envoy still holds the push `push`, and no part of a later one. */
export async function isOn(admin: string, push: string): Promise<boolean> {
  const held = await statistics(admin, versions);
  return held.every(({ name, value }) => name.startsWith("sds.") || value === push);
}

const textOf = async (admin: string, path: string) => (await fetch(`${admin}${path}`)).text();

async function statistics(admin: string, filter: string): Promise<{ line: string; name: string; value: string }[]> {
  const text = await textOf(admin, `/stats?filter=${encodeURIComponent(filter)}`);
  return [...text.matchAll(/^(.+): (.+)$/gm)].map(([line, name, value]) => ({ line, name: name!, value: value! }));
}

/** Whoever is well at this moment is none of the configuration. */
const withoutHealth = (key: string, value: unknown) => (key === "health_status" ? undefined : value);

interface ClusterEntry {
  cluster: { name: string; metadata?: { filter_metadata: { game?: { revision: number } } } };
  last_updated: string;
}
