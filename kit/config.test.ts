import assert from "node:assert/strict";
import { test } from "node:test";
import { address, integer, list, loadVariables, optionalText, text } from "./config.ts";

const schema = {
  url: text("URL"),
  port: integer("PORT", 80, 1, 65_535),
  hosts: list("HOSTS", ["a"]),
  listen: address("LISTEN", "127.0.0.1:1"),
  name: optionalText("NAME"),
};

test("variables are read, with defaults for what is absent", () => {
  const values = loadVariables(schema, { URL: "x", HOSTS: "b, c", LISTEN: "[::1]:9" });
  assert.deepEqual(values, {
    url: "x",
    port: 80,
    hosts: ["b", "c"],
    listen: { host: "[::1]", port: 9 },
    name: undefined,
  });
});

test("every fault is told at once, and no value", () => {
  assert.throws(() => loadVariables(schema, { PORT: "secret", LISTEN: "nowhere" }), {
    message: "configuration: URL is not set; PORT must be a whole number from 1 to 65535; LISTEN must be host:port",
  });
});

test("a port out of range is refused", () => {
  assert.throws(() => loadVariables(schema, { URL: "x", LISTEN: "h:65536" }), /LISTEN must be host:port/);
});
