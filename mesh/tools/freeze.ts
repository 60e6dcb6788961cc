import { posix } from "node:path";

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

/**
 * Turns the answer of Envoy's `/config_dump?include_eds` into files that another Envoy can run on alone: listeners, clusters, and a
 * file for each route table, set of endpoints and secret; keys sorted, every path relative to Envoy's working directory.
 *
 * @returns file name -> text.
 * @throws StillWarming when something is missing yet; Error with Envoy's words when it refused something.
 */
export function freeze(dump: Dump): Map<string, string> {
  const all = (key: string): Dump[] => dump.configs.flatMap((config: Dump) => config[key] ?? []);
  refuseIncomplete(dump, all);

  const listeners = named(all("dynamic_listeners").map((entry) => entry.active_state.listener));
  const clusters = named(all("dynamic_active_clusters").map((entry) => entry.cluster));
  const routes = named(all("dynamic_route_configs").map((entry) => entry.route_config));
  const endpoints = named(all("dynamic_endpoint_configs").map((entry) => entry.endpoint_config));

  const endpointNames = new Set<string>();
  const secrets = new Map<string, string>();
  const pointToFiles = (node: Dump): void => {
    if (node === null || typeof node !== "object") return;
    if (node.route_config_name && node.config_source)
      node.config_source = source(`rds-${safe(node.route_config_name)}.json`);
    if (node.eds_cluster_config) {
      const service_name = node.eds_cluster_config.service_name ?? node.name;
      endpointNames.add(service_name);
      node.eds_cluster_config = { eds_config: source(`eds-${safe(service_name)}.json`), service_name };
    }
    if (node.name && node.sds_config?.api_config_source) {
      const secret = secretOf(node.name);
      secrets.set(secret.file, resources([{ "@type": secretType, name: node.name, ...secret.value }]));
      node.sds_config = source(secret.file);
    }
    Object.values(node).forEach(pointToFiles);
  };
  pointToFiles(listeners);
  pointToFiles(clusters);
  // a dump has the health of the moment in it: whoever was down while compiling would stay down
  for (const group of endpoints.flatMap((assignment) => assignment.endpoints ?? []))
    for (const endpoint of group.lb_endpoints ?? []) delete endpoint.health_status;

  return new Map([
    ["lds.json", resources(listeners)],
    ["cds.json", resources(clusters)],
    ...routes.map((route): [string, string] => [`rds-${safe(route.name)}.json`, resources([route])]),
    ...endpoints
      .filter((set) => endpointNames.has(set.cluster_name)) // a dump has those of static clusters too
      .map((set): [string, string] => [`eds-${safe(set.cluster_name)}.json`, resources([set])]),
    ...secrets,
  ]);
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

const named = (list: Dump[]): Dump[] => list.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
const nameOf = (resource: Dump): string => resource.name ?? resource.cluster_name;
const safe = (name: string) => name.replaceAll(/[^a-zA-Z0-9._-]+/g, "_");
const source = (file: string) => ({ path_config_source: { path: `./${file}` }, resource_api_version: "V3" });
const resources = (list: unknown[]) => canonicalJson({ version_info: "1", resources: list });
const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/** The file form of a secret that istiod names; Envoy reads it again when a file is renamed onto one of the named ones. */
function secretOf(name: string): { file: string; value: object } {
  const pair = (certificate: string, key: string) => ({
    tls_certificate: {
      certificate_chain: { filename: certificate },
      private_key: { filename: key },
      watched_directory: { path: posix.dirname(certificate).replace(/^(?!\.?\/)/, "./") },
    },
  });
  if (name === "default") return { file: "sds-default.json", value: pair("./certs/cert.pem", "./certs/key.pem") };
  if (name === "ROOTCA") {
    const value = {
      validation_context: { trusted_ca: { filename: "./certs/ca.pem" }, watched_directory: { path: "./certs" } },
    };
    return { file: "sds-root.json", value };
  }
  const [, certificate, key] = /^file-cert:(.+)~(.+)$/.exec(name) ?? [];
  if (!certificate?.startsWith(mounts.from) || !key?.startsWith(mounts.from))
    throw new Error(`the secret ${name} has no form for this machine: mount it below ${mounts.from}`);
  const here = (path: string) => mounts.to + path.slice(mounts.from.length);
  return { file: `sds-${posix.basename(posix.dirname(certificate))}.json`, value: pair(here(certificate), here(key)) };
}
