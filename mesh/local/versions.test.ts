import assert from "node:assert/strict";
import { test } from "node:test";
import { addresses, runReplicas, runVersion, services, sidecars, versions, workloads } from "./topology.ts";

test("a second version is one more workload of its service, with addresses that nobody else has", () => {
  const before = [...services];
  const added = runVersion("chat", "v2");
  assert.deepEqual([added.name, added.service, added.version], ["chat-v2", "chat", "v2"]);
  assert.ok(workloads.includes(added) && sidecars.includes(added));
  assert.deepEqual(versions(), [added]);
  assert.deepEqual(services, before);
  const third = runVersion("chat", "v3");
  const places = workloads.map((workload) => addresses(0).app(workload).port);
  assert.equal(new Set(places).size, workloads.length);
  assert.notEqual(third.index, added.index);
});

test("a version that cannot be is refused in words", () => {
  assert.throws(() => runVersion("choir", "v2"), /no service is named choir: there are auth, account, chat/);
  assert.throws(() => runVersion("chat", "v1"), /named v2, v3 and so on, not v1/);
  assert.throws(() => runVersion("chat", "beta"), /named v2, v3 and so on, not beta/);
  assert.throws(() => runVersion("chat", "v2"), /chat-v2 is there already/);
});

test("an optional replica runs only when it is asked for", () => {
  const optional = () => workloads.filter(({ optional }) => optional).map(({ name }) => name);
  assert.deepEqual(optional(), ["world-2", "match-2"]);
  runReplicas("world", 1);
  assert.ok(optional().includes("world-2"));
  runReplicas("world", 2);
  assert.ok(!optional().includes("world-2"));
  assert.throws(() => runReplicas("world", 3), /world has 1 to 2 replicas in mesh\/local\/topology.ts, not 3/);
  assert.throws(() => runReplicas("choir", 2), /no service is named choir/);
});
