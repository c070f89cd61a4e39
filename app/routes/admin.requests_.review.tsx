import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { Form, Link, useActionData, useLoaderData } from "@remix-run/react";
import { type ReactNode, useEffect, useRef } from "react";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { SubmitButton } from "../components/submit-button";
import { Empty, PageHeading } from "../console/console-page";
import { useLastAnswer } from "../console/last-answer";
import { CLOSING_TAKES_ADMIN } from "../console/request-words";
import { isRowId } from "../console/row-id";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { initiatorOf } from "../http/initiator.server";
import { withKeystone } from "../http/keystone-trouble.server";
import {
  type AnswerPlan,
  type AnswerResult,
  answerRequest,
  type PlannedAnswer,
  planAnswer,
} from "../reset-requests/answer-requests.server";
import {
  closeRequest,
  getRequests,
  type ResetRequestSummary,
} from "../reset-requests/handle-requests.server";
import { inParallel } from "../reset-requests/in-parallel";

export const headers = pageHeaders;

/** A page's worth of them, and some. */
const MOST_AT_ONCE = 50;
/** Keystone is the slow part: more at a time would only make everybody else wait. */
const ANSWERS_AT_A_TIME = 3;

const ACTS = ["answer", "close"] as const;
type Act = (typeof ACTS)[number];
const readAct = (text: string | null): Act => (text === "answer" ? "answer" : "close");

const readIds = (texts: readonly string[]) =>
  [...new Set(texts.filter(isRowId).map((id) => id.toLowerCase()))].slice(0, MOST_AT_ONCE);

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(data?.act === "answer" ? "Answer requests" : "Close requests", matches);

/** Says what would happen. Changes nothing. */
export async function loader(args: LoaderFunctionArgs) {
  const { services } = args.context;
  const initiator = initiatorOf(args.context, adminOf(args.context));
  const { searchParams } = new URL(args.request.url);
  const act = readAct(searchParams.get("act"));
  const requests = (await getRequests(services, readIds(searchParams.getAll("id")))).filter(
    ({ state }) => state === "open",
  );
  if (act === "close" || requests.length === 0) return { act, requests, planned: [] };
  const answer = await withKeystone(args, () =>
    inParallel(requests, ANSWERS_AT_A_TIME, (request) => planAnswer(services, request, initiator)),
  );
  if (!answer.ok) throw new Response(answer.message, { status: 503 });
  return { act, requests, planned: answer.value };
}

type Done = { request: ResetRequestSummary; result: AnswerResult };

type Answer =
  | { act: "close"; closed: number; closedBefore: number }
  | { act: "answer"; done: Done[] };

export async function action(args: ActionFunctionArgs) {
  const admin = adminOf(args.context);
  const form = await readForm(args);
  const { services } = args.context;
  const initiator = initiatorOf(args.context, admin);
  if (readAct(form.get("act")) === "close") {
    if (!admin.holdsAdminRole) throw new Response(CLOSING_TAKES_ADMIN, { status: 403 });
    const ids = readIds(form.getAll("id"));
    let closed = 0;
    for (const id of ids) if ((await closeRequest(services, { id }, initiator)).ok) closed += 1;
    return data<Answer>({ act: "close", closed, closedBefore: ids.length - closed });
  }
  const agreed = readPlans(form.getAll("plan"));
  const requests = await getRequests(services, [...agreed.keys()]);
  const answer = await withKeystone(args, () =>
    inParallel(requests, ANSWERS_AT_A_TIME, async (request): Promise<Done> => {
      const plan = agreed.get(request.id) as AnswerPlan;
      const given = { id: request.id, agreed: plan };
      return { request, result: await answerRequest(services, given, initiator) };
    }),
  );
  if (!answer.ok) throw new Response(answer.message, { status: 503 });
  return data<Answer>({ act: "answer", done: answer.value });
}

/** What was shown, for the form to say what it agrees to. */
const writePlan = (id: string, plan: AnswerPlan) => `${id} ${plan.password} ${plan.userId}`;

function readPlans(texts: readonly string[]): Map<string, AnswerPlan> {
  const plans = texts.slice(0, MOST_AT_ONCE).flatMap((text): [string, AnswerPlan][] => {
    const [id, password, userId] = text.split(" ");
    if (!isRowId(id) || !userId || (password !== "keep" && password !== "random")) return [];
    return [[id.toLowerCase(), { userId, password }]];
  });
  return new Map(plans);
}

