import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { provision } from "../../stack/provision/index.ts";
import { claimFreeNetwork } from "../local/network.ts";
import { addresses, format, relocate, type Workload, workloads } from "../local/topology.ts";
import { type Background, Ended, endOnSignals, eventually, startBackground } from "./background.ts";
import { type BootstrapOptions, frozenBootstrap, liveBootstrap } from "./bootstrap.ts";
import { canonicalJson, type Frozen, freeze } from "./freeze.ts";
import { loadMeshConfig, startIstiod } from "./istiod.ts";
import { startKubeStub } from "./kube-stub.ts";
import { frozenDir, policyDir, projectDir } from "./paths.ts";
import { writeSeal } from "./seal.ts";
import { startSecretServer } from "./secret-server.ts";

/** What to compile. */
export interface CompileOptions {
  /** The folder of the policy; mesh/istio/ unless given. */
  policy?: string;
  /** Ends the compile: nobody wants its result any more. */
  signal?: AbortSignal;
}

/**
 * Compiles the policy: the real istiod reads it, a live Envoy for each workload takes its configuration from it, and what they then
 * hold is written to the folder `out`. All of it runs in a loopback network of its own, beside whatever else runs, and is ended
 * again, also after a failure.
 *
 * @throws Refused, in Envoy's words; Ended, in istiod's.
 */
export async function compileMesh(out: string, { policy = policyDir, signal }: CompileOptions = {}): Promise<void> {
  const istiodBinary = await provision("istiod", (line) => console.error(`istiod: ${line}`));
  const envoyBinary = await provision("envoy");
  await using cleanup = new AsyncDisposableStack();
  const { network, release } = await claimFreeNetwork();
  cleanup.defer(release);
  const work = await mkdtemp(join(tmpdir(), "mesh-compile-"));
  cleanup.defer(() => rm(work, { recursive: true, force: true }));

  const at = (port: number) => ({ ...addresses(network).edge, port });
  const ports = { kube: at(18001), secrets: at(15020), xds: at(15010), http: at(15017), monitoring: at(15014) };
  cleanup.use(await startKubeStub(ports.kube, network));
  cleanup.use(await startSecretServer(ports.secrets));
  cleanup.use(await startIstiod(istiodBinary, { work, policy, network, ports }));

  const options: BootstrapOptions = { network, runtime: (await loadMeshConfig(policy)).defaultConfig.runtimeValues };
  const envoys: [Workload, Background][] = [];
  for (const workload of workloads) {
    const cwd = join(work, workload.name);
    await mkdir(cwd);
    await writeFile(
      join(cwd, "bootstrap.json"),
      canonicalJson(liveBootstrap(workload, options, ports.xds, ports.secrets)),
    );
    const args = ["-c", "bootstrap.json", "--concurrency", "1", "--disable-hot-restart", "-l", "warning"];
    const log = join(cwd, "envoy.log");
    envoys.push([
      workload,
      cleanup.use(startBackground(`the Envoy of ${workload.name}`, envoyBinary, args, { cwd, log })),
    ]);
  }

  const frozen = await Promise.all(
    envoys.map(async ([workload, envoy]) => ({ workload, ...(await settled(workload, envoy, network, signal)) })),
  );
  await rm(out, { recursive: true, force: true });
  for (const { workload, files, secrets } of frozen) {
    await mkdir(join(out, workload.name), { recursive: true });
    files.set("bootstrap.json", canonicalJson(frozenBootstrap(workload, options, secrets)));
    for (const [name, text] of files) await writeFile(join(out, workload.name, name), relocate(text, network, 0));
  }
  if (policy === policyDir) await writeSeal(out);
}

/** What an Envoy holds once it is ready and two looks, a moment apart, find the same. */
async function settled(
  workload: Workload,
  envoy: Background,
  network: number,
  signal: AbortSignal | undefined,
): Promise<Frozen> {
  const admin = `http://${format(addresses(network).admin(workload))}`;
  let last = "";
  return eventually(async () => {
    envoy.assertRunning();
    if (signal?.aborted) throw new Ended("the compile was given up");
    if (!(await fetch(`${admin}/ready`)).ok)
      throw new Error(`the Envoy of ${workload.name} is not ready:\n${envoy.output().slice(-2000)}`);
    const dump = await fetch(`${admin}/config_dump?include_eds`);
    const frozen = freeze(await dump.json(), workload.role);
    const text = canonicalJson([...frozen.files]);
    if (text === last) return frozen;
    last = text;
    throw new Error(`the Envoy of ${workload.name} still gets new configuration`);
  });
}

if (import.meta.main) {
  endOnSignals();
  const started = performance.now();
  await compileMesh(frozenDir);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `compiled mesh/istio to ${relative(projectDir, frozenDir)}/ in ${seconds} s: see git diff --stat ${relative(projectDir, frozenDir)}`,
  );
}
