import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";

/** proto -> gen -> kit -> services | workflows -> tests; never sideways, never back. What each folder may import beside itself and npm. */
const allowed: Record<string, string[]> = {
  kit: ["gen"],
  services: ["gen", "kit"],
  workflows: ["gen", "kit"],
  mesh: ["stack"],
  stack: ["mesh", "gen", "kit"],
  proto: [],
  tests: ["gen", "kit", "services", "workflows", "mesh", "stack", "proto"],
};

interface Import {
  file: string;
  target: string;
}

/** Where each import of the project's own files leads, as a path from the root. */
function ownImports(): Import[] {
  const root = join(import.meta.dirname, "../..");
  const files = globSync(`{${Object.keys(allowed).join(",")}}/**/*.ts`, { cwd: root });
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const names = [...text.matchAll(/(?:from|import)\s*\(?\s*"([.#][^"]+)"/g)].map((found) => found[1]!);
    return names.map((name) => ({
      file,
      target: name.startsWith("#") ? name.slice(1) : normalize(join(dirname(file), name)),
    }));
  });
}

/** A test beside its code, or what several of them share. */
const isTest = (path: string) => path.endsWith(".test.ts") || basename(path).startsWith("test-");
const folder = (path: string) => path.split("/", 1)[0]!;
/** Two services are as far apart as two folders. */
const part = (path: string) => (folder(path) === "services" ? path.split("/", 2).join("/") : folder(path));

test("imports point only the allowed way, and no service imports another", () => {
  const imports = ownImports();
  assert.ok(imports.length > 50, "the search finds the project's imports");
  const wrong = imports.filter(
    ({ file, target }) => part(target) !== part(file) && !allowed[folder(file)]!.includes(folder(target)),
  );
  // They may start a real engine.
  const faults = wrong.filter(({ file, target }) => !(isTest(file) && target.startsWith("tests/support/")));
  assert.deepEqual(faults, []);
});

test("routing and resilience belong to the mesh: no retry or circuit breaker library", () => {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
  const forbidden = /retry|breaker|cockatiel|opossum|rate-?limit|bottleneck|throttl/;
  assert.deepEqual(
    Object.keys(dependencies).filter((name) => forbidden.test(name)),
    [],
  );
});

test("only config.ts of a service reads the environment", () => {
  const root = join(import.meta.dirname, "../..");
  const readers = globSync("services/**/*.ts", { cwd: root }).filter(
    (file) => !file.endsWith(".test.ts") && /process\.env/.test(readFileSync(join(root, file), "utf8")),
  );
  assert.deepEqual(
    readers.filter((file) => !file.endsWith("/config.ts") && !file.endsWith("/main.ts")),
    [],
  );
});

test("no address stands in a service's code", () => {
  const root = join(import.meta.dirname, "../..");
  const sources = globSync("services/**/*.ts", { cwd: root, exclude: isTest });
  const addressed = sources.filter((file) =>
    /\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|localhost/.test(readFileSync(join(root, file), "utf8")),
  );
  assert.deepEqual(addressed, []);
});
