import http2 from "node:http2";
import net from "node:net";
import { type DescMessage, fromBinary, type Message } from "@bufbuild/protobuf";
import { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { TradeLedgerService } from "#gen/game/social/v1/trade_ledger_service_pb.ts";
import { type Address, format } from "../../../mesh/local/topology.ts";

/** One call of a step or an undo. */
export interface WorkerCall {
  /** `DeductGold`. */
  method: string;
  /** The service that is called: `account`. */
  target: string;
  operationId: string;
  request: Message;
}

/** pass: go on. lose: break the connection, as a kill would. */
export type Verdict = "pass" | "lose";

/** Told of each call of the worker, which waits for the verdict. */
export interface Watch {
  /** The call has not left the worker's side. */
  before(call: WorkerCall): Promise<Verdict>;
  /** The work is done, and the worker does not know it. */
  after(call: WorkerCall): Promise<Verdict>;
}

const ledgers = [GoldLedgerService, ItemLedgerService, PurchaseLedgerService, TradeLedgerService];
const methods = new Map<string, { target: string; method: string; input: DescMessage }>(
  ledgers.flatMap((service) =>
    service.methods.map(({ name, input }) => [
      `/${service.typeName}/${name}`,
      { target: service.typeName.split(".")[1]!, method: name, input },
    ]),
  ),
);

/**
 * Stands between the saga worker and its sidecar, as `MESH_EGRESS` of the worker: sees each call of a step, and can hold it before it
 * leaves and its answer before it arrives. Nothing of it is in the code under test.
 *
 * Each connection of the worker has one of its own to the sidecar, and both end together.
 *
 * @param upstream where the worker's sidecar takes calls out; asked at each connection.
 */
export async function watchWorkerCalls(upstream: () => Address, watch: Watch) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const { host, port } = upstream();
    const session = http2.performServerHandshake(socket);
    const onward = http2.connect(`http://${format({ host, port })}`, {
      createConnection: () => net.connect(port, host),
    });
    socket.on("close", () => {
      sockets.delete(socket);
      onward.destroy();
    });
    for (const end of [socket, session, onward]) end.on("error", () => undefined);
    // As it is without this in between: a sidecar that is gone is a connection that is gone.
    const lose = () => socket.destroy();
    onward.on("close", lose);
    session.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      carry(stream, headers, onward, watch).then((verdict) => verdict === "lose" && lose(), lose);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    /** For `MESH_EGRESS`. */
    address: format({ host: "127.0.0.1", port }),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function carry(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  onward: http2.ClientHttp2Session,
  watch: Watch,
): Promise<Verdict> {
  const body = await readAll(stream);
  const call = callOf(headers[":path"] ?? "", body);
  if (call && (await watch.before(call)) === "lose") return "lose";

  const sent = onward.request(headers);
  stream.on("close", () => sent.close(http2.constants.NGHTTP2_CANCEL));
  sent.end(body);
  const answer = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
    sent.once("response", resolve);
    sent.once("error", reject);
    sent.once("close", () => reject(new Error("no answer")));
  });
  const answerBody = await readAll(sent);
  if (call && (await watch.after(call)) === "lose") return "lose";
  if (stream.destroyed) return "pass";
  stream.respond(answer);
  stream.end(answerBody);
  return "pass";
}

async function readAll(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function callOf(path: string, body: Buffer): WorkerCall | undefined {
  const found = methods.get(path);
  if (!found) return undefined;
  const { target, method, input } = found;
  const request = fromBinary(input, body);
  const { operationId, sagaId, tradeId, status } = request as { [name: string]: unknown };
  const id = operationId ?? `${sagaId ?? tradeId}/${method}-${status}`;
  return { method, target, operationId: String(id), request };
}
