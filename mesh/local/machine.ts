import {
  type Address,
  addresses,
  format,
  namespace,
  port,
  sidecars,
  tlsPort,
  type Workload,
  workloads,
} from "./topology.ts";

/** An Istio object, as it would stand in YAML. */
export interface IstioObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Record<string, unknown>;
}

/** The label that tells the replicas of one service apart: on one machine each has addresses of its own. */
export const workloadLabel = "game.workload";

/** The secret in a sidecar's bootstrap that it shows to its app. */
export const sidecarTokenSecret = "sidecar-token";

/**
 * What one machine needs beside mesh/istio/, and a cluster does not: there each pod has its own network and Istio captures the
 * traffic; here each sidecar listens on its own loopback addresses in `network`.
 *
 * @param policySidecars the Sidecars of the policy. Istio takes one for a workload, so whom they let it reach stands in the machine's.
 */
export function machineObjects(network: number, policySidecars: readonly IstioObject[]): IstioObject[] {
  const at = addresses(network);
  return [
    ...sidecars.map((workload) => sidecar(workload, network, egressHosts(policySidecars, workload))),
    collector(at.otlpGrpc),
    edgeOnLoopback(at.edge.host),
    sidecarToken(),
  ];
}

/** Whom the policy lets a workload reach: by the Sidecar that selects its service, else by the one that selects nobody, else everyone. */
function egressHosts(policySidecars: readonly IstioObject[], { service }: Workload): string[] {
  const specs = policySidecars.map(({ spec }) => spec as unknown as SidecarSpec);
  const own = specs.find(({ workloadSelector }) => workloadSelector?.labels.app === service);
  const chosen = own ?? specs.find(({ workloadSelector }) => !workloadSelector);
  return chosen ? (chosen.egress ?? []).flatMap(({ hosts }) => hosts ?? []) : ["*/*"];
}

interface SidecarSpec {
  workloadSelector?: { labels: { app?: string } };
  egress?: { hosts?: string[] }[];
}

/** Where a workload's Envoy listens: calls from the mesh in, calls of its app out to `hosts`. */
function sidecar(workload: Workload, network: number, hosts: readonly string[]): IstioObject {
  const { inbound, outbound, otlpGrpc: otlp } = addresses(network);
  const listen = (host: string, name: string, number = port) => ({
    port: { number, name, protocol: "HTTP2" },
    bind: host,
    captureMode: "NONE",
  });
  // Istio takes 127.0.0.1 only: in any network the app is named in the form of network 0, as in the committed files
  const app = format(addresses(0).app(workload));
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "Sidecar",
    metadata: { name: workload.name, namespace },
    spec: {
      workloadSelector: { labels: { [workloadLabel]: workload.name } },
      ingress: [{ ...listen(inbound(workload).host, "http2-connect"), defaultEndpoint: app }],
      egress: [
        {
          ...listen(outbound(workload).host, "http2-egress"),
          hosts: orNobody(hosts.filter((host) => !host.startsWith("observability/"))),
        },
        // no app calls it: it makes the collector known to the sidecar, which sends spans of its own
        {
          ...listen(outbound(workload).host, "grpc-otlp", otlp.port),
          hosts: orNobody(hosts.filter((host) => /^(observability|\*)\//.test(host))),
        },
      ],
    },
  };
}

const orNobody = (hosts: string[]) => (hosts.length > 0 ? hosts : ["~/*"]);

/** The collector of spans, a Service in a cluster. */
function collector({ host, port: number }: Address): IstioObject {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "otel-collector", namespace: "observability" },
    spec: {
      hosts: ["otel-collector.observability.svc.cluster.local"],
      location: "MESH_EXTERNAL",
      resolution: "STATIC",
      ports: [{ number, name: "grpc-otlp", protocol: "GRPC" }],
      endpoints: [{ address: host, ports: { "grpc-otlp": number } }],
    },
  };
}

/** istiod lets a gateway listen on 0.0.0.0: a game under development is nobody else's business. */
function edgeOnLoopback(host: string): IstioObject {
  const edge = workloads.find(({ role }) => role === "router")!;
  return envoyFilter("edge-loopback", { workloadSelector: { labels: { app: edge.service } } }, [
    ...[port, tlsPort].map((number) => ({
      applyTo: "LISTENER",
      match: { context: "GATEWAY", listener: { portNumber: number } },
      patch: { operation: "MERGE", value: { address: { socket_address: { address: host, port_value: number } } } },
    })),
  ]);
}

/**
 * The sidecar proves itself to its app by a secret header, so that the app can refuse who calls around the sidecar. In a cluster
 * the app listens on its pod's own loopback, which nobody else reaches.
 */
function sidecarToken(): IstioObject {
  const http = "type.googleapis.com/envoy.extensions.filters.http";
  const httpConnectionManager = "envoy.filters.network.http_connection_manager";
  return envoyFilter("sidecar-token", {}, [
    {
      applyTo: "HTTP_FILTER",
      match: {
        context: "SIDECAR_INBOUND",
        listener: {
          filterChain: { filter: { name: httpConnectionManager, subFilter: { name: "envoy.filters.http.router" } } },
        },
      },
      patch: {
        operation: "INSERT_BEFORE",
        value: {
          name: "envoy.filters.http.credential_injector",
          typed_config: {
            "@type": `${http}.credential_injector.v3.CredentialInjector`,
            overwrite: true,
            credential: {
              name: "envoy.http.injected_credentials.generic",
              typed_config: {
                "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                header: "x-sidecar-token",
                credential: { name: sidecarTokenSecret }, // in the bootstrap
              },
            },
          },
        },
      },
    },
  ]);
}

function envoyFilter(name: string, selector: Record<string, unknown>, configPatches: unknown[]): IstioObject {
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: { name, namespace },
    spec: { ...selector, configPatches },
  };
}
