import type { Admin, Initiator, Visitor } from "../audit/initiator.server";
import type { AppLoadContext } from "./load-context.server";

type From = Pick<AppLoadContext, "clientAddress" | "requestId">;

/** @returns whoever sent a request, unknown as yet */
export const visitorOf = ({ clientAddress, requestId }: From): Visitor => ({
  actor: { kind: "user" },
  clientAddress,
  requestId,
});

/** @returns the administrator who sent it */
export const initiatorOf = <Who extends Admin>(context: From, actor: Who): Initiator<Who> => ({
  ...visitorOf(context),
  actor,
});
