import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { call } from "../../mesh/cases/call.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { runVersion } from "../../mesh/local/topology.ts";
import { compileMesh } from "../../mesh/tools/compile.ts";
import { until } from "../support/until.ts";

// chat and chat-2 run in the zone of the edge, chat-v2 in another.

let mesh: Mesh;
let compiled: string;
before(async () => {
  runVersion("chat", "v2", "b");
  compiled = await mkdtemp(join(tmpdir(), "mesh-zones-"));
  await compileMesh(compiled);
  mesh = await startMesh(compiled);
});
after(async () => {
  await mesh?.[Symbol.asyncDispose]();
  if (compiled) await rm(compiled, { recursive: true, force: true });
});

/** Who answers 30 calls, one after the other. */
async function answering(): Promise<string[]> {
  const token = await mesh.issuer.token(`reader-${Math.random()}`, ["chat:read"]);
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const names = new Set<string>();
  for (let i = 0; i < 30; i += 1) {
    const answer = await call({ to: mesh.at.edge, path: "/api/v1/chat/ListMessages", headers, body: "{}" });
    names.add(String(answer.status === 200 ? answer.json().upstream : answer.status));
  }
  return [...names].sort();
}

test("calls stay in the zone, move to the other when it has no instance left, and come back", async () => {
  const inZone = ["chat", "chat-2"];
  assert.deepEqual(await answering(), inZone);

  await Promise.all(inZone.map((name) => mesh.stopEcho(name)));
  const answeredBy = (names: string[]) => async () => String(await answering()) === String(names);
  await until("the other zone answers", answeredBy(["chat-v2"]), 60_000);

  await Promise.all(inZone.map((name) => mesh.startEcho(name)));
  await until("the zone answers again, alone", answeredBy(inZone), 60_000);
});
