import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "./config.ts";

const base = { AUTH_KEY_FILE: "key" };
const oidc = { OIDC_CLIENT_ID: "game", OIDC_REDIRECT_URI: "https://game.example.com/callback" };

test("without a provider there is none, and the rest has its defaults", () => {
  const config = loadConfig(base);
  assert.deepEqual([config.oidc, config.keyActivationS, config.keyMaxAgeDays], [undefined, 30, 30]);
});

test("the sealing key's file must be named", () => {
  assert.throws(() => loadConfig({}), /AUTH_KEY_FILE is not set/);
});

test("a provider without TLS must be on this machine", () => {
  for (const OIDC_ISSUER of ["https://id.example.com", "http://127.0.0.1:4000", "http://[::1]:4000"])
    assert.ok(loadConfig({ ...base, ...oidc, OIDC_ISSUER }).oidc);
  for (const OIDC_ISSUER of ["http://id.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "id"])
    assert.throws(() => loadConfig({ ...base, ...oidc, OIDC_ISSUER }), /OIDC_ISSUER must/);
});

test("a provider needs a client id and a redirect URI", () => {
  assert.throws(() => loadConfig({ ...base, OIDC_ISSUER: "https://id.example.com" }), /OIDC_CLIENT_ID/);
});
