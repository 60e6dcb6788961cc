import { sidecarTokenSecret, workloadLabel } from "../local/machine.ts";
import {
  type Address,
  addresses,
  firstVersion,
  firstZone,
  namespace,
  region,
  type Workload,
} from "../local/topology.ts";

/** How Envoy is started; the same values for a live Envoy and for a frozen one. */
export interface BootstrapOptions {
  network: number;
  /** `defaultConfig.runtimeValues` of the mesh configuration. */
  runtime: Record<string, string>;
}

/** The bootstrap of an Envoy that gets its configuration from istiod and its secrets from the secret server. */
export function liveBootstrap(workload: Workload, options: BootstrapOptions, istiod: Address, secrets: Address) {
  const { name, service, role } = workload;
  const { inbound } = addresses(options.network);
  const ip = inbound(workload).host;
  const common = commonBootstrap(workload, options);
  const ads = { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" };
  return {
    ...common,
    node: {
      ...common.node,
      id: `${role}~${ip}~${common.node.id}~${namespace}.svc.cluster.local`,
      metadata: {
        ISTIO_VERSION: "1.31.0",
        CLUSTER_ID: "Kubernetes",
        NAMESPACE: namespace,
        NAME: name,
        WORKLOAD_NAME: service,
        SERVICE_ACCOUNT: service,
        MESH_ID: "cluster.local",
        INSTANCE_IPS: ip,
        LABELS: {
          app: service,
          version: workload.version ?? firstVersion,
          [workloadLabel]: name,
          "service.istio.io/canonical-name": service,
        },
        ...(role === "sidecar" ? { INTERCEPTION_MODE: "NONE" } : {}),
      },
    },
    dynamic_resources: {
      ads_config: {
        api_type: "DELTA_GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      secrets: [sidecarToken({ inline_string: "compile" })],
      clusters: [
        http2Cluster("xds-grpc", socket(istiod)),
        http2Cluster("sds-grpc", socket(secrets)),
        http2Cluster("sds-external", socket(secrets)),
      ],
    },
  };
}

/** The name of the socket, in the folder above an Envoy's working directory, where it gets its frozen files. */
export const discoverySocket = "discovery.sock";

/** Where an Envoy on frozen files gets a part of its configuration from: mesh/tools/discovery.ts. */
export const discovery = {
  api_config_source: {
    api_type: "REST",
    transport_api_version: "V3",
    cluster_names: ["discovery"],
    request_timeout: "60s", // an answer waits until there is something new
    refresh_delay: "0.050s",
  },
  initial_fetch_timeout: "0s",
  resource_api_version: "V3",
};

/** The bootstrap of an Envoy that gets frozen files. */
export function frozenBootstrap(workload: Workload, options: BootstrapOptions, secrets: readonly object[]) {
  const own = workload.role === "sidecar" ? [sidecarToken({ filename: "./certs/sidecar-token" })] : [];
  return {
    ...commonBootstrap(workload, options),
    dynamic_resources: { lds_config: discovery, cds_config: discovery },
    static_resources: {
      secrets: [...secrets, ...own],
      clusters: [http2Cluster("discovery", { pipe: { path: `../${discoverySocket}` } })],
    },
  };
}

/** What an Envoy names itself, in spans and statistics too. */
export const nodeId = ({ name }: Workload): string => `${name}.${namespace}`;

function commonBootstrap(workload: Workload, { network, runtime }: BootstrapOptions) {
  const admin = addresses(network).admin(workload);
  return {
    node: {
      id: nodeId(workload),
      cluster: `${workload.service}.${namespace}`,
      locality: { region, zone: workload.zone ?? firstZone },
    },
    admin: { address: { socket_address: { address: admin.host, port_value: admin.port } } },
    layered_runtime: { layers: [{ name: "mesh-config", static_layer: typed(runtime) }] },
  };
}

/** What mesh/local/machine.ts lets a sidecar show to its app. */
const sidecarToken = (secret: { inline_string: string } | { filename: string }) => ({
  name: sidecarTokenSecret,
  generic_secret: { secret },
});

/** Istio's settings are texts; Envoy takes a flag only as a boolean, and Istio's own agent turns them into that too. */
const typed = (runtime: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(runtime).map(([key, value]) => [key, /^(true|false)$/.test(value) ? value === "true" : value]),
  );

const socket = ({ host, port }: Address) => ({ socket_address: { address: host, port_value: port } });

function http2Cluster(name: string, address: object) {
  const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    name,
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: {
      [options]: { "@type": `type.googleapis.com/${options}`, explicit_http_config: { http2_protocol_options: {} } },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
  };
}
