import assert from "node:assert/strict";
import { test } from "node:test";
import { startEngines } from "../../tests/support/stack.ts";
import type { Draft, Message } from "./message.ts";
import { draftOf, numbered, player, startReplica, textsOf } from "./test-replica.ts";

const all = Number.MAX_SAFE_INTEGER;
const ann = player("ann");
const bob = player("bob");

/** On a real Postgres, by the connections of two replicas. */
test("the store", async (t) => {
  const engines = await startEngines(t, ["postgres"]);
  // Redis isn't there, and isn't needed.
  const urls = { databaseUrl: engines.databaseUrl("chat"), redisUrl: "redis://127.0.0.1:1" };
  const replica = await startReplica(t, urls);
  const { store } = replica;
  const { store: other } = await startReplica(t, urls, { instance: "chat-2" });

  const append = async (channel: string, ...drafts: Draft[]): Promise<Message[]> =>
    (await store.append(channel, drafts)).results.map(({ message }) => message);

  await t.test("messages get the ids 1, 2, 3 and come back as they were stored", async () => {
    const partyInvite = { inviteId: bob.userId, partyId: ann.userId, expireTime: new Date(1_700_000_000_000) };
    const stored = await append(
      "zone/ids",
      draftOf("'one' \"and\" \\ 😀\n", ann),
      { text: "from the platform" },
      { sender: { userId: ann.userId, username: "ann" }, partyInvite },
    );
    assert.deepEqual(
      stored.map(({ id }) => id),
      [1, 2, 3],
    );
    assert.equal(stored[0]?.text, "'one' \"and\" \\ 😀\n");
    assert.deepEqual(stored[0]?.sender, { userId: ann.userId, username: "ann" });
    assert.equal(stored[1]?.sender, undefined);
    assert.deepEqual(stored[2]?.partyInvite, partyInvite);
    assert.deepEqual(await store.listAfter("zone/ids", 0, all, 10), stored);
    assert.deepEqual(await store.listBefore("zone/ids", all, 10), stored.toReversed());
    assert.deepEqual(await store.listBefore("zone/ids", 3, 1), [stored[1]]);
    assert.deepEqual(await store.listAfter("zone/ids", 1, 2, 10), [stored[1]]);
  });

  await t.test("heads tell how far channels are, those that nobody has used included", async () => {
    await append("zone/head", ...numbered("m", 3).map((text) => draftOf(text, ann)));
    const heads = await store.heads(["zone/head", "zone/nobody"]);
    assert.deepEqual(heads.get("zone/head"), { lastId: 3, memberRevision: 0 });
    assert.deepEqual(heads.get("zone/nobody"), { lastId: 0, memberRevision: 0 });
  });

  await t.test(
    "many senders on two replicas: ids without gap or repeat, and nobody ever sees a later id before an earlier one",
    async () => {
      const channel = "zone/busy";
      const count = 400;
      let seen = 0;
      let sending = true;
      const watch = async () => {
        while (sending || seen < count) {
          const visible = await other.listAfter(channel, seen, all, count);
          for (const { id } of visible) assert.equal(id, ++seen);
        }
      };
      const watching = watch();
      const sent = await Promise.all(
        numbered("m", count).map((text, i) =>
          (i % 2 ? store : other).append(channel, [draftOf(text, i % 3 ? ann : bob)]),
        ),
      );
      sending = false;
      await watching;
      const ids = sent.map(({ results }) => results[0]!.message.id).sort((a, b) => a - b);
      assert.deepEqual(
        ids,
        Array.from({ length: count }, (_, i) => i + 1),
      );
      const times = (await store.listAfter(channel, 0, all, count)).map(({ createTime }) => createTime.getTime());
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
    },
  );

  await t.test("a group that can't be stored leaves no gap", async () => {
    await append("zone/failed", draftOf("one", ann));
    await assert.rejects(append("zone/failed", draftOf("two", ann), {}), /message_check/);
    assert.deepEqual(textsOf(await append("zone/failed", draftOf("three", ann))), ["three"]);
    assert.deepEqual((await store.heads(["zone/failed"])).get("zone/failed")?.lastId, 2);
  });

  await t.test("a request id stores once per sender, whatever the channel", async () => {
    const [first] = await append("zone/request", draftOf("one", ann, "r1"));
    const { results } = await store.append("zone/request", [
      draftOf("two", ann, "r2"),
      draftOf("again", ann, "r1"),
      draftOf("bob's own", bob, "r1"),
    ]);
    assert.deepEqual(
      results.map(({ message, repeated }) => [message.id, message.text, repeated]),
      [
        [2, "two", false],
        [1, "one", true],
        [3, "bob's own", false],
      ],
    );
    const elsewhere = await store.append("zone/elsewhere", [draftOf("again", ann, "r1")]);
    assert.deepEqual(elsewhere.results, [{ message: first, repeated: true }]);
    assert.equal((await store.heads(["zone/elsewhere"])).get("zone/elsewhere")?.lastId, 0);
    assert.deepEqual(await store.findByRequestId(ann.userId, "r1"), first);
    assert.equal(await store.findByRequestId(ann.userId, "r9"), undefined);
  });

  await t.test("the same request id on two replicas at once stores once", async () => {
    for (let round = 0; round < 20; round++) {
      const draft = draftOf("hello", ann, `race-${round}`);
      const channels = round % 2 ? ["zone/race", "zone/race"] : ["zone/race", "zone/race2"];
      const both = await Promise.all([store.append(channels[0]!, [draft]), other.append(channels[1]!, [draft])]);
      const [a, b] = both.map(({ results }) => results[0]!);
      assert.deepEqual(a?.message, b?.message);
      assert.equal(Number(a?.repeated) + Number(b?.repeated), 1);
    }
    const { lastId } = (await store.heads(["zone/race"])).get("zone/race")!;
    assert.equal((await store.listAfter("zone/race", 0, all, 100)).length, lastId);
  });

  await t.test(
    "the event goes into the outbox with the message, in its order, and knows the message's id",
    async () => {
      const event = (n: number) => ({
        eventId: `00000000-0000-4000-8000-00000000000${n}`,
        topic: "chat-events",
        key: ann.userId,
        type: "chat_message_sent",
        payload: JSON.stringify({ eventId: `e${n}`, chatMessageSent: { channel: "zone/event", length: 3 } }),
      });
      await append("zone/event", draftOf("one", ann));
      await append(
        "zone/event",
        { ...draftOf("two", ann), event: event(1), traceparent: "00-t" },
        { ...draftOf("three", ann), event: event(2) },
      );
      const { rows } = await replica.database.pool.query("select * from outbox order by id");
      assert.deepEqual(
        rows.map(({ event_id, topic, key, type, traceparent }) => [event_id, topic, key, type, traceparent]),
        [
          [event(1).eventId, "chat-events", ann.userId, "chat_message_sent", "00-t"],
          [event(2).eventId, "chat-events", ann.userId, "chat_message_sent", null],
        ],
      );
      assert.deepEqual(
        rows.map(({ payload }) => JSON.parse(payload).chatMessageSent),
        [
          { channel: "zone/event", length: 3, messageId: "2" },
          { channel: "zone/event", length: 3, messageId: "3" },
        ],
      );
    },
  );
});
