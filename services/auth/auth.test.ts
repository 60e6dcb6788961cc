import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { InactiveReason } from "#gen/game/auth/v1/auth_service_pb.ts";
import { refusal, startAuth } from "../../tests/support/auth-service.ts";
import { until } from "../../tests/support/until.ts";
import { ensureAdmin } from "./admin.ts";
import { createGate } from "./gate.ts";
import { refreshTokenLifeMs } from "./sessions.ts";
import { accessTokenLifeMs } from "./tokens.ts";

const unauthenticated = (reason: string) => refusal(Code.Unauthenticated, reason);

test("auth on a real Postgres and Redis", async (t) => {
  const auth = await startAuth(t);
  const { client, clientOf, clock, joinAs, eventsOf } = auth;
  const password = "correct horse";

  await t.test("who registers can log in, whatever the case of the name, and both are told", async () => {
    const { user } = await client.register({ username: "Ada_1", password });
    assert.equal(user?.username, "Ada_1");
    assert.ok(user.permissions.includes("chat:send"));
    const edge = clientOf(undefined, { "x-forwarded-for": "10.0.0.1, 203.0.113.7" });
    const login = await edge.authenticate({ username: "ada_1", password, clientVersion: "1.2.3" });
    assert.deepEqual(login.user, user);
    assert.equal(timestampDate(login.expireTime!).getTime() > clock.now().getTime(), true);
    const [registered, loggedIn] = await eventsOf(user.userId, 2);
    assert.ok(registered?.data.case === "playerRegistered" && loggedIn?.data.case === "playerLogin");
    assert.equal(registered.data.value.username, "Ada_1");
    const { username, ip, sessionId } = loggedIn.data.value;
    assert.deepEqual([username, ip], ["Ada_1", "203.0.113.7"]);
    assert.equal((await auth.sessions.find(sessionId))?.userId, user.userId);
  });

  await t.test("a username is given once, without regard to case, also when two ask at once", async () => {
    const asked = ["Twin", "twin", "TWIN"].map((username) => client.register({ username, password }));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(refused.length, 2);
    for (const { reason } of refused) refusal(Code.AlreadyExists, "username_taken")(reason);
  });

  await t.test("names of the staff are not given", async () => {
    await assert.rejects(
      client.register({ username: "Admin", password }),
      refusal(Code.AlreadyExists, "username_taken"),
    );
  });

  await t.test("an unknown username and a wrong password get the same answer", async () => {
    await client.register({ username: "grace", password });
    const messages: string[] = [];
    for (const username of ["grace", "nobody-here"])
      await assert.rejects(client.authenticate({ username, password: "wrong" }), (error: ConnectError) => {
        messages.push(error.message);
        return unauthenticated("credentials_wrong")(error);
      });
    assert.equal(messages[0], messages[1]);
  });

  await t.test("malformed requests are refused before anything is done", async () => {
    const bad = { code: Code.InvalidArgument };
    await assert.rejects(client.register({ username: "a b", password }), bad);
    await assert.rejects(client.register({ username: "x".repeat(33), password }), bad);
    await assert.rejects(client.register({ username: "short", password: "1234567" }), bad);
    await assert.rejects(client.register({ username: "long", password: "x".repeat(129) }), bad);
    await assert.rejects(client.refreshToken({ refreshToken: "x".repeat(257) }), bad);
    await assert.rejects(client.logout({ sessionId: "not a uuid" }), bad);
  });

  await t.test("a refresh gives the next pair in the same session, with the roles of now", async () => {
    const login = await joinAs();
    const userId = login.user!.userId;
    await auth.database.pool.query("update user_account set roles = '{moderator}' where user_id = $1", [userId]);
    const next = await client.refreshToken({ refreshToken: login.refreshToken });
    assert.notEqual(next.refreshToken, login.refreshToken);
    const [before, now] = await Promise.all([auth.tokens.read(login.accessToken), auth.tokens.read(next.accessToken)]);
    assert.ok(typeof before === "object" && typeof now === "object");
    assert.equal(now.sessionId, before.sessionId);
    assert.deepEqual(
      [before.permissions.includes("chat:broadcast"), now.permissions.includes("chat:broadcast")],
      [false, true],
    );
  });

  await t.test("a refresh token that comes twice ends its session and tells of it", async () => {
    const login = await joinAs();
    const next = await client.refreshToken({ refreshToken: login.refreshToken });
    const reused = unauthenticated("refresh_token_reused");
    await assert.rejects(client.refreshToken({ refreshToken: login.refreshToken }), reused);
    const gone = unauthenticated("refresh_token_invalid");
    await assert.rejects(client.refreshToken({ refreshToken: next.refreshToken }), gone);
    const { inactiveReason } = await client.validateToken({ accessToken: next.accessToken });
    assert.equal(inactiveReason, InactiveReason.SESSION_ENDED);
    const [, loggedIn, ended] = await eventsOf(login.user!.userId, 3);
    assert.ok(loggedIn?.data.case === "playerLogin" && ended?.data.case === "sessionEnded");
    assert.equal(ended.data.value.sessionId, loggedIn.data.value.sessionId);
    const end = timestampDate(ended.data.value.expireTime!).getTime();
    assert.equal(end, clock.now().getTime() + accessTokenLifeMs);
  });

  await t.test("of two refreshes with one token at once one wins, and the session has ended for both", async () => {
    const login = await joinAs();
    const refresh = () => client.refreshToken({ refreshToken: login.refreshToken });
    const outcomes = await Promise.allSettled([refresh(), refresh()]);
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    const lost = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.deepEqual([won.length, lost.length], [1, 1]);
    unauthenticated("refresh_token_reused")(lost[0]!.reason);
    const { active } = await client.validateToken({ accessToken: won[0]!.value.accessToken });
    assert.equal(active, false);
    assert.equal((await eventsOf(login.user!.userId, 3)).length, 3);
  });

  await t.test("a session whose end could not be told is told of when its token comes again", async () => {
    const login = await joinAs();
    await client.refreshToken({ refreshToken: login.refreshToken });
    // What is left when the process dies between finding the reuse and telling of it.
    assert.equal(await auth.sessions.rotate(login.user!.userId, login.refreshToken), "reused");
    const reused = unauthenticated("refresh_token_reused");
    await assert.rejects(client.refreshToken({ refreshToken: login.refreshToken }), reused);
    assert.equal((await eventsOf(login.user!.userId, 3))[2]?.type, "session_ended");
  });

  await t.test("tokens that are none of ours are refused or inactive", async () => {
    const invalid = unauthenticated("refresh_token_invalid");
    for (const refreshToken of ["nonsense", `${randomUUID()}.${"A".repeat(43)}`])
      await assert.rejects(client.refreshToken({ refreshToken }), invalid);
    const { active, inactiveReason } = await client.validateToken({ accessToken: "a.b.c" });
    assert.deepEqual([active, inactiveReason], [false, InactiveReason.INVALID]);
  });

  await t.test("a good token is active and says whose it is; after 15 minutes it has expired", async () => {
    const login = await joinAs();
    const { active, user, expireTime } = await client.validateToken({ accessToken: login.accessToken });
    assert.deepEqual([active, user, expireTime], [true, login.user, login.expireTime]);
    clock.advance(accessTokenLifeMs);
    const { inactiveReason } = await client.validateToken({ accessToken: login.accessToken });
    assert.equal(inactiveReason, InactiveReason.EXPIRED);
    assert.ok((await client.refreshToken({ refreshToken: login.refreshToken })).accessToken);
  });

  await t.test("sessions are listed with the current one marked, and end one by one", async () => {
    const phone = await joinAs("linus");
    clock.advance(1_000);
    const desk = await client.authenticate({ username: "linus", password, clientVersion: "2.0" });
    const { sessions } = await clientOf(desk.accessToken).listSessions({});
    assert.deepEqual(
      sessions.map(({ clientVersion, current }) => [clientVersion, current]),
      [
        ["2.0", true],
        ["1.2.3", false],
      ],
    );
    await clientOf(desk.accessToken).logout({ sessionId: sessions[1]!.sessionId });
    const { inactiveReason } = await client.validateToken({ accessToken: phone.accessToken });
    assert.equal(inactiveReason, InactiveReason.SESSION_ENDED);
    await assert.rejects(clientOf(phone.accessToken).listSessions({}), unauthenticated("session_ended"));
    assert.equal((await clientOf(desk.accessToken).listSessions({})).sessions.length, 1);
    await clientOf(desk.accessToken).logout({});
    await assert.rejects(clientOf(desk.accessToken).logout({}), unauthenticated("session_ended"));
    const ended = (await eventsOf(desk.user!.userId, 5)).filter(({ type }) => type === "session_ended");
    assert.equal(ended.length, 2);
  });

  await t.test("nobody ends another's session, and without an identity nothing can be ended", async () => {
    const [mine, theirs] = [await joinAs(), await joinAs()];
    const { sessions } = await clientOf(theirs.accessToken).listSessions({});
    const sessionId = sessions[0]!.sessionId;
    const unknown = refusal(Code.NotFound, "session_unknown");
    await assert.rejects(clientOf(mine.accessToken).logout({ sessionId }), unknown);
    await assert.rejects(client.logout({ sessionId }), unauthenticated("no_identity"));
    assert.equal((await client.validateToken({ accessToken: theirs.accessToken })).active, true);
  });

  await t.test("a session of 30 days without a refresh has ended", async () => {
    const login = await joinAs();
    clock.advance(refreshTokenLifeMs);
    const invalid = unauthenticated("refresh_token_invalid");
    await assert.rejects(client.refreshToken({ refreshToken: login.refreshToken }), invalid);
  });

  await t.test("the admin is made once, logs in with the file's password, and a changed file changes it", async (t) => {
    const { users, passwords } = auth;
    await Promise.all([1, 2, 3].map(() => ensureAdmin(users, passwords, "first password")));
    const login = (password: string) => client.authenticate({ username: "admin", password });
    const { user, accessToken } = await login("first password");
    assert.ok(user?.permissions.includes("auth:admin"));
    await ensureAdmin(users, passwords, "second password");
    assert.equal((await login("second password")).user?.userId, user?.userId);
    await assert.rejects(login("first password"), unauthenticated("credentials_wrong"));

    await t.test("and rotates the signing key", async () => {
      const { keyId, activateTime } = await clientOf(accessToken).rotateSigningKey({});
      assert.equal(timestampDate(activateTime!).getTime(), clock.now().getTime() + 30_000);
      assert.ok(auth.keys.jwks().keys.some(({ kid }) => kid === keyId));
    });
  });

  await t.test(
    "who deletes their account, by their password, is gone: their name, their sessions, their logins",
    async () => {
      const { user, accessToken, refreshToken } = await joinAs("brenda");
      const other = await client.authenticate({ username: "brenda", password });
      const own = clientOf(accessToken);
      await assert.rejects(own.deleteAccount({ password: "wrong" }), unauthenticated("credentials_wrong"));
      await assert.rejects(own.deleteAccount({}), unauthenticated("credentials_wrong"));
      await own.deleteAccount({ password });
      const login = () => client.authenticate({ username: "brenda", password });
      await assert.rejects(login(), unauthenticated("credentials_wrong"));
      await assert.rejects(client.refreshToken({ refreshToken }), unauthenticated("refresh_token_invalid"));
      for (const token of [accessToken, other.accessToken]) {
        const { inactiveReason } = await client.validateToken({ accessToken: token });
        assert.equal(inactiveReason, InactiveReason.SESSION_ENDED);
      }
      const types = (await eventsOf(user!.userId, 6)).map(({ type }) => type);
      assert.deepEqual(types.slice(3), ["player_deleted", "session_ended", "session_ended"]);
      await client.register({ username: "brenda", password });
      assert.notEqual((await login()).user?.userId, user?.userId);
    },
  );

  await t.test("a login that is under way while its account is deleted gives no session", async () => {
    const { user } = await joinAs("carol");
    await auth.users.delete(user!.userId);
    const device = { clientVersion: "", ip: "" };
    await assert.rejects(
      auth.logins.begin({ userId: user!.userId, username: "carol", roles: ["player"] }, device),
      unauthenticated("credentials_wrong"),
    );
    const living = await auth.sessions.list(user!.userId);
    assert.equal(living.length, 1, "only the one of before");
  });

  await t.test("an administrator deletes a player, and nobody of the staff", async () => {
    const admin = await client.authenticate({ username: "admin", password: "second password" });
    const { deleteUser, deleteAccount } = clientOf(admin.accessToken);
    const { user, accessToken } = await joinAs("dora");
    // What is left when an earlier try died half way.
    await auth.users.delete(user!.userId);
    const unknown = refusal(Code.NotFound, "user_unknown");
    await assert.rejects(deleteUser({ userId: user!.userId }), unknown);
    assert.equal((await client.validateToken({ accessToken })).active, false);
    const player = await joinAs("doris");
    await deleteUser({ userId: player.user!.userId });
    assert.equal((await client.validateToken({ accessToken: player.accessToken })).active, false);
    const reserved = refusal(Code.FailedPrecondition, "user_reserved");
    await assert.rejects(deleteUser({ userId: admin.user!.userId }), reserved);
    await assert.rejects(deleteAccount({ password: "second password" }), reserved);
  });

  await t.test("no stored password or token is in clear", async () => {
    const { rows } = await auth.database.pool.query<{ text: string }>(
      "select string_agg(u::text, ' ') || coalesce((select string_agg(o::text, ' ') from outbox o), '') as text from user_account u",
    );
    assert.ok(!rows[0]!.text.includes(password));
    assert.match(rows[0]!.text, /argon2id/);
  });
});

