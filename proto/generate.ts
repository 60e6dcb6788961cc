/**
 * `npm run generate`: brings the schemas that ours import, checks ours, and writes gen/.
 * `npm run generate -- --check`: writes nothing, and fails when gen/ is not what the schemas give.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const require = createRequire(import.meta.url);
const bin = join(root, "node_modules/.bin");
const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };

/** Lays the imported schemas into .proto-deps/, from the packages that carry them; the Buf registry isn't needed. */
export function bringProtoDeps(): void {
  const validate = join(root, ".proto-deps/protovalidate/buf/validate/validate.proto");
  if (!existsSync(validate)) {
    const version = "github.com/bufbuild/protovalidate@v1.2.2";
    const module = JSON.parse(execFileSync("go", ["mod", "download", "-json", version], { encoding: "utf8" }));
    copy(join(module.Dir, "proto/protovalidate/buf/validate/validate.proto"), validate);
  }
  const grpc = join(root, ".proto-deps/grpc/grpc");
  const reflection = join(dirname(require.resolve("@grpc/reflection")), "../proto/grpc/reflection");
  for (const version of ["v1", "v1alpha"])
    copy(join(reflection, version, "reflection.proto"), join(grpc, "reflection", version, "reflection.proto"));
  copy(
    join(dirname(require.resolve("grpc-health-check/package.json")), "proto/health/v1/health.proto"),
    join(grpc, "health/v1/health.proto"),
  );
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  rmSync(to, { force: true });
  cpSync(from, to);
}

/** Generates into `out`, which is made anew. */
function generate(out: string): void {
  execFileSync(join(bin, "buf"), ["generate", "-o", out], { cwd: root, env, stdio: "inherit" });
}

const files = (dir: string) => globSync("**/*.ts", { cwd: dir }).sort();

/** The generated files that differ from those in gen/, by name. */
export function staleFiles(): string[] {
  const fresh = mkdtempSync(join(tmpdir(), "gen-"));
  try {
    generate(fresh);
    const [now, then] = [join(fresh, "gen"), join(root, "gen")];
    const text = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : undefined);
    return [...new Set([...files(now), ...files(then)])].filter(
      (file) => text(join(now, file)) !== text(join(then, file)),
    );
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

if (import.meta.main) {
  bringProtoDeps();
  execFileSync(join(bin, "buf"), ["format", "--exit-code", "-d", "proto"], { cwd: root, env, stdio: "inherit" });
  execFileSync(join(bin, "buf"), ["lint"], { cwd: root, env, stdio: "inherit" });
  if (process.argv.includes("--check")) {
    const stale = staleFiles();
    if (stale.length > 0) {
      console.error(`gen/ is stale, run npm run generate:\n  ${stale.join("\n  ")}`);
      process.exitCode = 1;
    }
  } else generate(root);
}