export default function Review() {
  const { act, requests, planned } = useLoaderData<typeof loader>();
  const answer = useLastAnswer(useActionData<typeof action>());
  const shown = answer?.act ?? act;
  return (
    <div className="max-w-3xl">
      <PageHeading
        above={
          <Link className="link" to="/admin/requests">
            Requests
          </Link>
        }
      >
        {shown === "answer" ? "Answer requests" : "Close requests"}
      </PageHeading>
      <div className="mt-6 space-y-6">
        {answer ? (
          <Outcome answer={answer} />
        ) : requests.length === 0 ? (
          <div className="card">
            <Empty heading="Nothing is selected">
              <p>
                Tick the requests you mean in the list first. Those that were closed meanwhile are
                left out.{" "}
                <Link className="link" to="/admin/requests">
                  Back to the requests
                </Link>
              </p>
            </Empty>
          </div>
        ) : act === "close" ? (
          <CloseReview requests={requests} />
        ) : (
          <AnswerReview planned={planned} />
        )}
      </div>
    </div>
  );
}

function CloseReview({ requests }: { requests: readonly ResetRequestSummary[] }) {
  return (
    <Form method="post" action="/admin/requests/review" className="space-y-5">
      <input type="hidden" name="act" value="close" />
      {requests.map(({ id }) => (
        <input key={id} type="hidden" name="id" value={id} />
      ))}
      <Notice tone="wait" heading={`${counted(requests.length)} will be closed without a link`}>
        The PINs that came with them are erased, and nobody is told. Whoever still needs a link has
        to ask again.
      </Notice>
      <List>
        {requests.map((request) => (
          <Item key={request.id} request={request} />
        ))}
      </List>
      <Buttons>
        <SubmitButton tone="bad" pending="Closing…">
          Close {counted(requests.length).toLowerCase()}
        </SubmitButton>
      </Buttons>
    </Form>
  );
}

function AnswerReview({ planned }: { planned: readonly PlannedAnswer[] }) {
  const ready = planned.filter((one) => one.ok);
  const left = planned.filter((one) => !one.ok);
  const randomly = ready.filter(({ plan }) => plan.password === "random").length;
  return (
    <>
      {ready.length > 0 ? (
        <Form method="post" action="/admin/requests/review" className="space-y-5">
          <input type="hidden" name="act" value="answer" />
          {ready.map(({ request, plan }) => (
            <input key={request.id} type="hidden" name="plan" value={writePlan(request.id, plan)} />
          ))}
          <Notice tone="wait" heading={`${counted(ready.length)} will be answered`}>
            Each gets a link with the PIN of its request, mailed to the address Keystone has, which
            is the one that confirmed the request. A pending link of the account stops working.
            {randomly > 0
              ? ` ${randomly === 1 ? "One account has" : `${randomly} accounts have`} no pending link whose initial password could be kept: ${randomly === 1 ? "its present password ends" : "their present passwords end"} at once, and a random one that nobody sees takes ${randomly === 1 ? "its" : "their"} place until the link is used.`
              : ""}
          </Notice>
          <List>
            {ready.map(({ request, plan }) => (
              <Item key={request.id} request={request}>
                {plan.password === "random"
                  ? "Random password: the present one ends at once"
                  : "Keeps the initial password of its pending link"}
              </Item>
            ))}
          </List>
          <Buttons>
            <SubmitButton pending="Answering…">
              Answer {counted(ready.length).toLowerCase()}
            </SubmitButton>
          </Buttons>
        </Form>
      ) : (
        <Notice tone="info" heading="None of these can be answered along with others">
          Answer them one by one, from the list.{" "}
          <Link className="link" to="/admin/requests">
            Back to the requests
          </Link>
        </Notice>
      )}
      {left.length > 0 ? (
        <section>
          <h2 className="text-xl font-semibold">Left for you to look at</h2>
          <p className="mt-1 mb-3 text-muted">
            {left.length === 1 ? "This stays" : "These stay"} open, because somebody has to judge.
          </p>
          <List>
            {left.map((one) => (
              <Item key={one.request.id} request={one.request} find>
                {one.ok ? null : WHY_NOT[one.reason]}
              </Item>
            ))}
          </List>
        </section>
      ) : null}
    </>
  );
}

type Refusal = Exclude<AnswerResult, { ok: true }>["reason"];

