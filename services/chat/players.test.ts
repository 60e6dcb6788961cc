import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createPlayers } from "./players.ts";

const idOf = (n: number) => `aaaaaaaa-0000-4000-8000-00000000000${n}`;

/** An account service that knows players below 5, and what it was asked for. */
function createAccounts() {
  const asked: string[] = [];
  const state = { away: false };
  return {
    asked,
    state,
    async getUserProfile({ userId = "" }: { userId?: string }) {
      asked.push(userId);
      if (state.away) throw new ConnectError("no healthy upstream", Code.Unavailable);
      if (userId >= idOf(5)) throw new ConnectError("there is no such user", Code.NotFound);
      return { $typeName: "game.account.v1.GetUserProfileResponse" as const };
    },
  };
}

test("who is there is asked once, who is not again and again", async () => {
  const accounts = createAccounts();
  const players = createPlayers(accounts);
  for (let i = 0; i < 3; i++) assert.equal(await players.exists(idOf(1)), true);
  for (let i = 0; i < 2; i++) assert.equal(await players.exists(idOf(7)), false);
  assert.deepEqual(accounts.asked, [idOf(1), idOf(7), idOf(7)]);
});

test("what is no user id is nobody, and nobody is asked", async () => {
  const accounts = createAccounts();
  assert.equal(await createPlayers(accounts).exists("bob"), false);
  assert.deepEqual(accounts.asked, []);
});

test("while the account service is away the known stay known, and others can't be told", async () => {
  const accounts = createAccounts();
  const players = createPlayers(accounts);
  await players.exists(idOf(1));
  accounts.state.away = true;
  assert.equal(await players.exists(idOf(1)), true);
  await assert.rejects(players.exists(idOf(2)), { code: Code.Unavailable });
  accounts.state.away = false;
  assert.equal(await players.exists(idOf(2)), true);
});

test("only so many are remembered, those seen last", async () => {
  const accounts = createAccounts();
  const players = createPlayers(accounts, 2);
  for (const n of [1, 2, 3, 3, 2, 1]) await players.exists(idOf(n));
  assert.deepEqual(accounts.asked, [1, 2, 3, 1].map(idOf));
});
