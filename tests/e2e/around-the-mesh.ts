import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import { workload } from "../../mesh/local/topology.ts";
import { createEdgeClient } from "../support/clients.ts";
import type { Platform } from "./platform.ts";

/** Nobody gets past the edge and the sidecars. */
export function aroundTheMesh(platform: Platform): void {
  describe("around the mesh", () => {
    const at = (rest: string) => `http://127.${platform().network}.${rest}`;
    const headers = { "x-user-id": crypto.randomUUID(), "x-user-name": "eve" };

    test("a service called around its sidecar refuses", async () => {
      const chat = createEdgeClient(ChatService, at("0.1:9103"), { headers });
      await assert.rejects(chat.sendMessage({ channel: "world", text: "x" }), { code: Code.Unauthenticated });
    });

    test("a sidecar takes no call without a certificate of the mesh", async () => {
      const chat = createEdgeClient(ChatService, at("1.3:8080"), { headers });
      await assert.rejects(chat.sendMessage({ channel: "world", text: "x" }), /ECONNRESET|socket hang up|closed/);
    });

    const egressOf = (name: string) => platform().at.outbound(workload(name));

    test("a service that has no business with another has no way to it: account calls nobody, chat not auth", async () => {
      for (const name of ["account", "chat"]) {
        const auth = createServiceClient(AuthService, "auth", egressOf(name));
        await assert.rejects(auth.validateToken({ accessToken: "x" }), { code: Code.Unavailable });
      }
    });

    test("a service gets no more of another than it may: chat reads profiles and changes none", async () => {
      const account = createServiceClient(AccountService, "account", egressOf("chat"));
      await assert.rejects(account.updateUserProfile({}), { code: Code.PermissionDenied });
    });
  });
}
