import { canonicalAddress } from "../../app/links/same-mailbox";
import type { Language } from "../../app/messages/languages";
import { confirmRequest } from "../../app/reset-requests/confirm-request.server";
import {
  type ConfirmToken,
  parseConfirmToken,
} from "../../app/reset-requests/confirm-token.server";
import type { RequestContext } from "../../app/reset-requests/request-reset.server";
import { requestReset } from "../../app/reset-requests/request-reset.server";
import { confirmTokenIn } from "./mailed-confirm-token";
import { newOrigin, type TestServices } from "./services";

export interface Asked {
  readonly id: string;
  readonly code: string;
  /** Undefined where no mail was sent for it. */
  readonly token: ConfirmToken | undefined;
}

/** Asks for a link by the use case. @throws where it is refused */
export async function askForLink(
  test: Pick<TestServices, "services" | "database" | "mails">,
  request: { email: string; name?: string; pin?: string; language?: Language; from?: string },
): Promise<Asked> {
  const { name = "jane", pin = "4071", language = "en", from = "192.0.2.7" } = request;
  const email = canonicalAddress(request.email) ?? request.email;
  const before = (await test.mails()).length;
  const origin = newOrigin(from);
  const asked = { ...request, name, pin, language };
  const result = await requestReset(test.services, asked, origin);
  if (!result.ok) throw new Error(result.reason);
  const [row] = await test.database.sql`
    select id from reset_requests where email = ${email} order by created_at desc limit 1`;
  const [mail] = (await test.mails())
    .slice(before)
    .filter(({ template, recipient }) => template === "reset-confirm" && recipient === email);
  const token = parseConfirmToken(confirmTokenIn(String(mail?.props?.url ?? "")));
  return { id: row?.id as string, code: result.code, token };
}

/** Confirms it, by default the one the token was mailed for. */
export const confirm = (
  services: RequestContext,
  token: ConfirmToken | undefined,
  code = "",
  origin = newOrigin(),
) => {
  if (!token) throw new Error("no mail was sent for this request");
  return confirmRequest(services, { token, code }, origin);
};
