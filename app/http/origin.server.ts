import type { Origin } from "../links/link-context.server";
import type { AppLoadContext } from "./load-context.server";

/** @returns where a request comes from, for the audit trail and for Keystone's logs */
export const originOf = (context: AppLoadContext): Origin => ({
  clientAddress: context.clientAddress,
  requestId: context.requestId,
});
