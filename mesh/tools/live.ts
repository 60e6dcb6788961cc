import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { provision } from "../../stack/provision/index.ts";
import { claimFreeNetwork } from "../local/network.ts";
import { addresses, format, relocate, type Workload, workloads } from "../local/topology.ts";
import { type Background, Ended, eventually, startBackground } from "./background.ts";
import { type BootstrapOptions, frozenBootstrap, liveBootstrap } from "./bootstrap.ts";
import { canonicalJson, type Frozen, freeze } from "./freeze.ts";
import { type Glance, glance, isOn } from "./glance.ts";
import { istiodConfig, loadMeshConfig, startIstiod } from "./istiod.ts";
import { startKubeStub } from "./kube-stub.ts";
import { revisionFilter, withoutRevision } from "./revision.ts";
import { startSecretServer } from "./secret-server.ts";
import { changedFiles, type PolicyText } from "./watch-source.ts";
import { openWorkFolder } from "./work-folder.ts";

/** The real istiod on a policy, and a live Envoy for each workload, in a loopback network of their own. */
export interface LiveMesh extends AsyncDisposable {
  /** Waits until the Envoys hold the policy, as `write` does. */
  settle(signal?: AbortSignal): Promise<void>;
  /**
   * Writes what the Envoys hold to the folder `out`, as files that others can run on.
   *
   * @throws Refused, in Envoy's words; Ended, also when `signal` is aborted.
   */
  write(out: string, signal?: AbortSignal): Promise<void>;
  /** Lets istiod read another policy. `write` waits until it has reached the Envoys. The mesh's settings stay as they were. */
  change(policy: PolicyText): Promise<void>;
}

/** Starts one on a policy. */
export async function startLiveMesh(policy: PolicyText): Promise<LiveMesh> {
  const istiodBinary = await provision("istiod", (line) => console.error(`istiod: ${line}`));
  const envoyBinary = await provision("envoy");
  await using cleanup = new AsyncDisposableStack(); // until it is handed over
  const { network, release } = await claimFreeNetwork();
  cleanup.defer(release);
  const { path: work } = cleanup.use(await openWorkFolder("mesh-compile"));

  const at = (port: number) => ({ ...addresses(network).edge, port });
  const ports = { kube: at(18001), secrets: at(18020), xds: at(18010), http: at(18017), monitoring: at(18014) };
  cleanup.use(await startKubeStub(ports.kube, network));
  cleanup.use(await startSecretServer(ports.secrets));
  let revision = 1;
  const config = join(work, "config");
  await mkdir(config);
  let laid = istiodConfig(policy, network);
  for (const [file, text] of laid) await writeFile(join(config, file), text);
  await writeFile(join(config, "revision.yaml"), JSON.stringify(revisionFilter(revision)));
  const mesh = await loadMeshConfig(policy);
  const istiod = cleanup.use(await startIstiod(istiodBinary, { work, mesh, ports }));
  let read = istiod.output().length;

  const options: BootstrapOptions = { network, runtime: mesh.defaultConfig.runtimeValues };
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

  const adminOf = (workload: Workload) => `http://${format(addresses(network).admin(workload))}`;
  const held = new Map<Workload, Glance & { frozen: Frozen }>();

  /** What an Envoy holds once it is ready and has got the last change. */
  async function settled(workload: Workload, envoy: Background, signal: AbortSignal | undefined): Promise<Frozen> {
    const admin = adminOf(workload);
    const before = held.get(workload);
    if (before?.revision === revision) return before.frozen;
    const waiting = () => new Error(`the Envoy of ${workload.name} still waits for change ${revision}`);
    let last = "";
    return eventually(
      async () => {
        if (signal?.aborted) throw new Ended("the compile was given up");
        envoy.assertRunning();
        const unread = istiod.output().slice(read);
        if (unread.includes("unable to reload file configuration")) throw new Ended(unread);
        const found = await glance(admin, before?.push);
        if (found === "waiting") throw waiting();
        if (found === "refused") {
          freeze(await dumpOf(admin), workload.role);
          throw waiting();
        }
        if (found.revision !== revision) throw waiting();
        if (!before && last !== found.print) {
          last = found.print; // istiod, new itself, may be in the middle of it
          throw waiting();
        }
        const frozen = found.print === before?.print ? before.frozen : freeze(await dumpOf(admin), workload.role);
        if (!(await fetch(`${admin}/ready`)).ok)
          throw new Error(`the Envoy of ${workload.name} is not ready:\n${envoy.output().slice(-2000)}`);
        held.set(workload, { ...found, frozen });
        return frozen;
      },
      before ? 10_000 : 30_000,
    );
  }

  /**
   * Whether another push has come. istiod hears of each kind of object on its own: now and then one kind is late, and comes after what
   * marks the change.
   */
  async function hasMore(): Promise<boolean> {
    const later = await Promise.all(
      [...held].map(async ([workload, { push }]) => !(await isOn(adminOf(workload), push)) && workload),
    );
    for (const workload of later) if (workload) held.set(workload, { ...held.get(workload)!, revision: undefined });
    return later.some(Boolean);
  }

  /** What all of them hold then. */
  async function allSettled(signal: AbortSignal | undefined): Promise<({ workload: Workload } & Frozen)[]> {
    let frozen: ({ workload: Workload } & Frozen)[];
    do {
      // the first is asked until it has the change; the others have it then, or soon
      await settled(...envoys[0]!, signal);
      frozen = await Promise.all(
        envoys.map(async ([workload, envoy]) => ({ workload, ...(await settled(workload, envoy, signal)) })),
      );
    } while (await hasMore());
    return frozen;
  }

  const running = cleanup.move();
  return {
    async settle(signal) {
      await allSettled(signal);
    },
    async write(out, signal) {
      const frozen = await allSettled(signal);
      await rm(out, { recursive: true, force: true });
      const writeOne = async ({ workload, files, secrets }: { workload: Workload } & Frozen) => {
        await mkdir(join(out, workload.name), { recursive: true });
        const all = new Map(files).set("bootstrap.json", canonicalJson(frozenBootstrap(workload, options, secrets)));
        const write = ([name, text]: [string, string]) =>
          writeFile(join(out, workload.name, name), relocate(text, network, 0));
        await Promise.all([...all].map(write));
      };
      await Promise.all(frozen.map(writeOne));
    },
    async change(policy) {
      const lay = async (name: string, text: string) => {
        await writeFile(join(work, "next"), text);
        await rename(join(work, "next"), join(config, name)); // istiod never reads half a file
      };
      read = istiod.output().length;
      revision += 1;
      const next = istiodConfig(policy, network);
      for (const file of changedFiles(laid, next)) {
        const text = next.get(file);
        await (text === undefined ? rm(join(config, file), { force: true }) : lay(file, text));
      }
      laid = next;
      // last: whoever has read it has read them
      await lay("revision.yaml", JSON.stringify(revisionFilter(revision)));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** All that an Envoy holds, of the policy. */
async function dumpOf(admin: string): Promise<object> {
  const dump = await (await fetch(`${admin}/config_dump?include_eds`)).json();
  withoutRevision(dump);
  return dump;
}
