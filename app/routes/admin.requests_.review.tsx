import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import type { ErrorCode } from "../components/error-page";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders } from "../components/route-exports";
import { RequestReview } from "../console/request-review";
import type { ReviewAnswer } from "../console/review-outcome";
import { readAct, readIds, readPlans } from "../console/reviewed-requests";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { initiatorOf } from "../http/initiator.server";
import { withKeystone } from "../http/keystone-trouble.server";
import {
  answerRequests,
  closeRequests,
  getOpenRequests,
  planAnswers,
} from "../reset-requests/answer-several.server";

export const headers = pageHeaders;

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(wordsOfPage(matches)(`console.title.${data?.act ?? "close"}Requests`), matches);

/** Says what would happen. Changes nothing. */
export async function loader(args: LoaderFunctionArgs) {
  const { services } = args.context;
  const initiator = initiatorOf(args.context, adminOf(args.context));
  const { searchParams } = new URL(args.request.url);
  const act = readAct(searchParams.get("act"));
  const requests = await getOpenRequests(services, readIds(searchParams.getAll("id")));
  if (act === "close") return { act, requests, planned: [] };
  const answer = await withKeystone(args, () => planAnswers(services, requests, initiator));
  if (!answer.ok) throw refusal(`keystone-${answer.reason}`, answer.status);
  return { act, requests, planned: answer.value };
}

export async function action(args: ActionFunctionArgs) {
  const form = await readForm(args);
  const { services } = args.context;
  const initiator = initiatorOf(args.context, adminOf(args.context));
  const act = readAct(form.get("act"));
  if (act === "close") {
    const result = await closeRequests(services, readIds(form.getAll("id")), initiator);
    if (!result.ok) throw refusal("closing-takes-admin", 403);
    const { closed, closedBefore } = result;
    return data<ReviewAnswer>({ act, closed, closedBefore });
  }
  const agreed = readPlans(form.getAll("plan"));
  const answer = await withKeystone(args, () => answerRequests(services, agreed, initiator));
  if (!answer.ok) throw refusal(`keystone-${answer.reason}`, answer.status);
  return data<ReviewAnswer>({ act, done: answer.value });
}

const refusal = (code: ErrorCode, status: number) => new Response(code, { status });

export default function Review() {
  const answer = useActionData<typeof action>();
  return <RequestReview {...useLoaderData<typeof loader>()} answer={answer} />;
}
