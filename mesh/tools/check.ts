import { spawnSync } from "node:child_process";
import { cp, mkdir, open, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { provision } from "../../stack/provision/index.ts";
import { createAuthority } from "../local/authority.ts";
import { workloads } from "../local/topology.ts";
import { analyzePolicy } from "./analyze.ts";
import { endOnSignals } from "./background.ts";
import { compileMesh } from "./compile.ts";
import { frozenDir, policyDir, policyFiles, projectDir } from "./paths.ts";
import { openWorkFolder } from "./work-folder.ts";

/** What is wrong, in words for a person; undefined when nothing is. */
type Finding = string | undefined;

/** Whether istioctl takes the policy. It warns of every EnvoyFilter; that is not shown. */
async function policyIsValid(): Promise<Finding> {
  const istioctl = await provision("istioctl", (line) => console.error(`istioctl: ${line}`));
  const files = policyFiles().flatMap((file) => ["-f", file]);
  const { status, stderr } = spawnSync(istioctl, ["validate", ...files], { cwd: projectDir, encoding: "utf8" });
  return status === 0 ? undefined : `istioctl refuses mesh/istio/:\n${stderr}`;
}

/** Whether what the policy names is there, and no object defeats another. */
async function policyIsSound(): Promise<Finding> {
  const found = await analyzePolicy(policyDir);
  return found && `istioctl analyze, on mesh/istio/:\n${found}`;
}

/** Whether envoy/ is what a compile of this moment makes; else the difference, as git shows it. */
async function frozenIsCurrent(work: string): Promise<Finding> {
  await compileMesh(join(work, "compiled"));
  // from within a folder that holds both, so that no path of this machine stands in the difference
  await symlink(frozenDir, join(work, "committed"));
  const args = ["diff", "--no-index", "--no-prefix", "--stat", "--patch", "committed/", "compiled/"];
  const { status, stdout, stderr, error } = spawnSync("git", args, { cwd: work, encoding: "utf8" });
  if (status === 0) return undefined;
  if (status !== 1) return `git cannot compare: ${error ?? stderr}`;
  return `envoy/ is not what istiod makes of the policy: npm run mesh:compile\n${stdout}`;
}

/** Whether Envoy takes the frozen files. Its own check looks at the bootstrap alone, so all stands in one for it. */
async function frozenIsValid(work: string): Promise<Finding> {
  const envoy = await provision("envoy");
  const findings: string[] = [];
  for (const { name, service } of workloads) {
    const read = async (file: string) => JSON.parse(await readFile(join(frozenDir, name, file), "utf8"));
    const { dynamic_resources: _, ...bootstrap } = await read("bootstrap.json");
    const routes = (await readdir(join(frozenDir, name))).filter((file) => file.startsWith("rds-"));
    const tables = new Map<string, unknown>();
    for (const file of routes) for (const table of (await read(file)).resources) tables.set(table.name, table);
    const listeners = (await read("lds.json")).resources.map((listener: unknown) => withRoutes(listener, tables));
    const clusters = [...bootstrap.static_resources.clusters, ...(await read("cds.json")).resources.map(untyped)];
    const static_resources = { ...bootstrap.static_resources, listeners, clusters };

    const cwd = join(work, name);
    await cp(join(frozenDir, name), cwd, { recursive: true });
    await writeCertificates(join(cwd, "certs"), service);
    await writeFile(join(cwd, "whole.json"), JSON.stringify({ ...bootstrap, static_resources }));
    const args = ["--mode", "validate", "-c", "whole.json", "-l", "error"];
    // a file, not a pipe: Node's pipes are sockets, which Envoy cannot open as /dev/stdout for its access log
    const output = await open(join(cwd, "output"), "w");
    const { status } = spawnSync(envoy, args, { cwd, stdio: ["ignore", output.fd, output.fd] });
    await output.close();
    if (status !== 0) findings.push(`Envoy refuses envoy/${name}/:\n${await readFile(join(cwd, "output"), "utf8")}`);
  }
  return findings.length > 0 ? findings.join("\n") : undefined;
}

/** A listener whose route tables stand in it. Static ones carry no type. */
function withRoutes(listener: unknown, tables: Map<string, unknown>): unknown {
  const inlined = JSON.parse(JSON.stringify(listener), (_, value) => {
    if (!value?.rds) return value;
    const { rds, ...manager } = value;
    return { ...manager, route_config: untyped(tables.get(rds.route_config_name)) };
  });
  return untyped(inlined);
}

const untyped = (resource: unknown) => {
  const { "@type": _, ...rest } = resource as Record<string, unknown>;
  return rest;
};

async function writeCertificates(dir: string, service: string): Promise<void> {
  await mkdir(join(dir, "edge-tls"), { recursive: true });
  const authority = await createAuthority();
  const { certificate, key } = await authority.issueWorkload(service);
  const files = { "ca.pem": authority.certificate, "cert.pem": certificate, "key.pem": key, "sidecar-token": "check" };
  const edge = { "edge-tls/tls.crt": certificate, "edge-tls/tls.key": key };
  for (const [name, text] of Object.entries({ ...files, ...edge })) await writeFile(join(dir, name), text);
}

if (import.meta.main) {
  endOnSignals();
  await using folder = await openWorkFolder("mesh-check");
  const findings = [
    await policyIsValid(),
    await policyIsSound(),
    await frozenIsCurrent(folder.path),
    await frozenIsValid(folder.path),
  ];
  const wrong = findings.filter((finding) => finding !== undefined);
  for (const finding of wrong) console.error(finding);
  if (wrong.length > 0) process.exitCode = 1;
  else console.log("istioctl finds no fault in mesh/istio/, envoy/ is what istiod makes of it, and Envoy takes it");
}
