/** A process that answers calls, with an Envoy of its own beside it. */
export interface Workload {
  /** Unique; also the name of its folder in envoy/. A replica is `<service>-<number>`. */
  name: string;
  /** Its service: proto package, Istio host, Kubernetes ServiceAccount, `service.name`. */
  service: string;
  /** Its place in every address; 0 is the edge. Never given to another workload later. */
  index: number;
  /** `router`: the edge, alone. `sidecar`: beside a service. */
  role: "router" | "sidecar";
  /** The version of the service that it runs; `v1` unless {@link runVersion} says otherwise. */
  version?: string;
  /** What it runs; `services/<service>/main.ts` unless given. */
  main?: string;
  /** The mesh knows it, but it runs only when asked for: {@link runReplicas}. */
  optional?: boolean;
  /** Where it runs, as a cluster spreads its nodes; {@link firstZone} unless {@link runVersion} says otherwise. */
  zone?: string;
}

/** The version of everything that has no other. */
export const firstVersion = "v1";

/** The zone of everything that has no other. */
export const firstZone = "a";

/** The region of all zones: one machine. */
export const region = "local";

/** The workloads. To add a service or a replica, add its line (free indices: 14 to 79), then `npm run mesh:compile`. */
const all: Workload[] = [
  { name: "edge", service: "edge", index: 0, role: "router" },
  { name: "auth", service: "auth", index: 1, role: "sidecar" },
  { name: "account", service: "account", index: 2, role: "sidecar" },
  { name: "chat", service: "chat", index: 3, role: "sidecar" },
  { name: "chat-2", service: "chat", index: 4, role: "sidecar" },
  { name: "inventory", service: "inventory", index: 5, role: "sidecar" },
  { name: "analytics", service: "analytics", index: 6, role: "sidecar" },
  { name: "social", service: "social", index: 7, role: "sidecar" },
  { name: "saga-worker", service: "saga-worker", index: 8, role: "sidecar", main: "workflows/main.ts" },
  { name: "world", service: "world", index: 9, role: "sidecar" },
  { name: "world-2", service: "world", index: 10, role: "sidecar", optional: true },
  { name: "combat", service: "combat", index: 11, role: "sidecar" },
  { name: "match", service: "match", index: 12, role: "sidecar" },
  { name: "match-2", service: "match", index: 13, role: "sidecar", optional: true },
];
const beside = all.filter(({ role }) => role === "sidecar");

/** All of them. */
export const workloads: readonly Workload[] = all;

/** The workloads that stand beside a service. */
export const sidecars: readonly Workload[] = beside;

/** The services behind the edge, each once. */
export const services: readonly string[] = [...new Set(sidecars.map(({ service }) => service))];

/** The workload of that name. */
export function workload(name: string): Workload {
  const found = workloads.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no workload is named ${name}: there are ${workloads.map((w) => w.name).join(", ")}`);
  return found;
}

/** For this process, so many replicas of `service` run, those among them that are optional. Call it before anything is started. */
export function runReplicas(service: string, count: number): void {
  if (!services.includes(service)) throw new Error(`no service is named ${service}: there are ${services.join(", ")}`);
  const replicas = all.filter((one) => one.service === service && one.version === undefined);
  if (count < 1 || count > replicas.length)
    throw new Error(`${service} has 1 to ${replicas.length} replicas in mesh/local/topology.ts, not ${count}`);
  for (const replica of replicas.slice(0, count)) delete replica.optional;
}

const firstVersionIndex = 80;

/**
 * For this process, one more workload runs `service`, in another version: `chat-v2`. Call it before anything is started or compiled.
 * It is part of every compile from then on, and of the service: policy decides which calls it gets. In another `zone` than its
 * callers it gets none while instances in theirs are well.
 */
export function runVersion(service: string, version: string, zone = firstZone): Workload {
  const name = `${service}-${version}`;
  if (!services.includes(service)) throw new Error(`no service is named ${service}: there are ${services.join(", ")}`);
  if (!/^v[0-9]{1,3}$/.test(version) || version === firstVersion)
    throw new Error(`a second version is named v2, v3 and so on, not ${version}`);
  if (all.some((other) => other.name === name)) throw new Error(`${name} is there already`);
  const added: Workload = {
    name,
    service,
    index: firstVersionIndex + versions().length,
    role: "sidecar",
    version,
    zone,
  };
  all.push(added);
  beside.push(added);
  return added;
}

/** The workloads that {@link runVersion} added. `envoy/` holds nothing of them. */
export const versions = (): Workload[] => all.filter(({ version }) => version !== undefined);

/** The Kubernetes namespace of the game; part of every host and identity. */
export const namespace = "game";

/** What every caller names: the mesh turns it into an address. */
export const hostOf = (service: string): string => `${service}.${namespace}.svc.cluster.local`;

/** The identity that mutual TLS proves. */
export const spiffeId = (service: string): string => `spiffe://cluster.local/ns/${namespace}/sa/${service}`;

/** The port of every service, and of the edge without TLS. */
export const port = 8080;
/** The edge's port with TLS. */
export const tlsPort = 8443;

/** A place to listen or dial. */
export interface Address {
  host: string;
  port: number;
}

/** `host:port`. */
export const format = ({ host, port }: Address): string => `${host}:${port}`;

/**
 * The addresses of one stack. Every stack lives in a loopback network 127.`network`.*.* of its own and uses the same ports there:
 * 0 is `npm start` and the form of the committed files; test stacks take one of 1 to 250.
 */
export function addresses(network: number) {
  const at = (third: number, fourth: number, port: number): Address => ({
    host: `127.${network}.${third}.${fourth}`,
    port,
  });
  const shared = (port: number) => at(0, 1, port);
  return {
    edge: shared(port),
    edgeTls: shared(tlsPort),
    /** Where a workload's sidecar takes calls from the mesh. */
    inbound: ({ index }: Workload) => at(1, index, port),
    /** Where a workload's app dials the mesh (`MESH_EGRESS`). */
    outbound: ({ index }: Workload) => at(2, index, port),
    /** Where a workload's app itself listens (`LISTEN`). */
    app: ({ index }: Workload) => shared(9100 + index),
    /** Envoy's admin page of a workload. */
    admin: ({ index }: Workload) => shared(15000 + index),
    postgres: shared(15432),
    redis: shared(16379),
    kafka: shared(19092),
    kafkaController: shared(19093),
    otlpGrpc: shared(4317),
    otlpHttp: shared(4318),
    jaeger: shared(16686),
    temporal: shared(7233),
    temporalUi: shared(8233),
    temporalHttp: shared(7243),
    temporalMetrics: shared(7253),
    /** Whoever listens here owns the network. */
    claim: shared(15999),
  };
}

/** `text` with every address of network `from` moved to network `to`. */
export function relocate(text: string, from: number, to: number): string {
  return text.replaceAll(new RegExp(`(?<![\\d.])127\\.${from}\\.(\\d+\\.\\d+)(?![\\d.])`, "g"), `127.${to}.$1`);
}
