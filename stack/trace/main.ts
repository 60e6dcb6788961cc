/** `npm run trace -- <trace id>`: a trace of the running stack, from Jaeger's query API, in the terminal. */
import { addresses, format } from "../../mesh/local/topology.ts";
import { fetchSpans } from "./jaeger.ts";
import { drawTrace } from "./tree.ts";

const [traceId] = process.argv.slice(2);
const jaeger = process.env.JAEGER_QUERY ?? `http://${format(addresses(0).jaeger)}`;
if (!traceId || !/^[0-9a-f]{32}$/.test(traceId)) {
  console.error(
    "usage: npm run trace -- <trace id, 32 hex digits: the header x-trace-id of an answer, or trace_id in a log>",
  );
  process.exit(2);
}
try {
  const lines = drawTrace(await fetchSpans(jaeger, traceId));
  if (lines.length > 0) console.log(lines.join("\n"));
  else {
    console.error(`Jaeger at ${jaeger} does not know ${traceId} (yet): spans arrive within some seconds`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`Jaeger does not answer at ${jaeger}: is it up (npm run status)? ${(error as Error).message}`);
  process.exitCode = 1;
}
