import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { Code, createClient } from "@connectrpc/connect";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { MatchService, Outcome } from "#gen/game/match/v1/match_service_pb.ts";
import { Mode, type QueueState, QueueStatus, Role } from "#gen/game/match/v1/queue_state_pb.ts";
import { createEdgeTransport } from "../support/clients.ts";
import { joinGame, nextAddress, type Player } from "../support/players.ts";
import { until } from "../support/until.ts";
import { edgeOf, type Platform } from "./platform.ts";

/** Follows a player's queue in the background. */
function follow(t: TestContext, player: Player) {
  const ending = new AbortController();
  t.after(() => ending.abort());
  let last: QueueState | undefined;
  const ended = (async () => {
    try {
      for await (const { event } of player.match.watchQueue({}, { signal: ending.signal }))
        if (event.case === "state") last = event.value;
      return undefined;
    } catch (error) {
      return error as { code?: Code };
    }
  })();
  const reaches = (status: QueueStatus) =>
    until(`the queue's state is ${status}`, async () => last?.status === status && last);
  return { reaches, ended };
}

/** From the queue to the leaderboard. */
export function matchmaking(platform: Platform): void {
  const edge = () => edgeOf(platform);

  async function adminClient() {
    const from = nextAddress(edge());
    const password = readFileSync(join(platform().stateDir, "secrets/auth-admin-password"), "utf8").trim();
    const auth = createClient(AuthService, createEdgeTransport(edge(), { from }));
    const { accessToken: token } = await auth.authenticate({ username: "admin", password });
    return createClient(MatchService, createEdgeTransport(edge(), { from, token }));
  }

  describe("matchmaking", () => {
    test("two players of different protocols queue, get ready, play, and stand on the leaderboard", async (t) => {
      const players = [
        await joinGame(edge(), { protocol: "grpc" }),
        await joinGame(edge(), { protocol: "connect-json" }),
      ];
      const streams = players.map((player) => follow(t, player));
      for (const player of players) await player.match.joinQueue({ mode: Mode.PVP });
      for (const [i, player] of players.entries()) {
        const { match } = await streams[i]!.reaches(QueueStatus.READY_CHECK);
        await player.match.respondReadyCheck({ matchId: match!.matchId, ready: true });
      }
      const [{ match }] = (await Promise.all(streams.map(({ reaches }) => reaches(QueueStatus.STARTED)))) as [
        QueueState,
      ];
      const { matchId } = match!;
      assert.deepEqual(match?.players.map(({ username }) => username).sort(), players.map((p) => p.username).sort());

      const report = { matchId, outcome: Outcome.SIDE_1_WON };
      await assert.rejects(players[0]!.match.reportMatchResult(report), { code: Code.PermissionDenied });
      await (await adminClient()).reportMatchResult(report);
      const winner = match!.players.find(({ side }) => side === 1)!;
      const { rating } = await players[0]!.match.getRating({ userId: winner.userId });
      assert.ok(rating!.rating > 1_500 && rating!.wins === 1);
      const { entries } = await players[1]!.match.listLeaderboard({ aroundMe: true });
      assert.ok(entries.some((entry) => entry.rating?.username === winner.username));
    });

    test("a session that ends takes its queue's stream along", async (t) => {
      const ada = await joinGame(edge());
      const stream = follow(t, ada);
      await ada.match.joinQueue({ mode: Mode.DUNGEON, roles: [Role.TANK] });
      await stream.reaches(QueueStatus.WAITING);
      await ada.match.leaveQueue({});
      await stream.reaches(QueueStatus.IDLE);
      await ada.auth.logout({});
      assert.equal((await stream.ended)?.code, Code.Unauthenticated);
    });
  });
}
