import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createLog } from "#kit/log.ts";
import { connectRedis } from "#kit/redis.ts";
import { startEngines } from "../../tests/support/stack.ts";
import { until } from "../../tests/support/until.ts";
import type { Listener } from "./listener.ts";
import type { Message } from "./message.ts";
import { draftOf, numbered, player, type Replica, startReplica, textsOf } from "./test-replica.ts";

const ann = player("ann");
const bob = player("bob");
const silent = createLog("chat");
silent.level = "silent";
/** Long enough for anything; a test that waits so long fails. */
const longMs = 20_000;

/** Reads until `count` messages have come. */
async function read(listener: Listener, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const next = await listener.next(longMs);
    if (!next) throw new Error(`only ${messages.length} of ${count} messages came`);
    messages.push(...next);
  }
  return messages;
}

const idsOf = (messages: Message[]) => messages.map(({ id }) => id);
const oneTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** Two replicas on one Redis and one Postgres. */
test("two replicas", async (t) => {
  const engines = await startEngines(t, ["postgres", "redis"]);
  const urls = { databaseUrl: engines.databaseUrl("chat"), redisUrl: engines.redisUrl("chat") };
  // These never look for what Redis has lost: what arrives has come by Redis.
  const near = await startReplica(t, urls, { instance: "chat-1", checkMs: 3_600_000 });
  const far = await startReplica(t, urls, { instance: "chat-2", checkMs: 3_600_000 });
  /** This one does, and finds what Redis didn't bring. */
  const careful = await startReplica(t, urls, { instance: "chat-3", checkMs: 20 });

  const say = (replica: Replica, channel: string, text: string) => replica.post(channel, draftOf(text, ann));
  const sayAll = async (channel: string, texts: string[]) => {
    for (const [i, text] of texts.entries()) await say(i % 2 ? near : far, channel, text);
  };
  const listen = async (t: TestContext, replica: Replica, channel: string, after?: number) => {
    const listener = await replica.fanout.listen(bob.userId, [{ channel, after }]);
    t.after(listener.close);
    return listener;
  };
  const redis = connectRedis(urls.redisUrl, "chat-test", silent, 500);
  t.after(() => redis.disconnect());
  const redisIs = (ready: boolean) =>
    until(`Redis is ${ready ? "back" : "away"}`, async () => {
      const answered = await redis.ping().then(
        () => true,
        () => false,
      );
      return answered === ready;
    });

  await t.test(
    "a listener gets what is said on both, each once and in order, however many speak at once",
    async (t) => {
      const listener = await listen(t, far, "zone/crowd");
      const saying = numbered("m", 300).map((text, i) => say(i % 2 ? near : far, "zone/crowd", text));
      const messages = await read(listener, 300);
      assert.deepEqual(idsOf(messages), oneTo(300));
      assert.deepEqual(textsOf(messages).sort(), numbered("m", 300).sort());
      await Promise.all(saying);
    },
  );

  await t.test("one begins with what comes from now on, another after the message it has seen", async (t) => {
    await sayAll("zone/begin", numbered("old", 3));
    const fresh = await listen(t, far, "zone/begin");
    assert.equal(fresh.cursors.get("zone/begin"), 3);
    const resumed = await listen(t, far, "zone/begin", 1);
    await sayAll("zone/begin", ["new"]);
    assert.deepEqual(textsOf(await read(fresh, 1)), ["new"]);
    assert.deepEqual(textsOf(await read(resumed, 3)), ["old2", "old3", "new"]);
  });

  await t.test("nobody can begin after a message that isn't there yet", async () => {
    await assert.rejects(far.fanout.listen(bob.userId, [{ channel: "zone/none", after: 1 }]), { code: 11 });
  });

  await t.test("what a replica stored before it died arrives all the same", async (t) => {
    const listener = await listen(t, careful, "zone/died");
    await say(near, "zone/died", "hello");
    assert.deepEqual(textsOf(await read(listener, 1)), ["hello"]);
    await near.store.append("zone/died", [draftOf("last words", ann)]);
    assert.deepEqual(textsOf(await read(listener, 1)), ["last words"]);
  });

  await t.test("a message that overtakes another on its way comes after it", async (t) => {
    const listener = await listen(t, far, "zone/overtaken");
    const { results } = await near.store.append("zone/overtaken", [draftOf("first", ann)]);
    await say(near, "zone/overtaken", "second");
    near.fanout.publish("zone/overtaken", { lastId: 1, memberRevision: 0 }, [{ message: results[0]!.message }]);
    await say(near, "zone/overtaken", "third");
    assert.deepEqual(textsOf(await read(listener, 3)), ["first", "second", "third"]);
  });

  await t.test("a slow reader holds up nobody, and still misses nothing", async (t) => {
    const slow = await listen(t, far, "zone/slow");
    const fast = await listen(t, far, "zone/slow");
    const saying = numbered("m", 700).map((text) => say(near, "zone/slow", text));
    assert.deepEqual(idsOf(await read(fast, 700)), oneTo(700));
    assert.equal(slow.cursors.get("zone/slow"), 0);
    const batches: number[] = [];
    const messages: Message[] = [];
    while (messages.length < 700) {
      const batch = (await slow.next(longMs))!;
      batches.push(batch.length);
      messages.push(...batch);
    }
    assert.deepEqual(idsOf(messages), oneTo(700));
    assert.ok(Math.max(...batches) <= 100, "it holds one batch at a time");
    await Promise.all(saying);
  });

  await t.test(
    "a reader that is cut off again and again and resumes misses nothing and gets nothing twice",
    async (t) => {
      const seed = Number(process.env.SEED ?? Date.now() % 100_000);
      t.diagnostic(`SEED=${seed}`);
      let state = seed;
      const random = (below: number) => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        return state % below;
      };
      const saying = sayAll("zone/resumed", numbered("m", 300));
      const seen: number[] = [];
      while (seen.length < 300) {
        const listener = await listen(t, random(2) ? near : far, "zone/resumed", seen.at(-1) ?? 0);
        const untilSeen = Math.min(300, seen.length + 1 + random(40));
        // A batch that the connection's end cuts in two: the client has seen only its first part.
        while (seen.length < untilSeen)
          seen.push(...idsOf((await listener.next(longMs)) ?? []).slice(0, untilSeen - seen.length));
        listener.close();
      }
      assert.deepEqual(seen, oneTo(300));
      await saying;
    },
  );

  await t.test("each channel of one listener goes on by itself", async (t) => {
    const channels = ["zone/a", "zone/b", "zone/c"];
    const listener = await far.fanout.listen(
      bob.userId,
      channels.map((channel) => ({ channel })),
    );
    t.after(listener.close);
    const saying = channels.flatMap((channel) => numbered(channel, 50).map((text) => say(near, channel, text)));
    const messages = await read(listener, 150);
    for (const channel of channels)
      assert.deepEqual(idsOf(messages.filter((message) => message.channel === channel)), oneTo(50));
    await Promise.all(saying);
  });

  await t.test("who leaves a party hears nothing that is said after", async (t) => {
    const partyId = await near.parties.create(ann.userId);
    const channel = `party/${partyId}`;
    const { inviteId } = (await near.parties.invite(
      {
        partyId,
        inviterId: ann.userId,
        inviteeId: bob.userId,
        now: new Date(),
        expireTime: new Date(Date.now() + longMs),
      },
      5,
    )) as { inviteId: string };
    await near.parties.answer({ inviteId, userId: bob.userId, accepted: true, now: new Date() }, 5);
    const stays = await far.fanout.listen(ann.userId, [{ channel }]);
    t.after(stays.close);
    const leaves = await listen(t, far, channel);
    await say(near, channel, "with bob");
    assert.deepEqual(textsOf(await read(leaves, 1)), ["with bob"]);
    await near.parties.leave(partyId, bob.userId);
    await say(near, channel, "without bob");
    assert.deepEqual(textsOf(await read(stays, 2)), ["with bob", "without bob"]);
    assert.equal(leaves.cursors.has(channel), false);
    leaves.wake();
    assert.deepEqual(await leaves.next(longMs), []);
  });

  await t.test("while Redis doesn't answer, messages come later but all; then it goes on as before", async (t) => {
    const listener = await listen(t, careful, "zone/paused");
    await sayAll("zone/paused", numbered("before", 5));
    assert.deepEqual(textsOf(await read(listener, 5)), numbered("before", 5));
    engines.process("redis").kill("SIGSTOP");
    t.after(() => engines.process("redis").kill("SIGCONT"));
    await sayAll("zone/paused", numbered("meanwhile", 5));
    assert.deepEqual(textsOf(await read(listener, 5)), numbered("meanwhile", 5));
    engines.process("redis").kill("SIGCONT");
    await sayAll("zone/paused", numbered("after", 5));
    assert.deepEqual(textsOf(await read(listener, 5)), numbered("after", 5));
  });

  await t.test("while Redis is killed and comes back, nothing is lost and nothing comes twice", async (t) => {
    const listeners = [await listen(t, far, "zone/killed"), await listen(t, careful, "zone/killed")];
    const ids = listeners.map(async (listener) => idsOf(await read(listener, 300)));
    await sayAll("zone/killed", numbered("before", 100));
    engines.process("redis").kill("SIGKILL");
    await redisIs(false);
    const opened = await listen(t, far, "zone/opened-meanwhile");
    await sayAll("zone/killed", numbered("meanwhile", 100));
    await redisIs(true);
    await sayAll("zone/killed", numbered("after", 100));
    await sayAll("zone/opened-meanwhile", numbered("m", 3));
    for (const all of await Promise.all(ids)) assert.deepEqual(all, oneTo(300));
    assert.deepEqual(textsOf(await read(opened, 3)), numbered("m", 3));
  });
});
