import { get } from "node:http";
import { type Address, addresses, hostOf, sidecars, workloads } from "../mesh/local/topology.ts";

/** The part of Envoy's `/clusters?format=json` that is read here. */
interface Clusters {
  cluster_statuses: {
    name: string;
    host_statuses?: { address: { socket_address?: { address: string } }; health_status: Record<string, unknown> }[];
  }[];
}

/**
 * Why calls may still fail although every process is ready: what the Envoys of `names` have not seen yet. They must know each of `names`
 * that they call, and their health checks must have passed; the edge needs auth's keys. Undefined when nothing is missing.
 */
export async function unsettled(network: number, names: readonly string[]): Promise<string | undefined> {
  const at = addresses(network);
  const called = sidecars.filter(({ name }) => names.includes(name));
  for (const workload of workloads.filter(({ name }) => names.includes(name))) {
    const clusters = JSON.parse(await getText(at.admin(workload), "/clusters?format=json")) as Clusters;
    for (const { name, host_statuses = [] } of clusters.cluster_statuses) {
      for (const callee of called) {
        const host = host_statuses.find(({ address }) => address.socket_address?.address === at.inbound(callee).host);
        // A second version comes later, when its policy has been compiled; a cluster of a subset never has all.
        if (!host && name.endsWith(`||${hostOf(callee.service)}`))
          return `${workload.name} does not know ${callee.name} yet`;
        if (host && Object.keys(host.health_status).some((flag) => flag !== "eds_health_status"))
          return `${workload.name} does not see ${callee.name} as healthy`;
      }
    }
    if (workload.role !== "router" || !names.includes("auth")) continue;
    const stats = await getText(at.admin(workload), "/stats?filter=jwks_fetch_success");
    const listeners = [...stats.matchAll(/jwks_fetch_success: (\d+)/g)];
    if (listeners.length === 0 || listeners.some(([, count]) => count === "0"))
      return `${workload.name} has no keys of auth`;
  }
  return undefined;
}

function getText({ host, port }: Address, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, agent: false, timeout: 2_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text)).on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`${path} does not answer`)));
    request.on("error", reject);
  });
}
