import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Answer, call } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { createIssuer, now } from "../../mesh/cases/tokens.ts";
import { explainTrace } from "../../mesh/explain/explain-trace.ts";
import { type LogLine, parseLog } from "../../mesh/explain/log.ts";
import { loadPolicy } from "../../mesh/explain/policy.ts";
import { until } from "../support/until.ts";

/** Real refusals of real Envoys, explained from nothing but what those Envoys logged. */

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

const policy = loadPolicy();
const permissions = ["account:read", "account:write", "chat:read", "chat:send"];
const logOf = (name: string) => parseLog(name, readFileSync(join(mesh.stateDir, `${name}.log`), "utf8"));

interface Sent {
  path?: string;
  method?: string;
  as?: string;
  token?: string;
  headers?: Record<string, string>;
  from?: string;
}

async function send({
  path = "/api/v1/chat/SendMessage",
  method = "POST",
  as,
  token,
  headers = {},
  from,
}: Sent): Promise<Answer> {
  const held = token ?? (as === undefined ? undefined : await mesh.issuer.token(as, permissions));
  return call({
    ...{ to: mesh.at.edge, from: from ?? mesh.clientAddress(), path, method },
    headers: {
      "content-type": "application/json",
      ...(held !== undefined && { authorization: `Bearer ${held}` }),
      ...headers,
    },
    ...(method === "POST" && { body: "{}" }),
  });
}

/** The report on an answer, once the edge and so many Envoys in all have written of it. */
async function explain(answer: Answer, hops = 1): Promise<string> {
  const trace = String(answer.headers["x-trace-id"]);
  let log: LogLine[] = [];
  await until(`the Envoys log ${trace}`, async () => {
    log = ["edge", "auth", "account", "chat", "chat-2"].flatMap(logOf);
    const by = new Set(log.filter(({ trace_id }) => trace_id === trace).map(({ workload }) => workload));
    return by.has("edge") && by.size >= hops;
  });
  return explainTrace(policy, trace, log).lines.join("\n");
}

/** Asserts what the report says: outcome, object with a line of its file, reason, remedy. */
async function assertExplained(answer: Answer, outcome: string, file: string, because: RegExp, toPass: RegExp) {
  const report = await explain(answer);
  assert.ok(report.includes(`refused: ${outcome}`), report);
  assert.match(report, new RegExp(`^refused by .* mesh/istio/${file.replaceAll(".", "\\.")}:\\d+$`, "m"));
  assert.match(report, new RegExp(`^because +.*(?:${because.source})`, "m"), report);
  assert.match(report, new RegExp(`^to pass +.*(?:${toPass.source})`, "m"), report);
}

const chatPermissions = "security/authorization-policy-edge-chat.yaml";
const tokens = "security/request-authentication-edge.yaml";
const limits = "limits/envoy-filter-edge-rate-limits.yaml";

describe("a refused call, by its trace", { concurrency: true }, () => {
  test("401 without a token, on gRPC too", async () => {
    await assertExplained(await send({}), "401", chatPermissions, /no token/, /permission chat:send/);
    const grpc = await send({ headers: { "content-type": "application/grpc" } });
    await assertExplained(
      grpc,
      "grpc-status unauthenticated (HTTP 200)",
      chatPermissions,
      /no token/,
      /permission chat:send/,
    );
  });

  test("401 for what is wrong with a token", async () => {
    const bad: [string, RegExp, RegExp][] = [
      [await mesh.issuer.token("ann", permissions, { exp: now() - 120 }), /expired/, /new token/],
      [await mesh.issuer.token("ann", permissions, { iss: "x" }), /issuer/, /game-auth-service/],
      [await mesh.issuer.token("ann", permissions, { aud: "x" }), /Audiences/, /audience game/],
      [await (await createIssuer()).token("ann", permissions), /verification fails/, /auth signed/],
      ["not-a-token", /not in the form/, /auth signed/],
    ];
    await Promise.all(
      bad.map(async ([token, because, toPass]) =>
        assertExplained(await send({ token }), "401", tokens, because, toPass),
      ),
    );
  });

  test("403 for a permission that the token lacks, and for a method", async () => {
    const broadcast = await send({ as: "ann", path: "/api/v1/chat/BroadcastNotification" });
    await assertExplained(broadcast, "403", chatPermissions, /permission chat:broadcast/, /roles: moderator, admin/);
    await assertExplained(
      await send({ as: "ann", method: "GET" }),
      "403",
      chatPermissions,
      /GET is not/,
      /method POST/,
    );
  });

  test("404 where nothing is routed", async () => {
    const answer = await send({ path: "/api/v1/chat/Shout" });
    await assertExplained(
      answer,
      "404",
      "traffic/virtual-service-edge.yaml",
      /no route leads from \/api\/v1\/chat\/Shout/,
      /a path/,
    );
  });

  test("429 names the bucket that was empty, of three that were asked", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => send({ as: "hasty" })));
    const refused = answers.find(({ status }) => status === 429)!;
    await assertExplained(
      refused,
      "429",
      limits,
      /20, then 10 per 1 s, user hasty at chat-write.SendMessage/,
      /retry-after: 1/,
    );
    const from = mesh.clientAddress();
    const logins = await Promise.all(
      Array.from({ length: 12 }, () => send({ from, path: "/api/v1/auth/Authenticate" })),
    );
    const late = logins.find(({ status }) => status === 429)!;
    await assertExplained(
      late,
      "429",
      limits,
      /10, then 5 per 60 s, address .* at auth-login.Authenticate/,
      /12 s later/,
    );
  });

  test("504 names the timeout, or that of a single try", async () => {
    const headers = { "x-hang": "1" };
    const [read, write] = await Promise.all([
      send({ as: "ann", path: "/api/v1/account/GetUserProfile", headers }),
      send({ as: "ann", path: "/api/v1/account/UpdateUserProfile", headers }),
    ]);
    const file = "traffic/virtual-service-account.yaml";
    await assertExplained(read, "504", file, /no try was answered within 2s/, /perTryTimeout/);
    await assertExplained(write, "504", file, /account did not answer within 5s/, /timeout/);
  });

  test("a 503 of the service itself is not blamed on the policy", async () => {
    const report = await explain(await send({ as: "ann", headers: { "x-status": "503" } }), 2);
    assert.match(report, /refused: 503\nno policy refused it: the answer is that of the service itself/);
  });
});

test("a call that passed says what applied to it", async () => {
  const report = await explain(await send({ as: "ann" }), 2);
  assert.match(report, /passed: 200$/);
  assert.match(report, /permission +needs a token with the permission chat:send: it has it +mesh\/istio\/security\//);
  assert.match(report, /^sidecar of chat(-2)? +200 /m);
});

test("503 for a service that is away", async () => {
  await mesh.stopEcho("account");
  const path = "/api/v1/account/UpdateUserProfile";
  let answer = await send({ as: "ann", path });
  await until("the edge knows that account is away", async () => {
    answer = await send({ as: "ann", path });
    return (await explain(answer)).includes("no instance of account is well");
  });
  await assertExplained(
    answer,
    "503",
    "traffic/destination-rule-account.yaml",
    /no instance of account is well/,
    /\/readyz/,
  );
  await mesh.startEcho("account");
  await mesh.settled();
});

test("a trace that nobody knows is answered with the calls that there were", async () => {
  await explain(await send({}));
  const { lines, passes } = explainTrace(policy, "0".repeat(32), logOf("edge"));
  assert.equal(passes, undefined);
  assert.match(lines[0]!, /do not know the trace/);
  assert.match(lines.at(-1)!, /POST \/api/);
});
