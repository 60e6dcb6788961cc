/** As much of oidc-provider, which has no types, as our identity provider uses. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  export default class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): RequestListener;
    on(event: string, listener: (...values: unknown[]) => void): this;
  }
}
