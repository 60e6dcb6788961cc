import type { Fact } from "./format.ts";
import type { Mesh } from "./mesh.ts";

// biome-ignore lint/suspicious/noExplicitAny: the shape of Envoy's own dump
type Dump = any;

/** What running Envoys hold other than it is said, in words. */
export async function contradictions(mesh: Mesh, facts: Fact[]): Promise<string[]> {
  const found: string[] = [];
  for (const [workload, own] of Map.groupBy(facts, (fact) => fact.workload)) {
    const dump = JSON.parse((await mesh.admin(workload, "/config_dump")) ?? '{"configs":[]}');
    for (const { kind, name, path, value, at } of own) {
      const values = resources(dump, kind, name).map((resource) => valueAt(resource, keysOf(path)));
      const wrong = values.find((actual) => String(actual ?? "") !== value);
      if (values.length === 0) found.push(`${at}: ${workload} has no ${kind} ${name}`);
      else if (values.some((actual) => String(actual ?? "") !== value))
        found.push(`${at}: ${path}: expected ${value}, got ${wrong}`);
    }
  }
  return found;
}

/** All of that kind whose name is it, or has it as a part between bars. */
function resources(dump: Dump, kind: Fact["kind"], name: string): Dump[] {
  const all = (list: string, one: string): Dump[] =>
    dump.configs
      .flatMap((config: Dump) => config[list] ?? [])
      .map((entry: Dump) => entry.active_state?.[one] ?? entry[one]);
  if (kind === "bootstrap") return dump.configs.map((config: Dump) => config.bootstrap).filter(Boolean);
  const fits = (resource: Dump) => resource?.name === name || resource?.name?.split("|").includes(name);
  if (kind === "cluster") return all("dynamic_active_clusters", "cluster").filter(fits);
  if (kind === "filter") return named(all("dynamic_listeners", "listener"), name);
  // those of a sidecar stand in its listeners
  const tables = [...all("dynamic_route_configs", "route_config"), ...all("static_route_configs", "route_config")];
  return tables.flatMap((table) => table.virtual_hosts.flatMap((host: Dump) => host.routes)).filter(fits);
}

/** The filters of that name, wherever they stand in a listener. */
function named(node: Dump, name: string): Dump[] {
  if (node === null || typeof node !== "object") return [];
  return [
    ...(node.name === name && node.typed_config ? [node] : []),
    ...Object.values(node).flatMap((part) => named(part, name)),
  ];
}

/** `a.0.b`; what stands in brackets is one key: `layer[a.b]`. */
const keysOf = (path: string): string[] =>
  [...path.matchAll(/\[([^\]]+)\]|([^.[\]]+)/g)].map(([, one, two]) => one ?? two!);

const valueAt = (resource: Dump, path: string[]): unknown => path.reduce((part, key) => part?.[key], resource);
