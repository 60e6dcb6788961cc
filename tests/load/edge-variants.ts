import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addresses, workload } from "../../mesh/local/topology.ts";
import { frozenDir } from "../../mesh/tools/paths.ts";

/** What of the policy an edge enforces: each variant has what the one before has, and one thing more. */
export const variants = [
  "plain route",
  "+ JWT and permission",
  "+ limits",
  "+ trace and access log",
  "+ mTLS and sidecar",
] as const;
export type Variant = (typeof variants)[number];

// biome-ignore lint/suspicious/noExplicitAny: Envoy's configuration is as Envoy defines it
type Json = any;

/** Which filters of the edge belong to which variant; all others stand in each. */
const filtersOf: Partial<Record<Variant, RegExp>> = {
  "+ JWT and permission": /jwt_authn|http\.rbac/,
  "+ limits": /^game\.ratelimit/,
};

/** Lays the frozen mesh into a folder, with the edge reduced to `variant`. */
export async function layVariant(variant: Variant): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "edge-variant-"));
  await cp(frozenDir, folder, { recursive: true });
  const has = (other: Variant) => variants.indexOf(other) <= variants.indexOf(variant);
  await edit(join(folder, "edge/lds.json"), ({ resources }: Json) => {
    for (const listener of resources) {
      if (!has("+ trace and access log")) delete listener.access_log;
      for (const filter of listener.filter_chains.flatMap((chain: Json) => chain.filters)) {
        const manager = filter.typed_config;
        const absent = variants.filter((other) => !has(other)).map((other) => filtersOf[other]);
        manager.http_filters = manager.http_filters.filter(
          ({ name }: Json) => !absent.some((names) => names?.test(name)),
        );
        if (has("+ trace and access log")) continue;
        delete manager.tracing;
        delete manager.access_log;
      }
    }
  });
  if (!has("+ mTLS and sidecar")) await edit(join(folder, "edge/cds.json"), goAroundSidecar);
  return folder;
}

/** Sends the calls for account to its app, without TLS. */
function goAroundSidecar({ resources }: Json): void {
  const cluster = resources.find(({ name }: Json) => name === "outbound|8080||account.game.svc.cluster.local");
  delete cluster.transport_socket_matches;
  const app = addresses(0).app(workload("account"));
  for (const { lb_endpoints } of cluster.load_assignment.endpoints)
    for (const { endpoint } of lb_endpoints)
      endpoint.address.socket_address = { address: app.host, port_value: app.port };
}

async function edit(file: string, change: (content: Json) => void): Promise<void> {
  const content = JSON.parse(await readFile(file, "utf8"));
  change(content);
  await writeFile(file, JSON.stringify(content));
}
