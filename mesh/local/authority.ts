import "reflect-metadata"; // @peculiar/x509 needs it before itself
import { randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { spiffeId } from "./topology.ts";

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** Signs the certificates of one stack. */
export interface Authority {
  /** The root certificate, PEM: what everyone of the stack trusts. */
  certificate: string;
  /** The root's private key, PEM, for `createAuthority` at the next start. */
  key: string;
  /** A certificate that proves to be `service` of the mesh. */
  issueWorkload(service: string): Promise<KeyPair>;
  /** A server certificate for the edge's TLS port. */
  issueServer(names: readonly string[], addresses: readonly string[]): Promise<KeyPair>;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const day = 24 * 60 * 60 * 1000;
const lifetime = { root: 3650 * day, leaf: 90 * day };

// the library is typed for the browser's Web Crypto, whose keys have fewer usages than Node's
type Keys = Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>[0]["keys"];
type Key = Keys["privateKey"];

/** A certificate authority with `root`, or with a new one. ECDSA P-256; leaves are valid for 90 days. */
export async function createAuthority(root?: KeyPair): Promise<Authority> {
  const { certificate, key } = root ?? (await createRoot());
  const issuer = new x509.X509Certificate(certificate);
  const signingKey = await importKey(key);

  async function issue(names: x509.JsonGeneralNames): Promise<KeyPair> {
    const keys = await createKeys();
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: randomBytes(16).toString("hex"),
      subject: "O=game",
      issuer: issuer.subject,
      ...validFor(lifetime.leaf),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(names),
      ],
    });
    return { certificate: `${leaf.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
  }

  return {
    certificate,
    key,
    issueWorkload: (service) => issue([{ type: "url", value: spiffeId(service) }]),
    issueServer: (names, addresses) =>
      issue([
        ...names.map((value) => ({ type: "dns" as const, value })),
        ...addresses.map((value) => ({ type: "ip" as const, value })),
      ]),
  };
}

async function createRoot(): Promise<KeyPair> {
  const keys = await createKeys();
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomBytes(16).toString("hex"),
    name: "O=game, CN=mesh root",
    ...validFor(lifetime.root),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: `${root.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
}

const createKeys = async () => (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as Keys;

async function exportKey(key: Key): Promise<string> {
  const der = await webcrypto.subtle.exportKey("pkcs8", key as webcrypto.CryptoKey);
  return `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`;
}

const importKey = async (pem: string) =>
  (await webcrypto.subtle.importKey("pkcs8", x509.PemConverter.decodeFirst(pem), algorithm, false, ["sign"])) as Key;

/** From an hour ago, so that a clock that lags does not refuse a new certificate. */
const validFor = (milliseconds: number) => ({
  notBefore: new Date(Date.now() - 60 * 60 * 1000),
  notAfter: new Date(Date.now() + milliseconds),
});
