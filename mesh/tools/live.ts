import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { provision } from "../../stack/provision/index.ts";
import { claimFreeNetwork } from "../local/network.ts";
import { addresses, format, relocate, type Workload, workloads } from "../local/topology.ts";
import { type Background, Ended, eventually, startBackground } from "./background.ts";
import { type BootstrapOptions, frozenBootstrap, liveBootstrap } from "./bootstrap.ts";
import { canonicalJson, type Frozen, freeze } from "./freeze.ts";
import { loadMeshConfig, startIstiod } from "./istiod.ts";
import { startKubeStub } from "./kube-stub.ts";
import { revisionFilter, takeRevision } from "./revision.ts";
import { startSecretServer } from "./secret-server.ts";

/** The real istiod on a policy, and a live Envoy for each workload, in a loopback network of their own. */
export interface LiveMesh extends AsyncDisposable {
  /**
   * Writes what the Envoys hold to the folder `out`, as files that others can run on.
   *
   * @throws Refused, in Envoy's words; Ended, also when `signal` is aborted.
   */
  write(out: string, signal?: AbortSignal): Promise<void>;
  /** Lets istiod read changed policy: file -> text, or undefined for one that is gone. `write` waits until it has reached the Envoys. */
  change(files: ReadonlyMap<string, string | undefined>): Promise<void>;
}

/** Starts one on the folder `policy`. */
export async function startLiveMesh(policy: string): Promise<LiveMesh> {
  const istiodBinary = await provision("istiod", (line) => console.error(`istiod: ${line}`));
  const envoyBinary = await provision("envoy");
  await using cleanup = new AsyncDisposableStack(); // until it is handed over
  const { network, release } = await claimFreeNetwork();
  cleanup.defer(release);
  const work = await mkdtemp(join(tmpdir(), "mesh-compile-"));
  cleanup.defer(() => rm(work, { recursive: true, force: true }));

  const at = (port: number) => ({ ...addresses(network).edge, port });
  const ports = { kube: at(18001), secrets: at(18020), xds: at(18010), http: at(18017), monitoring: at(18014) };
  cleanup.use(await startKubeStub(ports.kube, network));
  cleanup.use(await startSecretServer(ports.secrets));
  const istiod = cleanup.use(await startIstiod(istiodBinary, { work, policy, network, ports }));
  let read = istiod.output().length;
  let revision = 0;

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

  /** What an Envoy holds once it is ready and two looks, a moment apart, find the same. */
  async function settled(workload: Workload, envoy: Background, signal: AbortSignal | undefined): Promise<Frozen> {
    const admin = `http://${format(addresses(network).admin(workload))}`;
    let last = "";
    return eventually(
      async () => {
        if (signal?.aborted) throw new Ended("the compile was given up");
        envoy.assertRunning();
        const unread = istiod.output().slice(read);
        if (unread.includes("unable to reload file configuration")) throw new Ended(unread);
        if (!(await fetch(`${admin}/ready`)).ok)
          throw new Error(`the Envoy of ${workload.name} is not ready:\n${envoy.output().slice(-2000)}`);
        const dump = await (await fetch(`${admin}/config_dump?include_eds`)).json();
        const found = takeRevision(dump);
        const frozen = freeze(dump, workload.role);
        if (found !== revision) throw new Error(`the Envoy of ${workload.name} holds change ${found} of ${revision}`);
        const text = canonicalJson([...frozen.files]);
        if (text === last) return frozen;
        last = text;
        throw new Error(`the Envoy of ${workload.name} still gets new configuration`);
      },
      revision === 0 ? 30_000 : 5_000,
    );
  }

  const running = cleanup.move();
  return {
    async write(out, signal) {
      const frozen = await Promise.all(
        envoys.map(async ([workload, envoy]) => ({ workload, ...(await settled(workload, envoy, signal)) })),
      );
      await rm(out, { recursive: true, force: true });
      for (const { workload, files, secrets } of frozen) {
        await mkdir(join(out, workload.name), { recursive: true });
        files.set("bootstrap.json", canonicalJson(frozenBootstrap(workload, options, secrets)));
        for (const [name, text] of files) await writeFile(join(out, workload.name, name), relocate(text, network, 0));
      }
    },
    async change(files) {
      const config = join(work, "config");
      const lay = async (name: string, text: string) => {
        await writeFile(join(work, "next"), text);
        await rename(join(work, "next"), join(config, name)); // istiod never reads half a file
      };
      read = istiod.output().length;
      revision += 1;
      for (const [file, text] of files)
        await (text === undefined ? rm(join(config, basename(file)), { force: true }) : lay(basename(file), text));
      // last: whoever has read it has read them
      await lay("revision.yaml", JSON.stringify(revisionFilter(revision)));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
