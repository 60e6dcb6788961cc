import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { provision } from "../../stack/provision/index.ts";
import { claimFreeNetwork } from "../local/network.ts";
import { addresses, namespace } from "../local/topology.ts";
import { kubeconfig } from "./istiod.ts";
import { startKubeStub } from "./kube-stub.ts";
import { objectFiles } from "./paths.ts";
import { openWorkFolder } from "./work-folder.ts";

/** What `istioctl analyze` says that is not worth a word here. */
const suppressed = [
  "IST0133=EnvoyFilter game/*", // "exposes internal implementation details": it is the only way to say what Istio's API has no field for
  "IST0162=Gateway game/edge", // the edge's Service is for the cluster to define; on one machine there is none
  "IST0140=VirtualService game/world*", // services name one instance of world, the edge sends by zone: both on purpose
];

/**
 * What `istioctl analyze` finds in the folder `policy`, as it says it; nothing when it finds nothing. Its analyzers look for what the
 * policy names among the Services and Pods of topology.ts: from files alone it would leave most of them out, in silence.
 */
export async function analyzePolicy(policy: string): Promise<string | undefined> {
  const istioctl = await provision("istioctl", (line) => console.error(`istioctl: ${line}`));
  await using cleanup = new AsyncDisposableStack();
  const { network, release } = await claimFreeNetwork();
  cleanup.defer(release);
  const { path: work } = cleanup.use(await openWorkFolder("mesh-analyze"));

  const kube = { ...addresses(network).edge, port: 18001 };
  cleanup.use(await startKubeStub(kube, network));
  const config = join(work, "kubeconfig.json");
  await writeFile(config, JSON.stringify(kubeconfig(kube)));
  const options = ["--kubeconfig", config, "--namespace", namespace, "--all-namespaces", "--failure-threshold", "Info"];
  const args = ["analyze", ...options, ...suppressed.flatMap((what) => ["--suppress", what]), ...objectFiles(policy)];
  const { code, stdout, stderr } = await run(istioctl, args, { cwd: policy, timeout: 120_000 }).then(
    (output) => ({ code: 0, ...output }),
    (error: { code?: number; stdout: string; stderr: string }) => error,
  );
  // it ends with 0 also when it does not look at all
  return code === 0 && stderr.includes("No validation issues found") ? undefined : `${stdout}${stderr}`;
}

const run = promisify(execFile);
