import { once } from "node:events";
import { createServer } from "node:http";
import { workloadLabel } from "../local/machine.ts";
import {
  type Address,
  addresses,
  firstVersion,
  firstZone,
  namespace,
  port,
  region,
  services,
  sidecars,
  workloads,
} from "../local/topology.ts";

/**
 * The smallest Kubernetes API that istiod starts on and that `istioctl analyze` asks: the namespaces, Services, Pods and
 * EndpointSlices of topology.ts. Its watches stay silent.
 */
export async function startKubeStub(at: Address, network: number): Promise<AsyncDisposable> {
  const objects = objectsOf(network);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://stub");
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const notFound = () =>
      send(404, { kind: "Status", apiVersion: "v1", status: "Failure", code: 404, reason: "NotFound" });

    if (url.pathname === "/version") return send(200, { major: "1", minor: "36", gitVersion: "v1.36.0" });
    const path = /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?:namespaces\/[^/]+\/)?(?<resource>[^/]+)(?<name>\/.+)?$/.exec(
      url.pathname,
    );
    if (!path?.groups?.resource) return notFound();
    if (request.method !== "GET") {
      // istiod writes leases and config maps of its own: they are taken and forgotten
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => send(201, JSON.parse(Buffer.concat(chunks).toString() || "{}")));
      return;
    }
    const metadataOnly = request.headers.accept?.includes("as=PartialObjectMetadata") ?? false;
    const [apiVersion, kind] = metadataOnly
      ? ["meta.k8s.io/v1", "PartialObjectMetadata"]
      : [
          url.pathname
            .split("/")
            .slice(2, url.pathname.startsWith("/api/") ? 3 : 4)
            .join("/"),
          kinds[path.groups.resource],
        ];
    const items = (objects[path.groups.resource] ?? []).map((item) => ({ ...item, apiVersion, kind }));
    const { name } = path.groups;
    if (name) {
      const named = items.find((item) => item.metadata.name === name.slice(1));
      return named ? send(200, named) : notFound();
    }
    if (!url.searchParams.has("watch"))
      return send(200, { kind: `${kind}List`, apiVersion, metadata: { resourceVersion: "1" }, items });

    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (url.searchParams.get("sendInitialEvents") !== "true") return;
    for (const object of items) response.write(`${JSON.stringify({ type: "ADDED", object })}\n`);
    const metadata = { resourceVersion: "1", annotations: { "k8s.io/initial-events-end": "true" } };
    response.write(`${JSON.stringify({ type: "BOOKMARK", object: { kind, apiVersion, metadata } })}\n`);
  });
  server.listen(at);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type KubeObject = { metadata: { name: string } } & Record<string, unknown>;

function objectsOf(network: number): Record<string, KubeObject[]> {
  const { inbound } = addresses(network);
  const zones = [...new Set(workloads.map(({ zone }) => zone ?? firstZone))];
  const nodeIn = (zone = firstZone) => `zone-${zone}`;
  const metadata = (name: string, labels: Record<string, string> = {}) => ({
    name,
    namespace,
    uid: name,
    resourceVersion: "1",
    labels,
  });
  const ports = [{ name: "http2-connect", port, targetPort: port, protocol: "TCP" }];
  return {
    namespaces: [namespace, "istio-system", "observability"].map((name) => ({
      metadata: {
        name,
        uid: name,
        resourceVersion: "1",
        labels: { "kubernetes.io/metadata.name": name, "istio-injection": name === namespace ? "enabled" : "disabled" },
      },
    })),
    nodes: zones.map((zone) => ({
      metadata: {
        name: nodeIn(zone),
        uid: nodeIn(zone),
        resourceVersion: "1",
        labels: { "topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone },
      },
    })),
    services: services.map((service, i) => ({
      metadata: metadata(service),
      spec: {
        type: "ClusterIP",
        clusterIP: `10.96.0.${i + 1}`,
        clusterIPs: [`10.96.0.${i + 1}`],
        selector: { app: service },
        ports,
      },
    })),
    pods: workloads.map((workload) => ({
      metadata: metadata(workload.name, {
        app: workload.service,
        [workloadLabel]: workload.name,
        version: workload.version ?? firstVersion,
        "service.istio.io/canonical-name": workload.service,
        "security.istio.io/tlsMode": "istio",
      }),
      spec: {
        serviceAccountName: workload.service,
        nodeName: nodeIn(workload.zone),
        containers: [{ name: "istio-proxy", image: "envoy" }],
      },
      status: {
        phase: "Running",
        podIP: inbound(workload).host,
        podIPs: [{ ip: inbound(workload).host }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    })),
    endpointslices: services.map((service) => ({
      addressType: "IPv4",
      metadata: metadata(service, { "kubernetes.io/service-name": service }),
      ports: [{ name: "http2-connect", port, protocol: "TCP" }],
      endpoints: sidecars
        .filter((workload) => workload.service === service)
        .map((workload) => ({
          addresses: [inbound(workload).host],
          conditions: { ready: true },
          nodeName: nodeIn(workload.zone),
          targetRef: { kind: "Pod", name: workload.name, namespace },
        })),
    })),
  };
}

/** The kind of each resource that istiod watches; it reads a list only when the kind fits. */
const kinds: Record<string, string> = {
  clustertrustbundles: "ClusterTrustBundle",
  configmaps: "ConfigMap",
  customresourcedefinitions: "CustomResourceDefinition",
  deployments: "Deployment",
  endpointslices: "EndpointSlice",
  ingressclasses: "IngressClass",
  ingresses: "Ingress",
  leases: "Lease",
  mutatingwebhookconfigurations: "MutatingWebhookConfiguration",
  namespaces: "Namespace",
  nodes: "Node",
  pods: "Pod",
  secrets: "Secret",
  serviceaccounts: "ServiceAccount",
  services: "Service",
  validatingwebhookconfigurations: "ValidatingWebhookConfiguration",
};
