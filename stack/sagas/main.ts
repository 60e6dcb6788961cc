/** `npm run sagas`: how the sagas of the running stack fare. `npm run sagas -- repair <id> [--settled]` finishes one that needs a person. */
import { addresses, format } from "../../mesh/local/topology.ts";
import { readArguments } from "../arguments.ts";
import { lineOf } from "../fault.ts";
import { defaultStateDir } from "../paths.ts";
import { readSagas, repairSaga } from "./sagas.ts";
import { drawSagas } from "./view.ts";

const usage = `usage: npm run sagas                                      how the sagas fare, and which need a person
       npm run sagas -- repair <saga id> [--settled]      what failed in it is tried again; --settled: it is put right by hand`;
const { positionals, values } = readArguments(usage, {
  options: { settled: { type: "boolean" } },
  allowPositionals: true,
});

async function main(): Promise<number> {
  const [command, sagaId] = positionals;
  const at = addresses(0);
  if (!command) {
    const { statistics, needRepair } = await readSagas(`http://${format(at.edge)}`, defaultStateDir);
    console.log(drawSagas(statistics, needRepair).join("\n"));
    return 0;
  }
  if (command !== "repair" || !sagaId) {
    console.error(usage);
    return 2;
  }
  await repairSaga(process.env.TEMPORAL_ADDRESS ?? format(at.temporal), sagaId, values.settled ? "settled" : "retry");
  console.log(`${sagaId} is told; npm run sagas shows what comes of it`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(lineOf(error));
  process.exitCode = 1;
}
