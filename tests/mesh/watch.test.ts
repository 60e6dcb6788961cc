import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { call, open } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { policyDir } from "../../mesh/tools/paths.ts";
import { type Edit, type Watching, watchMesh } from "../../mesh/tools/watch.ts";
import { provision } from "../../stack/provision/index.ts";
import { until } from "../support/until.ts";
import { startLoad } from "./support/load.ts";

// One running mesh and one policy that is edited, so the tests follow each other.

const chat = "traffic/virtual-service-chat.yaml";
const chatRule = "traffic/destination-rule-chat.yaml";
const limits = "limits/envoy-filter-edge-rate-limits.yaml";

let mesh: Mesh;
let policy: string;
let token: string;
let watching: Watching;
const edits: Edit[] = [];

before(async () => {
  await provision("istiod");
  const istioctl = await provision("istioctl");
  mesh = await startMesh();
  policy = await mkdtemp(join(tmpdir(), "mesh-policy-"));
  await cp(policyDir, policy, { recursive: true });
  token = `Bearer ${await mesh.issuer.token("ann", ["chat:read", "chat:send", "account:read"])}`;
  const { stateDir, network } = mesh;
  const warmUp = Promise.resolve();
  watching = watchMesh({ policy, stateDir, network, istioctl, warmUp, onEdit: (edit) => edits.push(edit) });
  await watching.warm;
});
after(async () => {
  await watching?.stop();
  await mesh?.[Symbol.asyncDispose]();
  if (policy) await rm(policy, { recursive: true, force: true });
});

const original = (file: string) => readFile(join(policyDir, file), "utf8");
const save = (file: string, text: string) => writeFile(join(policy, file), text);
const edited = async (file: string, from: string, to: string) => {
  const text = await original(file);
  assert.ok(text.includes(from), `${file} says ${from}`);
  return text.replace(from, to);
};
const listMessages = (authorization = token) =>
  call({
    to: mesh.at.edge,
    path: "/api/v1/chat/ListMessages",
    headers: { "content-type": "application/json", authorization },
    body: "{}",
  });
const sendMessage = (authorization: string) =>
  call({
    to: mesh.at.edge,
    path: "/api/v1/chat/SendMessage",
    headers: { "content-type": "application/json", authorization },
    body: "{}",
  });

/** Waits for what comes of the edit that `save` makes. */
async function outcome(save: () => Promise<void>): Promise<Edit> {
  const count = edits.length;
  await save();
  return until("the edit is live or refused", async () => edits[count], 180_000);
}

