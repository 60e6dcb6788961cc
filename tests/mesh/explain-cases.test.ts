import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCases } from "../../mesh/cases/format.ts";
import { contradictions } from "../../mesh/explain/contradictions.ts";
import { loadPolicy } from "../../mesh/explain/policy.ts";
import { predict } from "../../mesh/explain/predict.ts";

/** The cases are proven on real Envoys (`npm run mesh:test`): so the model is right where it agrees with them. */

const policy = loadPolicy();

for (const subject of loadCases())
  test(`explained as the case says: ${subject.name} (${subject.at})`, () => {
    const predictions = predict(policy, subject);
    for (const [index, step] of subject.steps.entries()) {
      // what changes with time is not the model's to say
      if (step.expect.within !== undefined) continue;
      assert.deepEqual(contradictions(step, predictions[index]!), [], step.at);
    }
  });
