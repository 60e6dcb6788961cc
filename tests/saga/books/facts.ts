/** What the databases, Temporal and the clients say after a run. Plain data, of no service's types: nothing here can share a service's mistake. */
export interface Facts {
  wallets: Wallet[];
  goldLines: GoldLine[];
  bags: BagEntry[];
  itemLines: ItemLine[];
  /** What is promised to trades now. */
  reservations: Reservation[];
  /** The purchase log, without what was struck. */
  log: LoggedPurchase[];
  /** The statistics, and the lines that they sum up. */
  revenue: Revenue[];
  revenueLines: RevenueLine[];
  /** Every saga that Temporal knows, with what it was asked for. */
  sagas: SagaFact[];
  /** What the saga monitor says of each, by saga id: `started`, `completed`, `failed`, `compensated`, `needs_repair`. */
  monitor: Map<string, string>;
  /** What clients asked for and were told. */
  told: Told;
}

export interface Wallet {
  userId: string;
  balance: bigint;
}

/** One line of the gold ledger. */
export interface GoldLine {
  userId: string;
  /** Negative when it went out. */
  amount: bigint;
  /** `starting_gold`, `grant`, `transfer_in`, `transfer_out`; of sagas `deduct`, `refund`, `credit`. */
  kind: string;
  operationId: string;
}

export interface BagEntry {
  userId: string;
  itemId: string;
  quantity: number;
  reserved: number;
}

/** One line of the item ledger. */
export interface ItemLine {
  userId: string;
  itemId: string;
  /** Negative when they went out. */
  amount: number;
  kind: string;
  operationId: string;
}

export interface Reservation {
  operationId: string;
  userId: string;
  itemId: string;
  quantity: number;
}

export interface LoggedPurchase {
  purchaseId: string;
  userId: string;
  itemId: string;
  quantity: number;
  price: bigint;
}

export interface Revenue {
  itemId: string;
  quantity: number;
  revenue: bigint;
}

/** One line of the statistics; all negative where it takes back. */
export interface RevenueLine extends Revenue {
  operationId: string;
}

/** called_off: a trade that was declined, taken back or not answered in time. broken: ended in a way that no saga should. */
export type Outcome = "running" | "completed" | "called_off" | "failed" | "needs_repair" | "broken";

export type SagaFact = PurchaseFact | TradeFact;

export interface PurchaseFact {
  type: "purchase";
  sagaId: string;
  outcome: Outcome;
  userId: string;
  itemId: string;
  quantity: number;
  /** Of all of it. */
  price: bigint;
}

export interface TradeFact {
  type: "trade";
  sagaId: string;
  outcome: Outcome;
  fromUserId: string;
  toUserId: string;
  offered: Side;
  wanted: Side;
  /** While it runs: whether it only waits for an answer that may still come. */
  waits?: boolean;
}

/** What one player of a trade gives. */
export interface Side {
  gold: bigint;
  items: { itemId: string; quantity: number }[];
}

/** What the clients were told. */
export interface Told {
  /** Each purchase that a client asked for, however often it repeated itself. */
  purchases: ToldPurchase[];
  trades: ToldTrade[];
  /** What players were shown after everything had ended. */
  shown: Shown[];
}

export interface Shown {
  userId: string;
  balance: bigint;
  bag: { itemId: string; quantity: number }[];
}

export interface ToldSaga {
  userId: string;
  requestId: string;
  /** Every id that was given for this request: one, or none when no answer came. */
  ids: string[];
  /** refused: it was said that nothing has begun. unknown: no last word came. */
  last: "completed" | "called_off" | "failed" | "needs_repair" | "refused" | "unknown";
}

export interface ToldPurchase extends ToldSaga {
  itemId: string;
  quantity: number;
  /** As answered; absent without an answer. */
  price?: bigint;
}

export interface ToldTrade extends ToldSaga {
  toUserId: string;
}
