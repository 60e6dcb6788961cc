import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AnalyticsService } from "#gen/game/analytics/v1/analytics_service_pb.ts";
import type { BookStore } from "./book-store.ts";
import { parsePurchaseToken, parseSagaToken, purchaseToken, sagaToken } from "./page-token.ts";
import type { SagaStore } from "./saga-store.ts";
import { fromStatus, toSaga, toStatistics } from "./view.ts";

const defaultPageSize = 50;
const failuresShown = 10;

/** Answers for game.analytics.v1.AnalyticsService. */
export function createAnalyticsService(parts: {
  books: Pick<BookStore, "listPurchases" | "revenue">;
  sagas: Pick<SagaStore, "list" | "statistics">;
}): ServiceImpl<typeof AnalyticsService> {
  const { books, sagas } = parts;
  return {
    async listPurchases({ pageSize, pageToken }) {
      const size = pageSize || defaultPageSize;
      const found = await books.listPurchases(parsePurchaseToken(pageToken), size);
      return {
        purchases: found.map(({ entryId: _, createTime, ...purchase }) => ({
          ...purchase,
          createTime: timestampFromDate(createTime),
        })),
        nextPageToken: found.length === size ? purchaseToken(found.at(-1)!.entryId) : "",
      };
    },

    async getRevenue() {
      const items = await books.revenue();
      const sum = (of: "revenue" | "purchases") => items.reduce((total, item) => total + item[of], 0n);
      return {
        total: sum("revenue"),
        purchases: sum("purchases"),
        items: items.map(({ itemId, quantity, revenue }) => ({ itemId, quantity, revenue })),
      };
    },

    async getSagaStatistics() {
      return { statistics: (await sagas.statistics(failuresShown)).map(toStatistics) };
    },

    async listSagas({ pageSize, pageToken, status }) {
      const size = pageSize || defaultPageSize;
      const found = await sagas.list(parseSagaToken(pageToken), fromStatus(status), size);
      return { sagas: found.map(toSaga), nextPageToken: found.length === size ? sagaToken(found.at(-1)!) : "" };
    },
  };
}
