import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "./gate.ts";
import { createPasswords } from "./password.ts";

const passwords = createPasswords(createGate(2, 100));

test("a password matches its own hash only", async () => {
  const stored = await passwords.hash("correct horse");
  assert.equal(await passwords.matches("correct horse", stored), true);
  assert.equal(await passwords.matches("Correct horse", stored), false);
});

test("hashes are argon2id of the agreed cost, each with a salt of its own", async () => {
  const [one, other] = await Promise.all([passwords.hash("same"), passwords.hash("same")]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.notEqual(one, other);
});

test("no password matches where none is stored", async () => {
  for (const password of ["nobody's password", "other"])
    assert.equal(await passwords.matches(password, undefined), false);
});

test("an unknown user costs as much as a wrong password", async () => {
  const stored = await passwords.hash("right");
  const median = async (known: string | undefined) => {
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      const start = process.cpuUsage();
      await passwords.matches("wrong", known);
      const { user, system } = process.cpuUsage(start);
      times.push(user + system);
    }
    return times.sort((a, b) => a - b)[3]!;
  };
  await passwords.matches("warm up", undefined);
  const [unknown, wrong] = [await median(undefined), await median(stored)];
  assert.ok(unknown > wrong / 2 && unknown < wrong * 2, `${unknown} and ${wrong} microseconds of processor time`);
});

test("the same characters typed in another way are the same password", async () => {
  const stored = await passwords.hash("caf\u00e9 au lait");
  assert.equal(await passwords.matches("cafe\u0301 au lait", stored), true);
});
