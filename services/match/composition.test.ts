import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assignRoles, compose, type Group, partySize, type Role, roles } from "./composition.ts";

let count = 0;
const group = (...wishes: Role[][]): Group => ({
  ticketId: `t${count++}`,
  players: wishes.map((wish) => ({ userId: `u${count++}`, roles: wish })),
});
const wish = fc.subarray([...roles], { minLength: 1 });
const groups = (maxLength: number) =>
  fc.array(
    fc.array(wish, { minLength: 1, maxLength: 5 }).map((wishes) => group(...wishes)),
    { maxLength },
  );

test("a party has a tank, a healer and three who deal damage, each in a role that they can play", () => {
  fc.assert(
    fc.property(groups(40), (all) => {
      for (const { groups, roleOf } of compose(all)) {
        const players = groups.flatMap(({ players }) => players);
        assert.equal(players.length, partySize);
        assert.deepEqual(players.map(({ userId }) => roleOf.get(userId)).sort(), [
          "damage",
          "damage",
          "damage",
          "healer",
          "tank",
        ]);
        assert.ok(players.every(({ userId, roles }) => roles.includes(roleOf.get(userId)!)));
      }
    }),
  );
});

test("no group is in two parties, and none is split", () => {
  fc.assert(
    fc.property(groups(40), (all) => {
      const used = compose(all).flatMap(({ groups }) => groups);
      assert.equal(new Set(used).size, used.length);
      assert.ok(used.every((one) => all.includes(one)));
    }),
  );
});

/** Every set of groups, without any cleverness. */
function somePartyIn(all: readonly Group[], chosen: Group[] = [], from = 0): boolean {
  const players = chosen.flatMap(({ players }) => players);
  if (players.length === partySize) return assignRoles(players) !== undefined;
  if (players.length > partySize) return false;
  return all.slice(from).some((one, i) => somePartyIn(all, [...chosen, one], from + i + 1));
}

test("among those who are left there is no party any more", () => {
  fc.assert(
    fc.property(groups(12), (all) => {
      const used = new Set(compose(all).flatMap(({ groups }) => groups));
      assert.equal(somePartyIn(all.filter((one) => !used.has(one))), false);
    }),
  );
});

test("who waits longest gets a party first, and takes along those who wait longest", () => {
  const solo = (...wishes: Role[]) => group(wishes);
  const all = [
    solo("damage"),
    solo("damage"),
    solo("damage"),
    solo("damage"),
    solo("healer"),
    solo("tank"),
    solo("tank"),
  ];
  const [party, ...others] = compose(all);
  assert.deepEqual(new Set(party!.groups), new Set([all[0], all[1], all[2], all[4], all[5]]));
  assert.deepEqual(others, []);
});

test("a party of three finds the two that fit beside singles that don't", () => {
  const three = group(["tank"], ["damage"], ["damage"]);
  const pair = group(["healer"], ["damage"]);
  assert.deepEqual(compose([three, group(["tank"]), group(["tank", "damage"], ["tank"]), pair])[0]?.groups, [
    three,
    pair,
  ]);
});

test("a hundred thousand who all want the same cost no search", () => {
  assert.deepEqual(compose(Array.from({ length: 100_000 }, () => group(["damage"]))), []);
});
