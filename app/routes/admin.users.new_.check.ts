import type { LoaderFunctionArgs } from "@remix-run/node";
import { checkAccount } from "../accounts/check-account.server";
import type { CheckAnswer } from "../console/account-checks";
import { LONGEST_PROJECT_NAME } from "../console/account-choices";
import { adminOf } from "../http/guard-console.server";
import { withKeystone } from "../http/keystone-trouble.server";

/** What the form of a new account asks as it is filled in; nothing else does. */
export async function loader(args: LoaderFunctionArgs) {
  const { services, requestId } = args.context;
  const { searchParams } = new URL(args.request.url);
  const text = (name: string, most: number) => (searchParams.get(name) ?? "").trim().slice(0, most);
  const asked = {
    user_name: text("user_name", 255),
    domain: text("domain", 64),
    project_name: text("project_name", LONGEST_PROJECT_NAME),
  };
  const answer = await withKeystone(args, () =>
    checkAccount(services, {
      token: adminOf(args.context).keystoneToken,
      requestId,
      domainId: asked.domain,
      userName: asked.user_name,
      projectName: asked.project_name,
    }),
  );
  // Without an answer nothing is said: the form itself says it, once it is sent.
  const unknown = { user: "unknown", domain: "unknown", project: "unknown" } as const;
  const check: CheckAnswer = { asked, ...(answer.ok ? answer.value : unknown) };
  return Response.json(check, { headers: { "Cache-Control": "no-store" } });
}