const WHY_NOT: Record<Refusal, string> = {
  "not-open": "It was closed or answered meanwhile",
  "not-confirmed": "Its mailbox never confirmed it",
  "unusable-pin": "Its PIN cannot be used: the request was changed in the database",
  "several-requests": "Its mailbox has other open requests: the code tells which one is meant",
  "no-such-user": "Keystone has no user of exactly this name",
  "other-address": "Keystone has another address for this user, or none",
  "several-users": "Several users have this name and address, in different domains",
  "own-account": "It is the account you are signed in with",
  "privileged-account":
    "The account has rights over the cloud, or Keystone does not tell: a random password may stop a service, so answer it by itself",
  "account-disabled": "The account is disabled, so no link could set its password",
  "password-locked": "Keystone forbids this user to change the password",
  "pin-exhausted": "The PIN of the present link was guessed wrong too often",
  forbidden: "Keystone does not let you do this",
  "keystone-unavailable": "Keystone did not answer",
  changed: "Something has changed since you looked: look again",
  "redemption-under-way":
    "Its account's link is being used at this moment: the user may not need another",
  "being-answered": "Somebody else is answering it at this moment",
  "password-refused": "Keystone refused the random password",
};

function wordsFor(result: Exclude<AnswerResult, { ok: true }>): string {
  switch (result.reason) {
    case "password-refused":
      return `${WHY_NOT[result.reason]}: ${result.message}`;
    case "keystone-unavailable":
      return `${WHY_NOT[result.reason]}. A random password may have been set: issue a link to it`;
    default:
      return WHY_NOT[result.reason];
  }
}

function Outcome({ answer }: { answer: Answer }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  return (
    <div ref={box} tabIndex={-1} className="space-y-6">
      {answer.act === "close" ? <Closed {...answer} /> : <Answered done={answer.done} />}
      <p>
        <Link className="button button-quiet" to="/admin/requests">
          Back to the requests
        </Link>
      </p>
    </div>
  );
}

function Closed({ closed, closedBefore }: { closed: number; closedBefore: number }) {
  const before =
    closedBefore > 0
      ? `${closedBefore === 1 ? "One was" : `${closedBefore} were`} closed before.`
      : "";
  if (closed === 0)
    return (
      <Notice tone="bad" announce heading="No request was closed">
        {before}
      </Notice>
    );
  return (
    <Notice
      tone="good"
      announce
      heading={closed === 1 ? "One request is closed" : `${closed} requests are closed`}
    >
      The PINs that came with them are erased. {before}
    </Notice>
  );
}

function Answered({ done }: { done: readonly Done[] }) {
  const ok = done.filter(({ result }) => result.ok);
  const others = done.filter(({ result }) => !result.ok);
  return (
    <>
      {ok.length > 0 ? (
        <Notice
          tone="good"
          announce
          heading={
            ok.length === 1 ? "One request is answered" : `${ok.length} requests are answered`
          }
        >
          Their links are being mailed.
        </Notice>
      ) : (
        <Notice tone="bad" announce heading="No request was answered">
          All of them are as they were, save where it says otherwise.
        </Notice>
      )}
      {ok.length > 0 ? (
        <List>
          {ok.map(({ request, result }) => (
            <Item key={request.id} request={request}>
              {result.ok ? (
                <Link className="link" to={`/admin/links/${result.linkId}`}>
                  Its link, mailed to {result.mailTo}
                </Link>
              ) : null}
            </Item>
          ))}
        </List>
      ) : null}
      {others.length > 0 ? (
        <section>
          <h2 className="mb-3 text-xl font-semibold">Not answered</h2>
          <List>
            {others.map(({ request, result }) => (
              <Item key={request.id} request={request} find>
                {result.ok ? null : wordsFor(result)}
              </Item>
            ))}
          </List>
        </section>
      ) : null}
    </>
  );
}

const counted = (count: number) => (count === 1 ? "One request" : `${count} requests`);

function Buttons({ children }: { children: ReactNode }) {
  return (
    <p className="flex flex-wrap items-center gap-3">
      {children}
      <Link className="button button-quiet" to="/admin/requests">
        Cancel
      </Link>
    </p>
  );
}

const List = ({ children }: { children: ReactNode }) => (
  <ul className="card divide-y divide-line">{children}</ul>
);

/** @param props.find whether to lead on to answering it by itself */
function Item(props: { request: ResetRequestSummary; find?: boolean; children?: ReactNode }) {
  const { request, find, children } = props;
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1 px-4 py-3 sm:px-5">
      <span className="min-w-0">
        <span className="font-semibold wrap-anywhere">{request.name}</span>{" "}
        {request.code ? <span className="font-mono whitespace-nowrap">{request.code}</span> : null}
        <span className="block text-sm wrap-anywhere text-muted">{request.email}</span>
        {children ? <span className="block text-sm">{children}</span> : null}
      </span>
      {find && request.state === "open" ? (
        <Link
          className="link text-sm whitespace-nowrap"
          to={`/admin/users?q=${encodeURIComponent(request.name)}&request=${request.id}`}
        >
          Find user
        </Link>
      ) : null}
    </li>
  );
}
