import type { Stack } from "../../stack/stack.ts";

/** What a suite of these tests gets: the running platform, once it runs. */
export type Platform = () => Stack;

/** The edge's address without TLS, `http://127.R.0.1:8080`. */
export const edgeOf = (platform: Platform): string => `http://127.${platform().network}.0.1:8080`;
