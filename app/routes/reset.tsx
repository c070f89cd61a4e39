import type { ActionFunctionArgs, LoaderFunctionArgs, MetaFunction } from "@remix-run/node";
import { data } from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { readLine } from "../components/form-text";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { PublicPage } from "../components/public-page";
import { pageHeaders } from "../components/route-exports";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { limitByAddress } from "../http/rate-limit.server";
import { looksLikeEmail } from "../links/email-address";
import { isPin } from "../links/pin.server";
import { canonicalAddress } from "../links/same-mailbox";
import { wordsIn } from "../messages/catalogs.server";
import { findResetErrors, type RefusedRequest, ResetForm, ResetSent } from "../portal/reset-form";
import { requestReset } from "../reset-requests/request-reset.server";

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) =>
  pageTitle(wordsOfPage(matches)("reset.heading"), matches);

export function loader({ context }: LoaderFunctionArgs) {
  return { pinLength: context.services.config.links.pinLength };
}

type Answer = { sent: true; email: string; code: string } | RefusedRequest;

/**
 * The answer is the same for every address: it tells neither whether there is such an account, nor
 * whether its mailbox has had its mails for this hour.
 */
export async function action(args: ActionFunctionArgs) {
  // The form first: what another site makes a browser send is refused, and does not count.
  const form = await readForm(args);
  const counted = await limitByAddress(args);
  const { services, language } = args.context;
  const words = wordsIn(language);
  const name = readLine(form, "name");
  const email = readLine(form, "email");
  const typed = { name, email, confirmEmail: readLine(form, "confirm_email") };
  const refuse = (init: ResponseInit, why: Pick<RefusedRequest, "errors" | "message">) =>
    data<Answer>({ sent: false, typed, ...why }, init);
  const tooMany = (retryAfterSeconds: number, message: string) =>
    refuse({ status: 429, headers: { "Retry-After": String(retryAfterSeconds) } }, { message });
  if (!counted.ok) {
    const seconds = counted.retryAfterSeconds;
    return tooMany(seconds, words("shared.tooManyAttempts", { seconds }));
  }
  const pin = (form.get("pin") ?? "").trim();
  const { pinLength } = services.config.links;
  const errors = findResetErrors(words, typed, {
    address: looksLikeEmail(email) && canonicalAddress(email) !== undefined,
    pin: isPin(pin, pinLength),
    pinLength,
  });
  if (errors) return refuse({ status: 400 }, { errors });

  const request = { name, email, pin, language };
  const result = await requestReset(services, request, visitorOf(args.context));
  if (result.ok) return data<Answer>({ sent: true, email, code: result.code }, { status: 200 });
  const { retryAfterSeconds } = result;
  const minutes = Math.ceil(retryAfterSeconds / 60);
  return tooMany(retryAfterSeconds, words("reset.tooMany", { minutes }));
}

export default function Reset() {
  const { pinLength } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  return (
    <PublicPage>
      {answer?.sent ? (
        <ResetSent email={answer.email} code={answer.code} />
      ) : (
        <ResetForm pinLength={pinLength} answer={answer} />
      )}
    </PublicPage>
  );
}
