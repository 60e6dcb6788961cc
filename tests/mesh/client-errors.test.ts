import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { type Mesh, startMesh } from "../../mesh/cases/mesh.ts";
import { format } from "../../mesh/local/topology.ts";
import { type ClientOptions, createEdgeClient, type Protocol, protocols } from "../support/clients.ts";

/** What real clients make of the errors that the Envoys themselves answer with. */

let mesh: Mesh;
before(async () => {
  mesh = await startMesh();
});
after(() => mesh?.[Symbol.asyncDispose]());

/** Every call here ends in an error: that one. */
async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const answer = await call.then(
    () => "an answer",
    (error: unknown) => error,
  );
  assert.ok(answer instanceof ConnectError, `an error of Connect, not ${answer}`);
  return answer;
}

const { sendMessage } = ChatService.method;
/** For the mesh it is the content type that makes a stream of a call. SendMessage has the limit that is soonest reached. */
const streamed = { ...sendMessage, methodKind: "server_streaming" as const };
const method = { sendMessage, sendMessages: { ...streamed, localName: "sendMessages" } };
const Chat: GenService<typeof method> = { ...ChatService, method, methods: Object.values(method) };

let players = 0;
/** A client of a player that no other test is, with these permissions. */
async function player(protocol: Protocol, permissions: string[], { path = "", ...options }: Options = {}) {
  players += 1;
  const token = await mesh.issuer.token(`player-${players}`, permissions);
  return createEdgeClient(Chat, `http://${format(mesh.at.edge)}${path}`, { protocol, token, ...options });
}
type Options = ClientOptions & { path?: string };

/** The calls of a client, by kind. The end of a stream is where its error is. */
const kinds = {
  unary: (client: Client<typeof Chat>) => client.sendMessage({}),
  stream: async (client: Client<typeof Chat>) => {
    for await (const _ of client.sendMessages({}));
  },
};

const permitted = ["chat:send"];

for (const protocol of protocols)
  for (const [kind, call] of Object.entries(kinds))
    describe(`a client of ${protocol}, at a call that is a ${kind}`, () => {
      test("without a token reads unauthenticated, and what it needs", async () => {
        const error = await errorOf(call(await player(protocol, [], { token: undefined })));
        assert.equal(error.code, Code.Unauthenticated);
        assert.equal(error.metadata.get("www-authenticate"), "Bearer");
      });

      test("with a token that is none reads unauthenticated", async () => {
        const error = await errorOf(call(await player(protocol, [], { token: "not-a-token" })));
        assert.equal(error.code, Code.Unauthenticated);
      });

      test("without the permission reads permission_denied", async () => {
        assert.equal((await errorOf(call(await player(protocol, ["session:manage"])))).code, Code.PermissionDenied);
      });

      test("where nothing is reads unimplemented", async () => {
        const error = await errorOf(call(await player(protocol, permitted, { path: "/nowhere" })));
        assert.equal(error.code, Code.Unimplemented);
      });

      test("over its limit reads resource_exhausted, and when to come back", async () => {
        const client = await player(protocol, permitted, { headers: { "x-status": "409" } });
        const errors = await Promise.all(Array.from({ length: 60 }, () => errorOf(call(client))));
        const limited = errors.filter(({ metadata }) => metadata.has("retry-after"));
        assert.ok(limited.length > 0, `none of ${errors.length} calls at once is too many`);
        for (const { code, rawMessage } of limited) {
          assert.equal(Code[code], "ResourceExhausted");
          assert.equal(rawMessage, "too many calls, see retry-after");
        }
      });
    });

describe("with no instance left", () => {
  before(() => Promise.all(["chat", "chat-2"].map((name) => mesh.stopEcho(name))));
  after(() => Promise.all(["chat", "chat-2"].map((name) => mesh.startEcho(name))));

  for (const protocol of protocols)
    for (const [kind, call] of Object.entries(kinds))
      test(`a client of ${protocol} reads unavailable at a call that is a ${kind}`, async () => {
        assert.equal((await errorOf(call(await player(protocol, permitted)))).code, Code.Unavailable);
      });
});

// of a call that is not tried again: the fifth failure in a row closes a service, and what is tried again then reads unavailable
describe("from a service that takes too long", { concurrency: true }, () => {
  for (const protocol of protocols)
    test(`a client of ${protocol} reads deadline_exceeded`, async () => {
      const edge = `http://${format(mesh.at.edge)}`;
      const from = mesh.clientAddress();
      const client = createEdgeClient(AuthService, edge, { protocol, from, headers: { "x-hang": "1" } });
      assert.equal((await errorOf(client.authenticate({}))).code, Code.DeadlineExceeded);
    });
});
