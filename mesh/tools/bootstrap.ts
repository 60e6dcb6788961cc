import { sidecarTokenSecret, workloadLabel } from "../local/machine.ts";
import { type Address, addresses, firstVersion, namespace, type Workload } from "../local/topology.ts";

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
        grpcCluster("xds-grpc", istiod),
        grpcCluster("sds-grpc", secrets),
        grpcCluster("sds-external", secrets),
      ],
    },
  };
}

/** The bootstrap of an Envoy that reads frozen files from its working directory. */
export function frozenBootstrap(workload: Workload, options: BootstrapOptions, secrets: readonly object[]) {
  const own = workload.role === "sidecar" ? [sidecarToken({ filename: "./certs/sidecar-token" })] : [];
  const file = (name: string) => ({ path_config_source: { path: `./${name}` }, resource_api_version: "V3" });
  return {
    ...commonBootstrap(workload, options),
    dynamic_resources: { lds_config: file("lds.json"), cds_config: file("cds.json") },
    static_resources: { secrets: [...secrets, ...own] },
  };
}

function commonBootstrap(workload: Workload, { network, runtime }: BootstrapOptions) {
  const admin = addresses(network).admin(workload);
  return {
    // what Envoy names itself in spans and statistics
    node: { id: `${workload.name}.${namespace}`, cluster: `${workload.service}.${namespace}` },
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

function grpcCluster(name: string, { host, port }: Address) {
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
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { address: host, port_value: port } } } }] },
      ],
    },
  };
}
