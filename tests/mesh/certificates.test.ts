import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readlink, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { type Answer, call } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import type { KeyPair } from "../../mesh/local/authority.ts";
import { type Address, workload, workloads } from "../../mesh/local/topology.ts";
import { until } from "../support/until.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const headers = { "content-type": "application/json" };

/** A call straight to a workload's sidecar, by someone who holds the certificate of `identity`. */
async function callAs(identity: string, target: string, path: string): Promise<Answer> {
  const { certificate, key } = await mesh.authority.issueWorkload(identity);
  const tls = { cert: certificate, key, ca: mesh.authority.certificate, checkServerIdentity: () => undefined };
  return call({ to: mesh.at.inbound(workload(target)), tls, path, headers, body: "{}" });
}

describe("a renewed certificate", () => {
  /** The serial number of what a TLS server shows. */
  async function serialAt(to: Address): Promise<string> {
    const socket = connect({ ...to, ca: mesh.authority.certificate, checkServerIdentity: () => undefined });
    socket.on("error", () => {}); // a sidecar ends the connection for want of a client certificate
    await once(socket, "secureConnect");
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  /** Puts a pair in the place of another: the key first. */
  async function renew(folder: string, [certificateFile, keyFile]: [string, string], pair: KeyPair) {
    for (const [file, text] of [[keyFile, pair.key] as const, [certificateFile, pair.certificate] as const]) {
      await writeFile(join(folder, `${file}.new`), text);
      await rename(join(folder, `${file}.new`), join(folder, file));
    }
  }

  test("of the edge's TLS port is shown without a restart", async () => {
    const before = await serialAt(mesh.at.edgeTls);
    const pair = await mesh.authority.issueServer(["localhost"], [mesh.at.edgeTls.host]);
    await renew(join(mesh.certificates("edge"), "edge-tls"), ["tls.crt", "tls.key"], pair);
    await until("the new one is shown", async () => (await serialAt(mesh.at.edgeTls)) !== before, 5000);
  });

  test("of a sidecar is shown without a restart, and calls go on", async () => {
    const at = mesh.at.inbound(workload("auth"));
    const before = await serialAt(at);
    await renew(mesh.certificates("auth"), ["cert.pem", "key.pem"], await mesh.authority.issueWorkload("auth"));
    await until("the new one is shown", async () => (await serialAt(at)) !== before, 5000);
    assert.equal((await callAs("edge", "auth", "/game.auth.v1.AuthService/RefreshToken")).status, 200);
  });
});

describe("the files of an Envoy", () => {
  test("cost it no inotify instance, of which Linux gives a user 128", async () => {
    for (const { name } of workloads) {
      const descriptors = `/proc/${mesh.pid(name)}/fd`;
      const open = await Promise.all(
        (await readdir(descriptors)).map((one) => readlink(join(descriptors, one)).catch(() => "")),
      );
      assert.ok(open.includes("anon_inode:[eventpoll]"), `these are the descriptors of an Envoy: ${open}`);
      assert.deepEqual(
        open.filter((target) => target.includes("inotify")),
        [],
        name,
      );
    }
  });

  test("are given to nobody but the owner of the stack: secrets are among them", async () => {
    const { mode } = await stat(join(mesh.stateDir, "mesh/discovery.sock"));
    assert.equal(mode & 0o077, 0);
  });
});

describe("the access log", () => {
  test("has the trace, the user and why, and no token", async () => {
    const token = await mesh.issuer.token("logged", ["chat:send"]);
    const path = `/api/v1/chat/SendMessage`;
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const sent = { ...headers, traceparent, authorization: `Bearer ${token}` };
    await call({ to: mesh.at.edge, path: `${path}?secret=in-the-query`, headers: sent, body: "{}" });
    await call({ to: mesh.at.edge, path: "/api/v1/chat/CreateParty", headers: sent, body: "{}" });
    const lines = await until("both calls are logged", async () => {
      const own = mesh.edgeLog().filter((line) => line.trace_id === traceparent.split("-")[1]);
      return own.length === 2 && own;
    });
    const [good, refused] = lines as [Record<string, unknown>, Record<string, unknown>];
    assert.deepEqual(
      { user: good.user_id, path: good.path, route: good.route, status: good.status, flags: good.flags },
      { user: "logged", path, route: "chat-write.SendMessage", status: 200, flags: "-" },
    );
    assert.match(String(good.upstream), /^127\.\d+\.1\.[34]:8080$/);
    assert.equal(refused.status, 403);
    assert.match(String(refused.details), /^rbac_access_denied/);
    const all = JSON.stringify(mesh.edgeLog());
    assert.ok(!all.includes(token) && !all.includes("in-the-query"));
  });
});