describe("an edit of the policy", () => {
  test("50 edits under a steady load: live in seconds; no call fails and none goes astray", async (t) => {
    /** Edits of every part of an Envoy's configuration, each with what shows at the edge that it is live. */
    const kinds: ((i: number) => Promise<() => Promise<boolean>>)[] = [
      // a route
      async (i) => {
        await save(
          chat,
          await edited(
            chat,
            "    - name: chat-read\n",
            `    - name: chat-read\n      headers: { response: { set: { x-edit: "${i}" } } }\n`,
          ),
        );
        return async () => (await listMessages()).headers["x-edit"] === String(i);
      },
      // a limit: the listener
      async (i) => {
        await save(
          limits,
          await edited(limits, "&perEndpoint { max_tokens: 100", `&perEndpoint { max_tokens: ${1000 + i}`),
        );
        return async () => String((await listMessages()).headers["x-ratelimit-limit"]).includes(String(1000 + i));
      },
      // a cluster
      async (i) => {
        await save(chatRule, await edited(chatRule, "http2MaxRequests: 10000", `http2MaxRequests: ${10_000 + i}`));
        return async () => ((await mesh.admin("edge", "/clusters")) ?? "").includes(`max_requests::${10_000 + i}`);
      },
      // a new cluster and the route to it, in two files; the one of the round before goes
      async (i) => {
        const subset = `  subsets: [{ name: edit-${i}, labels: { app: chat } }]\n`;
        await save(chatRule, `${await original(chatRule)}${subset}`);
        await save(
          chat,
          await edited(
            chat,
            "- destination: { host: chat.game.svc.cluster.local,",
            `- destination: { host: chat.game.svc.cluster.local, subset: edit-${i},`,
          ),
        );
        return async () =>
          ((await mesh.admin("edge", "/clusters")) ?? "").includes(`|edit-${i}|`) &&
          (await listMessages()).status === 200;
      },
      // a permission, and the route back
      async (i) => {
        const permissions = "security/authorization-policy-edge-chat.yaml";
        await save(chat, await original(chat));
        await save(permissions, await edited(permissions, 'values: ["chat:send"]', `values: ["chat:send-${i}"]`));
        const allowed = `Bearer ${await mesh.issuer.token(`bob-${i}`, [`chat:send-${i}`])}`;
        return async () => (await sendMessage(allowed)).status === 200;
      },
    ];
    const headers = { authorization: token };
    const reader = async (name: string) => ({
      authorization: `Bearer ${await mesh.issuer.token(name, ["chat:read"])}`,
    });
    const chats = ["chat", "chat-2"];
    const load = startLoad(
      mesh.at.edge,
      [
        { path: "/api/v1/chat/ListMessages", headers: await reader("cleo"), upstreams: chats },
        { path: "/game.chat.v1.ChatService/ListMessages", headers: await reader("dora"), upstreams: chats },
        { path: "/api/v1/account/GetUserProfile", headers, upstreams: ["account"] },
        { path: "/api/v1/auth/ValidateToken", headers: {}, upstreams: ["auth"] },
      ],
      20,
    );
    t.after(() => load.stop());
    const seconds: number[] = [];
    for (let i = 1; i <= 50; i++) {
      const told = edits.length;
      const saved = performance.now();
      const isLive = await kinds[i % kinds.length]!(i);
      await until(`edit ${i} is live (${JSON.stringify(edits.at(-1)?.findings)})`, isLive, 180_000);
      seconds.push((performance.now() - saved) / 1000);
      await until(`edit ${i} is told of`, async () => edits.length > told);
    }
    await load.stop();
    await outcome(async () => cpSync(policyDir, policy, { recursive: true }));
    const sorted = seconds.toSorted((a, b) => a - b);
    const [quick, half, most, all] = [4, 25, 46, 49].map((index) => `${sorted[index]!.toFixed(2)} s`);
    t.diagnostic(
      `50 edits under ${load.answered} calls: live after ${quick} (5 of them), ${half} (half), ${most} (47), ${all} (all)`,
    );
    assert.deepEqual(load.wrong, []);
    assert.ok(load.answered > 50 * 20, `${load.answered} calls`);
    // the quickest show what an edit takes, the others how long it waited for a processor
    assert.ok(sorted[4]! < 2, quick);
  });

  /** Saves `text`, waits until it is refused, sees that nothing has changed, and takes it back. */
  async function refused(file: string, text: string) {
    const { laid, findings } = await outcome(() => save(file, text));
    assert.equal(laid, undefined);
    assert.equal((await listMessages()).status, 200);
    assert.equal((await listMessages()).headers["x-ratelimit-limit"], "100", "the limit of before");
    const back = await outcome(async () => save(file, await original(file)));
    assert.deepEqual([back.files, back.findings], [[], []]);
    return findings.map(({ file, line, reason }) => `${file}:${line} ${reason}`).join("\n");
  }

  const refusals: [string, string, [string, string], RegExp][] = [
    [
      "that is no YAML",
      chat,
      ["timeout: 5s", "timeout: [5s"],
      /^traffic\/virtual-service-chat\.yaml:\d+ .*(\[|flow|bracket)/i,
    ],
    [
      "with a field that Istio does not know",
      chat,
      ["timeout: 5s", "timeoutt: 5s"],
      /^traffic\/virtual-service-chat\.yaml:LINE .*"timeoutt"/,
    ],
    [
      "with a value that Istio refuses",
      chat,
      ["timeout: 5s", "timeout: soon"],
      /^traffic\/virtual-service-chat\.yaml:LINE .*soon/,
    ],
    [
      "of a kind that there is not",
      chat,
      ["kind: VirtualService", "kind: VirtualServices"],
      /yaml:LINE .*VirtualServices/,
    ],
    [
      "of an EnvoyFilter with a field that Envoy does not know",
      limits,
      ["stat_prefix: rate_limit_login", "stat_prefixx: x"],
      /^limits\/.*yaml:LINE .*stat_prefixx/,
    ],
    [
      "of an EnvoyFilter that Envoy refuses",
      limits,
      ["fill_interval: 60s", "fill_interval: 1ms"],
      /^limits\/.*yaml:LINE .*fill/i,
    ],
  ];
  for (const [name, file, [from, to], expected] of refusals)
    test(`an edit ${name} is shown with its place, and the policy of before stays`, async (t) => {
      const text = await edited(file, from, to);
      const line = text.split("\n").findIndex((one) => one.includes(to)) + 1;
      const shown = await refused(file, text);
      t.diagnostic(shown);
      assert.match(shown, new RegExp(expected.source.replace("LINE", String(line)), expected.flags));
    });

  test("of a route leaves the rate limits as far used as they were; of a limit begins them anew", async () => {
    const spender = `Bearer ${await mesh.issuer.token("spender", ["chat:send"])}`;
    const spend = async () => Promise.all(Array.from({ length: 60 }, () => sendMessage(spender)));
    const left = async () => Number((await sendMessage(spender)).headers["x-ratelimit-remaining"]);
    const stricter = (text: string) =>
      text.replaceAll("tokens_per_fill: 10, fill_interval: 1s", "tokens_per_fill: 1, fill_interval: 600s");
    await outcome(async () => save(limits, stricter(await original(limits))));
    assert.ok((await spend()).some(({ status }) => status === 429));
    assert.equal(await left(), 0);
    const route = await outcome(async () => save(chat, await edited(chat, "timeout: 5s", "timeout: 4s")));
    assert.deepEqual(route.laid, { workloads: ["edge"], listeners: [], restart: [] });
    assert.equal(await left(), 0);
    const limit = await outcome(async () =>
      save(limits, stricter(await edited(limits, "&perCaller { max_tokens: 200", "&perCaller { max_tokens: 201"))),
    );
    assert.deepEqual(limit.laid?.listeners, ["edge"]);
    assert.equal((await sendMessage(spender)).status, 200);
    await outcome(async () => {
      await save(limits, await original(limits));
      await save(chat, await original(chat));
    });
  });

  test("reaches a client on the connection that it has open, and leaves its open stream alone", async () => {
    const session = await open({ to: mesh.at.edge });
    const headers = { ":method": "POST", "content-type": "application/json", authorization: token };
    const stream = session.request({ ...headers, ":path": "/api/v1/chat/SubscribeMessages", "x-stream": "1" });
    stream.setEncoding("utf8");
    let heard = "";
    stream.on("data", (text) => {
      heard += text;
    });
    stream.write("before ");
    await until("the stream is open", async () => heard === "before ");
    await outcome(async () =>
      save(limits, await edited(limits, "&perEndpoint { max_tokens: 100", "&perEndpoint { max_tokens: 77")),
    );
    let asked = false;
    session.once("goaway", () => {
      asked = true;
    });
    session.request({ ...headers, ":path": "/api/v1/chat/ListMessages" }).end("{}");
    await until("the client is asked to come again", async () => asked);
    assert.equal((await listMessages()).headers["x-ratelimit-limit"], "77");
    stream.end("after");
    await until("the stream goes on", async () => heard === "before after");
    session.destroy();
    await outcome(async () => save(limits, await original(limits)));
  });
});
