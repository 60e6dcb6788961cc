import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { bringProtoDeps, staleFiles } from "../../proto/generate.ts";

const root = join(import.meta.dirname, "../..");
const buf = (...args: string[]) =>
  execFileSync(join(root, "node_modules/.bin/buf"), args, { cwd: root, maxBuffer: 1 << 24 });

before(bringProtoDeps);

test("the schemas keep buf's STANDARD rules and format", () => {
  buf("lint");
  buf("format", "--exit-code", "-d", "proto");
});

test("gen/ is what the schemas give", () => {
  assert.deepEqual(staleFiles(), []);
});

test("validate.proto is the one inside the validation library", () => {
  const path = ".proto-deps/protovalidate/buf/validate/validate.proto";
  assert.match(readFileSync(join(root, path), "utf8"), /package buf\.validate/);
  const image = buf(
    "build",
    ".proto-deps/protovalidate",
    "-o",
    "-#format=binpb",
    "--exclude-source-info",
    "--as-file-descriptor-set",
  );
  const ours = fromBinary(FileDescriptorSetSchema, image).file.find(
    ({ name }) => name === "buf/validate/validate.proto",
  );
  assert.ok(ours);
  const library = file_buf_validate_validate.proto;
  assert.deepEqual(toBinary(FileDescriptorProtoSchema, ours), toBinary(FileDescriptorProtoSchema, library));
});
