type Json = null | boolean | number | string | Json[] | JsonObject;
interface JsonObject {
  [key: string]: Json;
}
// biome-ignore lint/suspicious/noExplicitAny: the shape of Envoy's own dump, of which only a few names matter
type Dump = any;

/** Where a Gateway's certificates are mounted in a cluster, and where an Envoy of this machine finds them. */
const mounts = { from: "/etc/game/", to: "./certs/" };

/** Envoy has not got all its configuration yet: ask again. */
export class StillWarming extends Error {}

/** What an Envoy needs to run alone. */
export interface Frozen {
  /** File name -> text: listeners, clusters, and a file for each route table. */
  files: Map<string, string>;
  /** The secrets that these name, for the bootstrap. */
  secrets: object[];
}

/**
 * Turns the answer of Envoy's `/config_dump?include_eds` into files that another Envoy can run on alone: keys sorted, every path
 * relative to Envoy's working directory. Endpoints stand in their clusters and secrets in the bootstrap: each file that Envoy
 * watches takes one of the 128 inotify instances that Linux gives a user, and Envoy ends when there is none.
 *
 * @throws StillWarming when something is missing yet; Error with Envoy's words when it refused something.
 */
export function freeze(dump: Dump): Frozen {
  const all = (key: string): Dump[] => dump.configs.flatMap((config: Dump) => config[key] ?? []);
  refuseIncomplete(dump, all);

  const listeners = named(all("dynamic_listeners").map((entry) => entry.active_state.listener));
  const clusters = named(all("dynamic_active_clusters").map((entry) => entry.cluster));
  const routes = named(all("dynamic_route_configs").map((entry) => entry.route_config));
  const endpoints = new Map<string, Dump>(
    all("dynamic_endpoint_configs").map(({ endpoint_config: set }) => [set.cluster_name, set]),
  );

  const secrets = new Map<string, object>();
  const settle = (node: Dump): void => {
    if (node === null || typeof node !== "object") return;
    if (node.route_config_name && node.config_source) node.config_source = source(routeFile(node.route_config_name));
    if (node.eds_cluster_config) {
      node.load_assignment = withoutHealth(endpoints.get(node.eds_cluster_config.service_name ?? node.name));
      node.type = "STATIC";
      delete node.eds_cluster_config;
    }
    if (node.name && node.sds_config?.api_config_source) {
      secrets.set(node.name, { name: node.name, ...secretOf(node.name) });
      delete node.sds_config; // without a source the name is looked up in the bootstrap
    }
    Object.values(node).forEach(settle);
  };
  settle(listeners);
  settle(clusters);

  const files = new Map([
    ["lds.json", resources(listeners)],
    ["cds.json", resources(clusters)],
    ...routes.map((route): [string, string] => [routeFile(route.name), resources([route])]),
  ]);
  return { files, secrets: named([...secrets.values()]) };
}

/** The endpoints, without the health of the moment: whoever was down while compiling would stay down. */
function withoutHealth({ "@type": _, ...assignment }: Dump): Dump {
  for (const group of assignment.endpoints ?? [])
    for (const endpoint of group.lb_endpoints ?? []) delete endpoint.health_status;
  return assignment;
}

/** JSON with sorted keys, so that the same content is the same text. */
export function canonicalJson(value: unknown): string {
  return `${JSON.stringify(sorted(value as Json), null, 1)}\n`;
}

const sorted = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key]!)]),
  );
};

function refuseIncomplete(dump: Dump, all: (key: string) => Dump[]): void {
  const refused = dump.configs
    .flatMap((config: Dump) => Object.values(config).filter(Array.isArray).flat())
    .filter((entry: Dump) => entry?.error_state)
    .map((entry: Dump) => `${entry.name ?? ""} ${entry.error_state.details}`);
  if (refused.length > 0) throw new Error(`Envoy refuses the configuration:\n${[...new Set(refused)].join("\n")}`);

  const warming = [
    ...all("dynamic_listeners").filter((entry) => entry.warming_state || !entry.active_state),
    ...all("dynamic_warming_clusters"),
    ...all("dynamic_warming_secrets"),
  ];
  const empty = all("dynamic_listeners").length === 0 || all("dynamic_active_clusters").length === 0;
  const routes = new Set(all("dynamic_route_configs").map((entry) => entry.route_config.name));
  const missing = [...JSON.stringify(all("dynamic_listeners")).matchAll(/"route_config_name":"([^"]+)"/g)]
    .map(([, name]) => name!)
    .filter((name) => !routes.has(name));
  if (empty || warming.length > 0 || missing.length > 0)
    throw new StillWarming(
      `Envoy still waits for ${[...warming.map((entry) => entry.name ?? entry.cluster?.name), ...missing].join(", ")}`,
    );
}

const named = (list: Dump[]): Dump[] => list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
const routeFile = (name: string) => `rds-${name.replaceAll(/[^a-zA-Z0-9._-]+/g, "_")}.json`;
const source = (file: string) => ({ path_config_source: { path: `./${file}` }, resource_api_version: "V3" });
const resources = (list: unknown[]) => canonicalJson({ version_info: "1", resources: list });

/** The file form of a secret that istiod names; a change of the files is seen at the next start. */
function secretOf(name: string): object {
  const pair = (certificate: string, key: string) => ({
    tls_certificate: { certificate_chain: { filename: certificate }, private_key: { filename: key } },
  });
  if (name === "default") return pair("./certs/cert.pem", "./certs/key.pem");
  if (name === "ROOTCA") return { validation_context: { trusted_ca: { filename: "./certs/ca.pem" } } };
  const [, certificate, key] = /^file-cert:(.+)~(.+)$/.exec(name) ?? [];
  if (!certificate?.startsWith(mounts.from) || !key?.startsWith(mounts.from))
    throw new Error(`the secret ${name} has no form for this machine: mount it below ${mounts.from}`);
  const here = (path: string) => mounts.to + path.slice(mounts.from.length);
  return pair(here(certificate), here(key));
}
