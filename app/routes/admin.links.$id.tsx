import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { endLink } from "../accounts/end-link.server";
import { looksLikeEmail, NOT_AN_EMAIL, readLine } from "../components/form-text";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { type LinkAnswer, NOT_MAILED, NOT_REVOKED } from "../console/link-answer";
import { LinkDetails } from "../console/link-details";
import { nameOf } from "../console/name-of-link";
import { isRowId } from "../console/row-id";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { withKeystone } from "../http/keystone-trouble.server";
import { refusalOfRandomPassword } from "../http/random-password.server";
import { requirePermitFor } from "../http/require-permit.server";
import { getLink } from "../links/list-links.server";
import { resendLink } from "../links/resend-link.server";
import { revokeLink } from "../links/revoke-link.server";
import { wordsIn } from "../messages/catalogs.server";
import { describeProblem } from "../messages/problem-words";

export const headers = pageHeaders;

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(data ? `Link of ${nameOf(data.link)}` : "Link", matches);

/** The link of the address. @throws {Response} 404 */
async function findLink({ params, context }: LoaderFunctionArgs | ActionFunctionArgs) {
  const found = isRowId(params.id) ? await getLink(context.services, params.id) : undefined;
  if (!found)
    throw new Response("This link is not in the list any more, or never was.", { status: 404 });
  return found;
}

export async function loader(args: LoaderFunctionArgs) {
  const { link, events } = await findLink(args);
  const problem = link.problem && describeProblem(wordsIn(args.context.language), link.problem);
  return { link, events, problem };
}

export async function action(args: ActionFunctionArgs) {
  const form = await readForm(args);
  const { link } = await findLink(args);
  const permit = await requirePermitFor(args, link.userId);
  if (!permit.ok) return refuse(permit);
  const { initiator } = permit;
  const { services } = args.context;
  const token = adminOf(args.context).keystoneToken;
  switch (form.get("intent")) {
    case "resend": {
      const mailTo = readLine(form, "mail_to");
      if (!looksLikeEmail(mailTo))
        return say({ intent: "resend", ok: false, mailTo, error: NOT_AN_EMAIL }, 400);
      const result = await resendLink(services, { linkId: link.id, mailTo }, initiator);
      if (!result.ok) return refuse(NOT_MAILED[result.reason]);
      const { requestId } = initiator;
      if (result.ownerUntold)
        services.userLookup.enqueue({ userId: link.userId, token, checkedAt: null, requestId });
      return say({ intent: "resend", ok: true, url: result.url, mailTo });
    }
    case "revoke": {
      const result = await revokeLink(services, { linkId: link.id }, initiator);
      return result.ok ? say({ intent: "revoke", ok: true }) : refuse(NOT_REVOKED[result.reason]);
    }
    case "end": {
      const about = { linkId: link.id, userId: link.userId, adminToken: token };
      const answer = await withKeystone(args, () => endLink(services, about, initiator));
      if (!answer.ok) return refuse(answer);
      const ended = answer.value;
      return ended.ok ? say({ intent: "end", ok: true }) : refuse(refusalOfRandomPassword(ended));
    }
    default:
      return refuse({ status: 400, message: "The form did not say what to do. Try again." });
  }
}

const say = (answer: LinkAnswer, status = 200) => data(answer, { status });

const refuse = (why: { status: number; message: string; underWay?: true }) => {
  const { status, message, underWay } = why;
  return say({ intent: "none", ok: false, message, ...(underWay && { underWay }) }, status);
};

export default function LinkPage() {
  const answer = useActionData<typeof action>();
  return <LinkDetails {...useLoaderData<typeof loader>()} answer={answer} />;
}
