import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { decodeProtectedHeader } from "jose";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { createEdgeTransport } from "../support/clients.ts";
import { joinGame, nextAddress } from "../support/players.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** How long after its time a key may begin to sign. */
const lateMs = 10_000;

/** The key that signed a token. */
const keyOf = (token: string) => decodeProtectedHeader(token).kid;

/** A new signing key, from the admin's call to the player who notices nothing. */
export function keyRotation(platform: Platform): void {
  const edge = () => edgeOf(platform);
  const authOf = (token?: string) =>
    createClient(AuthService, createEdgeTransport(edge(), { from: nextAddress(edge()), token }));

  const chatOf = (token: string) => createClient(ChatService, createEdgeTransport(edge(), { token }));

  describe("a new signing key", () => {
    test("signs after its activation delay, its tokens are good at once, and those of the old key stay good", async () => {
      const password = readFileSync(join(platform().stateDir, "secrets/auth-admin-password"), "utf8").trim();
      const { accessToken: adminToken } = await authOf().authenticate({ username: "admin", password });
      const ada = await joinGame(edge());
      const old = keyOf(ada.accessToken);

      const { keyId, activateTime } = await authOf(adminToken).rotateSigningKey({});
      assert.notEqual(keyId, old);
      const again = await authOf(adminToken).rotateSigningKey({});
      assert.equal(again.keyId, keyId, "one that waits for its time is the answer");
      const activates = timestampDate(activateTime!).getTime();

      let { refreshToken } = ada;
      let fresh = ada.accessToken;
      while (keyOf(fresh) === old) {
        assert.ok(Date.now() < activates + lateMs, "it signs soon after its time");
        // who plays with a token of the old key goes on
        await ada.chat.listMessages({ channel: "world" });
        ({ accessToken: fresh, refreshToken } = await ada.auth.refreshToken({ refreshToken }));
        // the edge knows the key before the first token of it comes
        await chatOf(fresh).listMessages({ channel: "world" });
        await pause(200); // slower than the limits
      }
      assert.equal(keyOf(fresh), keyId);
      assert.ok(Date.now() >= activates, "not before its time");

      const bob = await joinGame(edge());
      assert.equal(keyOf(bob.accessToken), keyId);
      await ada.chat.listMessages({ channel: "world" });
      for (const accessToken of [ada.accessToken, fresh, bob.accessToken])
        assert.equal((await authOf().validateToken({ accessToken })).active, true);
    });

    test("is the admin's to order: a player is refused", async () => {
      const ada = await joinGame(edge());
      await assert.rejects(ada.auth.rotateSigningKey({}), (error) => {
        assert.equal(ConnectError.from(error).code, Code.PermissionDenied);
        return true;
      });
    });
  });
}
