import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { Client, Connection } from "@temporalio/client";
import { addresses, format } from "../../mesh/local/topology.ts";
import { startEngine } from "../../tests/support/stack.ts";
import { temporalNamespace as namespace } from "./temporal.ts";

/** The addresses, in the form of /proc/net/tcp, on which a process listens. */
function listensAt(pid: number): string[] {
  const sockets = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)));
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === "0A" && sockets.has(`socket:[${fields[9]}]`))
      .map((fields) => fields[1]!.split(":", 1)[0]!),
  );
}

test("two run beside each other, each in its own network with its web UI, and a killed one goes on with its workflows", async (t) => {
  const [stack, other] = await Promise.all([startEngine(t, "temporal"), startEngine(t, "temporal")]);
  for (const { network, process } of [stack, other]) {
    const own = `0100${network.toString(16).toUpperCase().padStart(2, "0")}7F`;
    assert.deepEqual([...new Set(listensAt(process("temporal").pid!))], [own]);
    const page = await fetch(`http://${format(addresses(network).temporalUi)}/`);
    assert.match(await page.text(), /id="svelte"/);
  }

  const connection = await Connection.connect({ address: stack.temporalAddress });
  t.after(() => connection.close());
  const { workflow } = new Client({ connection, namespace });
  const handle = await workflow.start("anything", { workflowId: "lasting", taskQueue: "nobody", args: [1] });
  stack.process("temporal").kill();
  await stack.process("temporal").waitReady();
  const { status } = await handle.describe();
  assert.equal(status.name, "RUNNING");
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  assert.equal(Number(config?.workflowExecutionRetentionTtl?.seconds), 7 * 24 * 3600);
});

test("clients that give up while they are answered do not end it for the others", async (t) => {
  const stack = await startEngine(t, "temporal");
  const connection = await Connection.connect({ address: stack.temporalAddress });
  t.after(() => connection.close());
  const { workflow } = new Client({ connection, namespace });
  const handle = await workflow.start("anything", { workflowId: "looked-at", taskQueue: "nobody" });
  for (let round = 0; round < 100; round++) {
    const hurried = Array.from({ length: 25 }, (_, i) =>
      connection
        .withDeadline(Date.now() + 5 + ((7 * round + 3 * i) % 60), () => handle.describe())
        .catch(() => undefined),
    );
    await Promise.all(hurried);
  }
  assert.equal((await handle.describe()).status.name, "RUNNING");
});
