import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ensureCertificates } from "./certificates.ts";
import { layMesh } from "./mesh.ts";
import { openSecrets } from "./secrets.ts";

function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "secrets-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test("a secret is made once, is long and differs from every other", (t) => {
  const dir = join(temporary(t), "secrets");
  const secrets = openSecrets(dir);
  assert.match(secrets.get("one"), /^[\w-]{32}$/);
  assert.notEqual(secrets.get("one"), secrets.get("two"));
  assert.equal(openSecrets(dir).get("one"), secrets.get("one"));
  assert.match(readFileSync(secrets.file("key", 32), "utf8"), /^[0-9a-f]{64}$/);
});

test("nobody else can read secrets, private keys and tokens", async (t) => {
  const dir = temporary(t);
  const secrets = openSecrets(join(dir, "secrets"));
  secrets.get("one");
  await layMesh(dir, 7, secrets);
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const secret = files.filter(({ name, parentPath }) => /key|token/.test(name) || parentPath.endsWith("/secrets"));
  assert.ok(secret.length > 10);
  for (const { parentPath, name } of secret) assert.equal(statSync(join(parentPath, name)).mode & 0o077, 0, name);
});

test("a workload's certificate names its service, is signed by the stack's authority and stays until it is near its end", async (t) => {
  const dir = temporary(t);
  await ensureCertificates(dir, 7);
  const path = join(dir, "mesh/chat-2/certs/cert.pem");
  const pem = readFileSync(path, "utf8");
  const certificate = new X509Certificate(pem);
  assert.equal(certificate.subjectAltName, "URI:spiffe://cluster.local/ns/game/sa/chat");
  assert.ok(certificate.verify(new X509Certificate(readFileSync(join(dir, "mesh/chat-2/certs/ca.pem"))).publicKey));
  await ensureCertificates(dir, 7);
  assert.equal(readFileSync(path, "utf8"), pem);

  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 61 * 24 * 60 * 60 * 1000 });
  await ensureCertificates(dir, 7);
  const renewed = new X509Certificate(readFileSync(path));
  assert.notEqual(renewed.serialNumber, certificate.serialNumber);
  assert.ok(
    renewed.checkPrivateKey(
      (await import("node:crypto")).createPrivateKey(readFileSync(join(dir, "mesh/chat-2/certs/key.pem"))),
    ),
  );
});

test("the edge's TLS certificate is good for localhost and for its own network", async (t) => {
  const dir = temporary(t);
  await ensureCertificates(dir, 7);
  const certificate = new X509Certificate(readFileSync(join(dir, "mesh/edge/certs/edge-tls/tls.crt")));
  assert.equal(certificate.subjectAltName, "DNS:localhost, IP Address:127.0.0.1, IP Address:127.7.0.1");
});
