import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { createDeletedPlayers } from "#kit/deleted-players.ts";
import { parseEvent, toOutgoing } from "#kit/events.ts";
import { createLog } from "#kit/log.ts";
import { type Database, kitMigrations, openDatabase } from "#kit/postgres.ts";
import { createInProcessTransport } from "../../tests/support/in-process.ts";
import { createTestStack } from "../../tests/support/stack.ts";
import { createAccountService } from "./account.ts";
import { createEventHandlers } from "./events.ts";
import { createGold } from "./gold.ts";
import { createPostgresGoldStore, type GoldStore } from "./gold-store.ts";
import { createPostgresProfileStore, type ProfileStore } from "./store.ts";

/** The handler on a real Postgres. */
describe("account", () => {
  let engines: Awaited<ReturnType<typeof createTestStack>>;
  let database: Database;
  let store: ProfileStore;
  let wallets: GoldStore;

  before(async () => {
    engines = await createTestStack({ only: ["postgres"] });
    const log = createLog("account");
    log.level = "silent";
    const migrations = [kitMigrations, join(import.meta.dirname, "migrations")];
    database = openDatabase({ url: engines.databaseUrl("account"), name: "account", migrations, log });
    store = createPostgresProfileStore(database.pool);
    wallets = createPostgresGoldStore(database.pool, 1_000);
    await database.migrated;
  });
  after(async () => {
    await database.close();
    await engines.stop();
  });

  const deleted = () => createDeletedPlayers(database.pool);

  /** A client that the edge has let in as this player. */
  function clientOf(userId: string, username = "ada") {
    const gold = createGold({ database, store: wallets, deleted: deleted() });
    const service = createAccountService({ store, gold, statement: wallets });
    const transport = createInProcessTransport((router) => router.service(AccountService, service), {
      userId,
      username,
    });
    return createClient(AccountService, transport);
  }

  const handle = async (userId: string, data: Parameters<typeof toOutgoing>[3]) => {
    const { type, payload } = toOutgoing("game-events", "auth", userId, data);
    await database.transaction((client) =>
      createEventHandlers(store, wallets, deleted())[type]!(parseEvent(payload), client),
    );
  };

  test("a new player sees a profile before their registration has arrived; others do not", async () => {
    const userId = randomUUID();
    const { profile } = await clientOf(userId).getUserProfile({});
    assert.deepEqual([profile?.displayName, profile?.revision], ["ada", 0n]);
    await assert.rejects(clientOf(randomUUID()).getUserProfile({ userId }), { code: Code.NotFound });
  });

  test("a call without an identity is refused", async () => {
    await assert.rejects(clientOf("").getUserProfile({}), { code: Code.Unauthenticated });
  });

  test("the registration's event makes the profile, a second one changes nothing", async () => {
    const userId = randomUUID();
    const data = { case: "playerRegistered", value: { username: "bob" } } as const;
    await handle(userId, data);
    const { profile } = await clientOf(randomUUID()).getUserProfile({ userId });
    assert.deepEqual([profile?.username, profile?.revision], ["bob", 1n]);
    await clientOf(userId).updateUserProfile({ profile: { bio: "x", revision: 1n }, updateMask: { paths: ["bio"] } });
    await handle(userId, data);
    assert.equal((await clientOf(userId).getUserProfile({})).profile?.bio, "x");
  });

  test("a change made before the registration arrives stays", async () => {
    const userId = randomUUID();
    const { profile } = await clientOf(userId).updateUserProfile({
      profile: { displayName: "Ada L.", revision: 0n },
      updateMask: { paths: ["display_name"] },
    });
    await handle(userId, { case: "playerRegistered", value: { username: "ada" } });
    const now = await clientOf(userId).getUserProfile({});
    assert.deepEqual([now.profile?.displayName, now.profile?.revision], ["Ada L.", profile?.revision]);
  });

  test("of two changes to the same revision one wins, the other is told to read again", async () => {
    const userId = randomUUID();
    await handle(userId, { case: "playerRegistered", value: { username: "ada" } });
    const client = clientOf(userId);
    const change = (bio: string) =>
      client.updateUserProfile({ profile: { bio, revision: 1n }, updateMask: { paths: ["bio"] } });
    const outcomes = await Promise.allSettled([change("a"), change("b")]);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.deepEqual(
      refused.map(({ reason }) => reason.code),
      [Code.Aborted],
    );
  });

  test("somebody else's profile can't be changed", async () => {
    const change = { profile: { userId: randomUUID(), bio: "x" }, updateMask: { paths: ["bio"] } };
    await assert.rejects(clientOf(randomUUID()).updateUserProfile(change), { code: Code.PermissionDenied });
  });

  test("logins that arrive out of order leave the latest", async () => {
    const userId = randomUUID();
    const login = { case: "playerLogin", value: { username: "ada", ip: "", sessionId: "" } } as const;
    const event = parseEvent(toOutgoing("game-events", "auth", userId, login).payload);
    const at = (seconds: number) => ({ ...event, eventTime: { ...event.eventTime!, seconds: BigInt(seconds) } });
    for (const seconds of [2_000, 1_000])
      await database.transaction((client) =>
        createEventHandlers(store, wallets, deleted()).player_login!(at(seconds), client),
      );
    const { profile } = await clientOf(userId).getUserProfile({});
    assert.equal(Math.floor(timestampDate(profile!.lastLoginTime!).getTime() / 1_000), 2_000);
  });

  test("who has deleted their account is unknown to others, and what they said about themselves is gone", async () => {
    const userId = randomUUID();
    await handle(userId, { case: "playerRegistered", value: { username: "ada" } });
    await clientOf(userId).updateUserProfile({
      profile: { revision: 1n, bio: "a secret" },
      updateMask: { paths: ["bio"] },
    });
    for (let times = 0; times < 2; times++) await handle(userId, { case: "playerDeleted", value: {} });
    await assert.rejects(clientOf(randomUUID()).getUserProfile({ userId }), { code: Code.NotFound });
    const { rows } = await database.pool.query("select from profile where user_id = $1", [userId]);
    assert.equal(rows.length, 0);
  });
});
