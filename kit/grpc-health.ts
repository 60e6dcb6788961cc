import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Serving } from "#gen/grpc/health/v1/health_pb.ts";
import type { Readiness } from "./readiness.ts";

/** grpc.health.v1 for the named services: Check, List and Watch. Own, because no package for connect-es is kept. */
export function serveGrpcHealth(router: ConnectRouter, names: string[], readiness: Readiness): void {
  const known = new Set(["", ...names]);
  const status = () => (readiness.ready ? Serving.SERVING : Serving.NOT_SERVING);
  router.service(Health, {
    check(request) {
      if (!known.has(request.service)) throw new ConnectError("unknown service", Code.NotFound);
      return { status: status() };
    },
    list: () => ({ statuses: Object.fromEntries([...known].map((name) => [name, { status: status() }])) }),
    async *watch(request, context) {
      if (!known.has(request.service)) yield { status: Serving.SERVICE_UNKNOWN };
      else yield { status: status() };
      while (!context.signal.aborted) {
        await readiness.changed(context.signal);
        if (known.has(request.service) && !context.signal.aborted) yield { status: status() };
      }
    },
  });
}
