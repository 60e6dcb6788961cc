import { GoldLedgerService } from "#gen/game/account/v1/gold_ledger_service_pb.ts";
import { PurchaseLedgerService } from "#gen/game/analytics/v1/purchase_ledger_service_pb.ts";
import { ItemLedgerService } from "#gen/game/inventory/v1/item_ledger_service_pb.ts";
import { TradeLedgerService } from "#gen/game/social/v1/trade_ledger_service_pb.ts";
import { createServiceClient } from "#kit/client.ts";
import { createLog } from "#kit/log.ts";
import { runUntilSignal } from "#kit/process.ts";
import { startServer } from "#kit/serve.ts";
import { createSagaActivities } from "./activities.ts";
import { loadConfig } from "./config.ts";
import { createPurchaseActivities } from "./purchase/activities.ts";
import { createTradeActivities } from "./trade/activities.ts";
import { startSagaWorker } from "./worker.ts";

const name = "saga-worker";
const config = loadConfig(process.env);
const identity = config.instance ?? name;
const log = createLog(name, identity);
const account = createServiceClient(GoldLedgerService, "account", config.meshEgress);
const inventory = createServiceClient(ItemLedgerService, "inventory", config.meshEgress);
const analytics = createServiceClient(PurchaseLedgerService, "analytics", config.meshEgress);
const social = createServiceClient(TradeLedgerService, "social", config.meshEgress);
const activities = {
  ...createSagaActivities(analytics),
  ...createPurchaseActivities({ account, inventory, analytics }),
  ...createTradeActivities({ account, inventory, social }),
};
const worker = startSagaWorker({ address: config.temporalAddress, identity, activities, log });

const server = await startServer({
  name,
  version: config.version,
  log,
  listen: config.listen,
  services: [],
  routes: () => undefined,
  probes: { temporal: worker.ping },
  started: worker.joined,
  sidecarTokenFile: config.sidecarTokenFile,
});
runUntilSignal(server, [worker.stop], log);
