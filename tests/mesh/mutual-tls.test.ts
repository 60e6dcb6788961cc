import assert from "node:assert/strict";
import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { createAuthority, type KeyPair } from "../../mesh/local/authority.ts";
import { type Address, hostOf, workload } from "../../mesh/local/topology.ts";
import { until } from "../support/until.ts";
import { type Answer, call } from "./support/call.ts";
import { type Mesh, sidecarToken, startMesh } from "./support/mesh.ts";

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const headers = { "content-type": "application/json" };

/** A call by the app of one workload through its own sidecar, as a service's client makes it. */
const callFrom = (caller: string, service: string, path: string): Promise<Answer> =>
  call({ to: mesh.at.outbound(workload(caller)), authority: `${hostOf(service)}:8080`, path, headers, body: "{}" });

/** A call straight to a workload's sidecar, by someone who holds the certificate of `identity`. */
async function callAs(identity: string, target: string, path: string): Promise<Answer> {
  const { certificate, key } = await mesh.authority.issueWorkload(identity);
  const tls = { cert: certificate, key, ca: mesh.authority.certificate, checkServerIdentity: () => undefined };
  return call({ to: mesh.at.inbound(workload(target)), tls, path, headers, body: "{}" });
}

const profile = "/game.account.v1.AccountService/GetUserProfile";

describe("who may call whom, out through the caller's sidecar", () => {
  const cases: [caller: string, service: string, path: string, status: number][] = [
    ["chat", "account", profile, 200],
    ["chat-2", "account", profile, 200],
    ["chat", "account", "/game.account.v1.AccountService/UpdateUserProfile", 403],
    ["chat", "auth", "/game.auth.v1.AuthService/ValidateToken", 403],
    ["chat", "auth", "/.well-known/jwks.json", 403],
    ["account", "auth", "/game.auth.v1.AuthService/ValidateToken", 403],
    ["account", "chat", "/game.chat.v1.ChatService/SendMessage", 403],
    ["auth", "account", profile, 403],
    ["auth", "chat", "/game.chat.v1.ChatService/BroadcastNotification", 403],
  ];
  for (const [caller, service, path, status] of cases)
    test(`${caller} calls ${path}: ${status}`, async () => {
      const answer = await callFrom(caller, service, path);
      assert.equal(answer.status, status, answer.body.toString());
      if (status === 403) assert.equal(answer.json().code, "permission_denied");
      else assert.equal(answer.json().upstream, service);
    });

  test("chat's call of account is tried again once when it fails", async () => {
    const echo = mesh.echo("account");
    const before = echo.received.length;
    const to = mesh.at.outbound(workload("chat"));
    const failing = { ...headers, "x-status": "503" };
    const answer = await call({
      to,
      authority: `${hostOf("account")}:8080`,
      path: profile,
      headers: failing,
      body: "{}",
    });
    assert.equal(answer.status, 503);
    assert.equal(echo.received.length - before, 2);
  });

  test("a host that is not in the mesh is not reached", async () => {
    const answer = await call({
      to: mesh.at.outbound(workload("chat")),
      authority: "example.com:8080",
      path: "/",
      headers,
    });
    assert.equal(answer.status, 502);
  });
});

describe("a sidecar", () => {
  test("takes the edge, and shows its own token to the app", async () => {
    const answer = await callAs("edge", "chat", "/game.chat.v1.ChatService/SendMessage");
    assert.equal(answer.status, 200);
    assert.equal(answer.json().headers!["x-sidecar-token"], sidecarToken);
  });

  test("takes from the edge no more than the service's own calls", async () => {
    assert.equal((await callAs("edge", "chat", "/metrics")).status, 403);
  });

  test("refuses another identity of the mesh", async () => {
    const answer = await callAs("account", "auth", "/game.auth.v1.AuthService/ValidateToken");
    assert.equal(answer.status, 403);
    assert.equal(answer.json().code, "permission_denied");
  });

  test("refuses a connection in clear", async () => {
    const to = mesh.at.inbound(workload("chat"));
    await assert.rejects(call({ to, path: "/game.chat.v1.ChatService/SendMessage", headers, body: "{}" }));
  });

  test("refuses a caller without a certificate, and one of another authority", async () => {
    const to = mesh.at.inbound(workload("chat"));
    const path = "/game.chat.v1.ChatService/SendMessage";
    const anonymous = { ca: mesh.authority.certificate, checkServerIdentity: () => undefined };
    await assert.rejects(call({ to, tls: anonymous, path, headers, body: "{}" }));
    const { certificate, key } = await (await createAuthority()).issueWorkload("edge");
    await assert.rejects(call({ to, tls: { ...anonymous, cert: certificate, key }, path, headers, body: "{}" }));
  });
});

describe("the edge's TLS port", () => {
  const path = "/api/v1/auth/Authenticate";
  const trusted = () => ({ ca: mesh.authority.certificate, servername: "localhost" });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    test(`speaks ${version}, with the same rules as the other`, async () => {
      const tls = { ...trusted(), minVersion: version, maxVersion: version };
      const answer = await call({ to: mesh.at.edgeTls, tls, path, headers, body: "{}" });
      assert.equal(answer.status, 200);
      const refused = await call({ to: mesh.at.edgeTls, tls, path: "/api/v1/chat/SendMessage", headers, body: "{}" });
      assert.equal(refused.status, 401);
    });

  test("refuses TLS 1.1", async () => {
    // with every cipher allowed, so that it is the version that is refused, and by the edge
    const options = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const socket = connect({ ...mesh.at.edgeTls, ...trusted(), ...options });
    const [error] = await once(socket, "error");
    assert.match(error.code, /ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/);
  });
});

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
