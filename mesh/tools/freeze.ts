import type { Workload } from "../local/topology.ts";
import { Ended } from "./background.ts";
import { discovery } from "./bootstrap.ts";

type Json = null | boolean | number | string | Json[] | JsonObject;
interface JsonObject {
  [key: string]: Json;
}
// biome-ignore lint/suspicious/noExplicitAny: the shape of Envoy's own dump, of which only a few names matter
type Dump = any;

/** Envoy has not got all its configuration yet: ask again. */
export class StillWarming extends Error {}

/** Envoy has refused something; the message is in its words. Asking again is of no use. */
export class Refused extends Ended {}

/** What an Envoy needs to run alone. */
export interface Frozen {
  /** File name -> text: listeners, clusters, the edge's route tables, certificates. */
  files: Map<string, string>;
  /** What these name and no file holds, for the bootstrap. */
  secrets: object[];
}

/**
 * Turns the answer of Envoy's `/config_dump?include_eds` into files that another Envoy can run on alone: keys sorted, every path
 * relative to Envoy's working directory.
 *
 * Only what changes by itself in a running stack is a file of its own. So endpoints stand in their clusters, the routes of a sidecar in
 * its listeners, the root certificate in the bootstrap.
 *
 * @throws StillWarming when something is missing yet; Refused.
 */
export function freeze(dump: Dump, role: Workload["role"]): Frozen {
  const all = (key: string): Dump[] => dump.configs.flatMap((config: Dump) => config[key] ?? []);
  refuseIncomplete(dump, all);

  const listeners = named(all("dynamic_listeners").map((entry) => entry.active_state.listener));
  const clusters = named(all("dynamic_active_clusters").map((entry) => entry.cluster));
  const routes = new Map<string, Dump>(
    named(all("dynamic_route_configs").map((entry) => entry.route_config)).map((table) => [table.name, table]),
  );
  const endpoints = new Map<string, Dump>(
    all("dynamic_endpoint_configs").map(({ endpoint_config: set }) => [set.cluster_name, set]),
  );
  const files = new Map<string, string>();
  const secrets = new Map<string, object>();

  const settle = (node: Dump): void => {
    if (node === null || typeof node !== "object") return;
    if (node.rds && role === "sidecar") {
      node.route_config = untyped(routes.get(node.rds.route_config_name));
      delete node.rds;
    } else if (node.rds) {
      const file = `rds-${node.rds.route_config_name.replaceAll(/[^a-zA-Z0-9._-]+/g, "_")}.json`;
      files.set(file, resources([routes.get(node.rds.route_config_name)]));
      node.rds.config_source = discovery;
    }
    if (node.eds_cluster_config) {
      node.load_assignment = withoutHealth(endpoints.get(node.eds_cluster_config.service_name ?? node.name));
      node.type = "STATIC";
      delete node.eds_cluster_config;
    }
    if (node.sds_config?.api_config_source) {
      if (node.name === "ROOTCA") {
        secrets.set(node.name, { name: node.name, ...rootCertificate });
        delete node.sds_config; // without a source the name is looked up in the bootstrap
      } else {
        const { file, value } = certificateOf(node.name);
        files.set(file, resources([{ "@type": secretType, name: node.name, ...value }]));
        node.sds_config = discovery;
      }
    }
    Object.values(node).forEach(settle);
  };
  settle(listeners);
  settle(clusters);
  files.set("lds.json", resources(listeners));
  files.set("cds.json", resources(clusters));
  return { files, secrets: named([...secrets.values()]) };
}

/** The endpoints, without the health of the moment: whoever was down while compiling would stay down. */
function withoutHealth(typed: Dump): Dump {
  const assignment = untyped(typed);
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

/** What Envoy refused of what it was last given, and why, in its words. */
export function refusals(dump: Dump): string[] {
  const refused = dump.configs
    .flatMap((config: Dump) => Object.values(config).filter(Array.isArray).flat())
    .filter((entry: Dump) => entry?.error_state)
    .map((entry: Dump) => `${entry.name ?? ""} ${entry.error_state.details}`);
  return [...new Set<string>(refused)];
}

function refuseIncomplete(dump: Dump, all: (key: string) => Dump[]): void {
  const refused = refusals(dump);
  if (refused.length > 0) throw new Refused(`Envoy refuses the configuration:\n${refused.join("\n")}`);

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
const resources = (list: unknown[]) => canonicalJson({ version_info: "1", resources: list });
const secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const rootCertificate = { validation_context: { trusted_ca: { filename: "./certs/ca.pem" } } };

/** A resource as it stands inside another one. */
const untyped = ({ "@type": _, ...resource }: Dump): Dump => resource;

/** The file form of a certificate that istiod names. A running Envoy takes over a new pair. */
function certificateOf(name: string): { file: string; value: object } {
  const pair = (folder: string, certificate: string, key: string) => ({
    tls_certificate: {
      certificate_chain: { filename: `${folder}/${certificate}` },
      private_key: { filename: `${folder}/${key}` },
    },
  });
  if (name === "default") return { file: "sds-default.json", value: pair("./certs", "cert.pem", "key.pem") };
  const mounted = /^file-cert:\/etc\/game\/([^/]+)\/([^/]+)~\/etc\/game\/\1\/([^/]+)$/.exec(name);
  if (!mounted) throw new Error(`the secret ${name} has no form for this machine: mount it in a folder of /etc/game/`);
  const [, folder, certificate, key] = mounted as unknown as [string, string, string, string];
  return { file: `sds-${folder}.json`, value: pair(`./certs/${folder}`, certificate, key) };
}
