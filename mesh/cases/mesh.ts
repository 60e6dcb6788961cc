import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { provision } from "../../stack/provision/index.ts";
import { type Authority, createAuthority } from "../local/authority.ts";
import { claimFreeNetwork } from "../local/network.ts";
import { addresses, format, sidecars, type Workload, workload, workloads } from "../local/topology.ts";
import { type Background, eventually, startBackground } from "../tools/background.ts";
import { startDiscovery } from "../tools/discovery.ts";
import { envoyArguments, envoyDir, renderMesh } from "../tools/render.ts";
import { openWorkFolder } from "../tools/work-folder.ts";
import { type Echo, type Received, startEcho } from "./echo.ts";
import { createIssuer, type Issuer } from "./tokens.ts";

/** Every Envoy of the mesh, on the committed files, with an echo app in the place of each service. */
export interface Mesh extends AsyncDisposable {
  network: number;
  at: ReturnType<typeof addresses>;
  authority: Authority;
  /** Signs tokens that the edge takes: its keys are those of the auth echo. */
  issuer: Issuer;
  /** The app of a workload, by its name. */
  echo(name: string): Echo;
  /** Ends an app, as if its service had died. */
  stopEcho(name: string): Promise<void>;
  /** Starts it again. */
  startEcho(name: string): Promise<void>;
  /** Waits until every Envoy finds every service well, for `milliseconds` at most. */
  settled(milliseconds?: number): Promise<void>;
  /** What `renderMesh` filled. */
  stateDir: string;
  /** The process of a workload's Envoy. */
  pid(name: string): number;
  /** The text at a path of an Envoy's admin page; undefined when it says no. */
  admin(name: string, path: string): Promise<string | undefined>;
  /** From now on `into` gets what reaches any app with this `x-call`. */
  watch(call: string, into: Received[]): void;
  unwatch(call: string): void;
  /** The folder of the certificates of a workload. */
  certificates(name: string): string;
  /** What the edge has logged so far, a line of JSON each. */
  edgeLog(): Record<string, unknown>[];
  /** Envoy's own count of something, by workload. */
  counter(name: string, workloadName?: string): Promise<number>;
  /** A client address of its own, so that one test's calls don't use up another's limits. */
  clientAddress(): string;
}

/** The secret that the sidecars show to their apps. */
export const sidecarToken = "the-sidecar-token";

/** Starts a mesh in a loopback network of its own, on the committed files or on those of the folder `frozen`. */
export async function startMesh(frozen?: string): Promise<Mesh> {
  const envoyBinary = await provision("envoy");
  await using cleanup = new AsyncDisposableStack(); // until the mesh is handed over
  const { network, release } = await claimFreeNetwork();
  cleanup.defer(release);
  const { path: stateDir } = cleanup.use(await openWorkFolder("mesh-test"));

  const at = addresses(network);
  const issuer = await createIssuer();
  const authority = await createAuthority();
  const echoes = new Map<string, Echo>();
  const watched = new Map<string, Received[]>();
  const start = (sidecar: Workload) =>
    startEcho(sidecar.name, at.app(sidecar), (received) =>
      watched.get(received.headers["x-call"] ?? "")?.push(received),
    );
  for (const sidecar of sidecars) echoes.set(sidecar.name, cleanup.use(await start(sidecar)));
  echoes.get("auth")!.jwks = issuer.jwks;

  await renderMesh({ stateDir, network, ...(frozen !== undefined && { frozen }) });
  for (const each of workloads)
    await writeCertificates(join(envoyDir(stateDir, each.name), "certs"), each, authority, at.edge.host);
  cleanup.use(await startDiscovery(stateDir));
  const envoys = new Map<string, Background>();
  // the edge last: its first health checks find the sidecars there
  for (const current of [...sidecars, workload("edge")]) {
    const cwd = envoyDir(stateDir, current.name);
    const log = join(stateDir, `${current.name}.log`);
    const envoy = startBackground(`the Envoy of ${current.name}`, envoyBinary, envoyArguments(1), { cwd, log });
    envoys.set(current.name, cleanup.use(envoy));
  }
  const admin = async (name: string, path: string) => {
    const response = await fetch(`http://${format(at.admin(workload(name)))}${path}`);
    return response.ok ? response.text() : undefined;
  };
  const settled = (milliseconds = 120_000) => Promise.all(workloads.map(({ name }) => finds(name, milliseconds)));
  const finds = (name: string, milliseconds: number) =>
    eventually(async () => {
      envoys.get(name)!.assertRunning();
      const clusters = (await admin(name, "/ready")) && (await admin(name, "/clusters"));
      if (!clusters || /failed_active_hc|failed_outlier_check/.test(clusters))
        throw new Error(`the Envoy of ${name} does not find every service well:\n${clusters}`);
    }, milliseconds);
  await settled();
  const running = cleanup.move();
  let clients = 0;
  return {
    network,
    at,
    authority,
    issuer,
    echo: (name) => echoes.get(name)!,
    stopEcho: async (name) => echoes.get(name)![Symbol.asyncDispose](),
    async startEcho(name) {
      const echo = await start(workload(name));
      echo.jwks = echoes.get(name)!.jwks;
      echoes.set(name, running.use(echo));
    },
    settled: async (milliseconds) => {
      await settled(milliseconds);
    },
    watch: (call, into) => watched.set(call, into),
    unwatch: (call) => watched.delete(call),
    stateDir,
    pid: (name) => envoys.get(name)!.pid,
    admin,
    certificates: (name) => join(envoyDir(stateDir, name), "certs"),
    edgeLog: () =>
      envoys
        .get("edge")!
        .output()
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line)),
    async counter(name, workloadName = "edge") {
      const { stats } = JSON.parse(
        (await admin(workloadName, `/stats?format=json&filter=${encodeURIComponent(name)}`))!,
      );
      return stats.reduce((sum: number, stat: { value?: number }) => sum + (stat.value ?? 0), 0);
    },
    clientAddress: () => {
      clients += 1; // 127.x.9.1 to 127.x.255.250, and from the start again
      return `127.${network}.${9 + (Math.floor(clients / 250) % 247)}.${1 + (clients % 250)}`;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function writeCertificates(dir: string, { role, service }: Workload, authority: Authority, edge: string) {
  await mkdir(join(dir, "edge-tls"), { recursive: true });
  const files: Record<string, string> = { "ca.pem": authority.certificate };
  const own = await authority.issueWorkload(service);
  Object.assign(files, { "cert.pem": own.certificate, "key.pem": own.key });
  if (role === "router") {
    const server = await authority.issueServer(["localhost"], [edge]);
    Object.assign(files, { "edge-tls/tls.crt": server.certificate, "edge-tls/tls.key": server.key });
  } else {
    files["sidecar-token"] = sidecarToken;
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
}
