import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { endLink } from "../accounts/end-link.server";
import type { ErrorCode } from "../components/error-page";
import { readLine } from "../components/form-text";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders } from "../components/route-exports";
import { isRowId } from "../console/addresses";
import { type LinkAnswer, refusalOf } from "../console/link-answer";
import { LinkDetails } from "../console/link-details";
import { nameOf } from "../console/link-state";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { refusalOfRandomPassword, withKeystone } from "../http/keystone-trouble.server";
import { requirePermitFor } from "../http/require-permit.server";
import { looksLikeEmail } from "../links/email-address";
import { getLink } from "../links/list-links.server";
import { resendLink } from "../links/resend-link.server";
import { revokeLink } from "../links/revoke-link.server";
import { wordsIn } from "../messages/catalogs.server";

export const headers = pageHeaders;

export const meta: MetaFunction<typeof loader> = ({ data, matches }) => {
  const words = wordsOfPage(matches);
  const title = data
    ? words("console.title.linkFor", { name: nameOf(data.link) })
    : words("console.title.link");
  return pageTitle(title, matches);
};

/** The link of the address. @throws {Response} 404 */
async function findLink({ params, context }: LoaderFunctionArgs | ActionFunctionArgs) {
  const found = isRowId(params.id) ? await getLink(context.services, params.id) : undefined;
  if (!found) throw new Response("no-such-link" satisfies ErrorCode, { status: 404 });
  return found;
}

export const loader = (args: LoaderFunctionArgs) => findLink(args);

export async function action(args: ActionFunctionArgs) {
  const form = await readForm(args);
  const { link } = await findLink(args);
  const permit = await requirePermitFor(args, link.userId);
  if (!permit.ok) return refuse(permit);
  const { initiator } = permit;
  const { services } = args.context;
  const words = wordsIn(args.context.language);
  const { keystoneToken: token, unanswered } = adminOf(args.context);
  switch (form.get("intent")) {
    case "resend": {
      const mailTo = readLine(form, "mail_to");
      // Whoever left must not be sent a link because Keystone cannot say so. To revoke one helps nobody.
      if (unanswered)
        return refuse({ status: 503, message: words("console.keystone.unavailable") });
      if (!looksLikeEmail(mailTo))
        return say({ intent: "resend", ok: false, mailTo, error: words("shared.notAnEmail") }, 400);
      const result = await resendLink(services, { linkId: link.id, mailTo }, initiator);
      if (!result.ok) return refuse(refusalOf(words, "resend", result.reason));
      const { requestId } = initiator;
      if (result.ownerUntold)
        services.userLookup.enqueue({ userId: link.userId, token, checkedAt: null, requestId });
      return say({ intent: "resend", ok: true, url: result.url, mailTo });
    }
    case "revoke": {
      const result = await revokeLink(services, { linkId: link.id }, initiator);
      return result.ok
        ? say({ intent: "revoke", ok: true })
        : refuse(refusalOf(words, "revoke", result.reason));
    }
    case "end": {
      const about = { linkId: link.id, userId: link.userId, adminToken: token };
      const answer = await withKeystone(args, () => endLink(services, about, initiator));
      if (!answer.ok) return refuse(answer);
      const ended = answer.value;
      return ended.ok
        ? say({ intent: "end", ok: true })
        : refuse(refusalOfRandomPassword(words, ended));
    }
    default:
      return refuse({ status: 400, message: words("console.link.refusal.unreadable") });
  }
}

const say = (answer: LinkAnswer, status = 200) => data(answer, { status });

const refuse = (why: { status: number; message: string; underWay?: boolean }) => {
  const { status, message, underWay = false } = why;
  return say({ intent: "none", ok: false, message, underWay }, status);
};

export default function LinkPage() {
  const answer = useActionData<typeof action>();
  return <LinkDetails {...useLoaderData<typeof loader>()} answer={answer} />;
}