test("when too many wait for their password to be checked the next is refused and told when to come again", async (t) => {
  const gate = createGate(1, 0);
  const { client } = await startAuth(t, { gate });
  const login = () => client.authenticate({ username: "nobody", password: "wrong" });
  const busy = Promise.withResolvers<void>();
  const occupant = gate(() => busy.promise);
  await assert.rejects(login(), (error: ConnectError) => {
    assert.equal(error.metadata.get("retry-after"), "1");
    return refusal(Code.ResourceExhausted, "too_many_logins")(error);
  });
  busy.resolve();
  await occupant;
  await assert.rejects(login(), unauthenticated("credentials_wrong"));
});

test("while Redis gives no answer, calls that need it are UNAVAILABLE; they work again afterwards, and sessions outlive its death", async (t) => {
  const { client, joinAs, engines } = await startAuth(t);
  const login = await joinAs("mary");
  const redis = engines.process("redis");
  redis.kill("SIGSTOP");
  try {
    const away = refusal(Code.Unavailable, "dependency_away");
    await Promise.all([
      assert.rejects(client.refreshToken({ refreshToken: login.refreshToken }), away),
      assert.rejects(client.validateToken({ accessToken: login.accessToken }), away),
      assert.rejects(client.authenticate({ username: "mary", password: "correct horse" }), away),
    ]);
  } finally {
    redis.kill("SIGCONT");
  }
  const validate = () => client.validateToken({ accessToken: login.accessToken });
  assert.ok((await validate()).active);

  redis.kill("SIGKILL");
  const gone = () =>
    validate().then(
      () => false,
      () => true,
    );
  await until("the loss is noticed", gone);
  const { active } = await until("Redis has been started again", validate);
  assert.ok(active, "the session has outlived it");
});
