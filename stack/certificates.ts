import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority, type KeyPair } from "../mesh/local/authority.ts";
import { addresses, type Workload, workloads } from "../mesh/local/topology.ts";
import { writePrivate } from "./private-file.ts";

/** Replaced when they end sooner than this: a third of their 90 days. */
const renewBeforeMs = 30 * 24 * 60 * 60 * 1000;

/**
 * Sees to it that every workload has a certificate that says who it is (`<state>/mesh/<workload>/certs/`), and the edge one for its
 * TLS port. Made at the first start by an authority in `<state>/authority/`, renewed when near their end. A running Envoy takes a
 * renewed one by itself.
 */
export async function ensureCertificates(stateDir: string, network: number): Promise<void> {
  const root = join(stateDir, "authority");
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const authority = await createAuthority(readPair(join(root, "ca.pem"), join(root, "ca.key")));
  writePair(join(root, "ca.pem"), join(root, "ca.key"), authority);
  const host = addresses(network).edge.host;
  for (const workload of workloads) {
    const dir = certsDir(stateDir, workload);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    if (!existsSync(join(dir, "ca.pem"))) writePrivate(join(dir, "ca.pem"), authority.certificate);
    await ensurePair(join(dir, "cert.pem"), join(dir, "key.pem"), () => authority.issueWorkload(workload.service));
    if (workload.role !== "router") continue;
    const tls = join(dir, "edge-tls");
    mkdirSync(tls, { recursive: true, mode: 0o700 });
    await ensurePair(join(tls, "tls.crt"), join(tls, "tls.key"), () =>
      authority.issueServer(["localhost"], ["127.0.0.1", host]),
    );
  }
}

/** Where the root certificate is, for clients of the edge's TLS port. */
export const rootCertificate = (stateDir: string): string => join(stateDir, "authority/ca.pem");

/** The folder of a workload's certificates. */
export const certsDir = (stateDir: string, workload: Workload): string =>
  join(stateDir, "mesh", workload.name, "certs");

async function ensurePair(certificate: string, key: string, issue: () => Promise<KeyPair>): Promise<void> {
  const present = readPair(certificate, key);
  if (present && endOf(present.certificate) - Date.now() > renewBeforeMs) return;
  writePair(certificate, key, await issue());
}

/** The key first: between the two renames Envoy goes on with the old pair. */
function writePair(certificate: string, key: string, pair: KeyPair): void {
  const present = readPair(certificate, key);
  if (present?.certificate === pair.certificate && present.key === pair.key) return;
  writePrivate(key, pair.key);
  writePrivate(certificate, pair.certificate);
}

function readPair(certificate: string, key: string): KeyPair | undefined {
  if (!existsSync(certificate) || !existsSync(key)) return undefined;
  return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
}

const endOf = (pem: string) => Date.parse(new X509Certificate(pem).validTo);
