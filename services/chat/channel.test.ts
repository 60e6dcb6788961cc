import assert from "node:assert/strict";
import { test } from "node:test";
import { channelNameFor, hasMembers, storedChannel, whisperPartner } from "./channel.ts";

const ann = "aaaaaaaa-0000-4000-8000-000000000001";
const bob = "bbbbbbbb-0000-4000-8000-000000000002";

const names = [
  // the reader's, to ann, stored
  ["world", "world"],
  ["system", "system"],
  ["zone/north_gate", "zone/north_gate"],
  ["guild/G-1", "guild/G-1"],
  [`party/${bob}`, `party/${bob}`],
  [`whisper/${bob}`, `whisper/${ann}~${bob}`],
  ["inbox", `inbox/${ann}`],
] as const;

for (const [name, stored] of names)
  test(`${name} is stored as ${stored} and shown as it was named`, () => {
    assert.equal(storedChannel(name, ann), stored);
    assert.equal(channelNameFor(stored, ann), name);
  });

test("both sides of a whisper are on one channel and each sees the other's name", () => {
  const stored = storedChannel(`whisper/${ann}`, bob);
  assert.equal(stored, storedChannel(`whisper/${bob}`, ann));
  assert.equal(channelNameFor(stored, bob), `whisper/${ann}`);
  assert.equal(whisperPartner(stored, bob), ann);
});

test("ids of users and parties are the same in any case", () => {
  assert.equal(storedChannel(`whisper/${bob.toUpperCase()}`, ann), storedChannel(`whisper/${bob}`, ann));
  assert.equal(storedChannel(`party/${bob.toUpperCase()}`, ann), `party/${bob}`);
});

test("nobody can name another's inbox or a whisper between two others", () => {
  assert.equal(storedChannel(`inbox/${bob}`, ann), `inbox/${ann}`);
  assert.equal(storedChannel(`whisper/${bob}~${bob}`, ann).includes(ann), true);
});

test("one who whispers to themselves is their own partner", () => {
  assert.equal(whisperPartner(storedChannel(`whisper/${ann}`, ann), ann), ann);
});

test("only parties and guilds have members", () => {
  const closed = names.map(([name]) => name).filter(hasMembers);
  assert.deepEqual(closed, ["guild/G-1", `party/${bob}`]);
});
