import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { type IstioObject, machineObjects } from "../local/machine.ts";
import { type Address, format } from "../local/topology.ts";
import { type Background, eventually, startBackground } from "./background.ts";
import { projectDir } from "./paths.ts";
import type { PolicyText } from "./watch-source.ts";

/** The settings of the mesh that its tools read too. */
export interface MeshConfig {
  defaultConfig: { runtimeValues: Record<string, string> };
}

/** The mesh's settings: those of a cluster, which stand in the policy, and over them those of one machine. */
export async function loadMeshConfig(policy: PolicyText): Promise<MeshConfig> {
  const cluster = policy.get("mesh-config.yaml");
  if (cluster === undefined) throw new Error("the policy has no mesh-config.yaml");
  const machine = await readFile(join(projectDir, "mesh/local/mesh-config.yaml"), "utf8");
  return { ...parse(cluster), ...parse(machine) };
}

/** Where istiod listens and whom it asks. */
export interface IstiodPorts {
  kube: Address;
  xds: Address;
  http: Address;
  monitoring: Address;
}

// The Envoy of the PyPI wheel is the plain one: no filters of Istio's own. Secrets come from the secret server.
const environment = {
  ENABLE_CA_SERVER: "false",
  ISTIO_KUBE_CLIENT_CONTENT_TYPE: "json",
  PILOT_ENABLE_ALPN_FILTER: "false",
  PILOT_ENABLE_METADATA_EXCHANGE: "false",
  PILOT_DEBOUNCE_AFTER: "50ms", // an edit of several kinds of objects is one push
  PILOT_JWT_ENABLE_REMOTE_JWKS: "envoy",
};

/** What istiod reads, file name -> text: the policy, and what one machine needs. */
export function istiodConfig(policy: PolicyText, network: number): Map<string, string> {
  const files = new Map<string, string>();
  const policySidecars: IstioObject[] = [];
  for (const [file, text] of policy)
    if (/\bkind"?: *"?Sidecar\b/.test(text)) policySidecars.push(parse(text));
    else if (file !== "mesh-config.yaml") files.set(basename(file), text);
  // JSON is YAML too
  for (const object of machineObjects(network, policySidecars))
    files.set(`machine-${object.kind}-${object.metadata.name}.yaml`, JSON.stringify(object));
  return files;
}

/**
 * Starts the real istiod in the folder `work`, which reads what stands in its folder `config`; it is ready on return.
 *
 * @param mesh the mesh's settings.
 */
export async function startIstiod(
  binary: string,
  { work, mesh, ports }: { work: string; mesh: MeshConfig; ports: IstiodPorts },
): Promise<Background> {
  await writeFile(join(work, "mesh.json"), JSON.stringify(mesh));
  await writeFile(join(work, "kubeconfig.json"), JSON.stringify(kubeconfig(ports.kube)));

  const istiod = startBackground(
    "istiod",
    binary,
    [
      ["discovery", "--registries", "Kubernetes", "--kubeconfig", "kubeconfig.json"],
      ["--configDir", "config", "--meshConfig", "mesh.json", "--ctrlz_port", "0"],
      ["--grpcAddr", format(ports.xds), "--httpAddr", format(ports.http), "--monitoringAddr", format(ports.monitoring)],
      ["--secureGRPCAddr=", "--httpsAddr="],
    ].flat(),
    { cwd: work, log: join(work, "istiod.log"), env: environment },
  );
  try {
    await eventually(async () => {
      istiod.assertRunning();
      const { ok } = await fetch(`http://${format(ports.http)}/ready`);
      if (!ok) throw new Error(`istiod is not ready:\n${istiod.output().slice(-2000)}`);
    });
    return istiod;
  } catch (error) {
    await istiod[Symbol.asyncDispose]();
    throw error;
  }
}

/** How a program of Istio's finds the Kubernetes API at `kube`. */
export const kubeconfig = (kube: Address) => ({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "stub", cluster: { server: `http://${format(kube)}` } }],
  users: [{ name: "nobody", user: {} }],
  contexts: [{ name: "stub", context: { cluster: "stub", user: "nobody" } }],
  "current-context": "stub",
});
