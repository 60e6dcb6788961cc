import assert from "node:assert/strict";
import http2 from "node:http2";
import type net from "node:net";
import { type TestContext, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import { type Watch, watchWorkerCalls } from "./worker-calls.ts";

const deduct = { operationId: "purchase-1/deduct_gold", userId: "u", amount: 5n };

/** A client whose calls are watched on their way to a ledger that counts them. */
async function start(t: TestContext, watch: Partial<Watch>) {
  const counted: string[] = [];
  const server = http2.createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(GoldLedgerService, {
          deductGold({ operationId, amount }) {
            counted.push(operationId);
            if (amount > 100n) throw new ConnectError("not enough", Code.FailedPrecondition);
            return { balance: 1n };
          },
        }),
    }),
  );
  const open = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => open.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const pass = async () => "pass" as const;
  const watching = await watchWorkerCalls(() => ({ host: "127.0.0.1", port }), { before: pass, after: pass, ...watch });
  const [host, ownPort] = watching.address.split(":") as [string, string];
  const client = createServiceClient(GoldLedgerService, "account", { host, port: Number(ownPort) });
  const endServer = () => {
    for (const session of open) session.destroy();
    server.close();
  };
  t.after(async () => {
    await watching.stop();
    endServer();
  });
  return { client, counted, endServer };
}

test("calls, answers and refusals pass through, and are told by name", async (t) => {
  const seen: string[] = [];
  const { client } = await start(t, {
    async before({ target, method, operationId }) {
      seen.push(`${target} ${method} ${operationId}`);
      return "pass";
    },
  });
  assert.equal((await client.deductGold(deduct)).balance, 1n);
  await assert.rejects(client.deductGold({ ...deduct, amount: 500n }), { code: Code.FailedPrecondition });
  assert.deepEqual(seen, Array(2).fill("account DeductGold purchase-1/deduct_gold"));
});

test("a call lost before it leaves has done nothing", async (t) => {
  const { client, counted } = await start(t, { before: async () => "lose" });
  await assert.rejects(client.deductGold(deduct));
  assert.deepEqual(counted, []);
});

test("a call whose answer is lost has done its work", async (t) => {
  const { client, counted } = await start(t, { after: async () => "lose" });
  await assert.rejects(client.deductGold(deduct));
  assert.deepEqual(counted, [deduct.operationId]);
});

test("a server that is gone is a connection that is gone, as without the watcher", async (t) => {
  const { client, endServer } = await start(t, {});
  await client.deductGold(deduct);
  endServer();
  await assert.rejects(client.deductGold(deduct), ({ code }) => code !== Code.DeadlineExceeded);
});
