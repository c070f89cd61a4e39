import { Form, Link } from "@remix-run/react";
import type { ReactNode } from "react";
import { Notice } from "../components/notice";
import { SubmitButton } from "../components/submit-button";
import type { PlannedAnswer } from "../reset-requests/answer-requests.server";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { Empty, PageHeading } from "./console-page";
import { useLastAnswer } from "./last-answer";
import { WHY_NOT } from "./request-words";
import { Item, List } from "./review-list";
import { type ReviewAnswer, ReviewOutcome } from "./review-outcome";
import { type ReviewedAct, writePlan } from "./reviewed-requests";

export function RequestReview(props: {
  act: ReviewedAct;
  requests: readonly ResetRequestSummary[];
  /** What would be done, where `act` is to answer. */
  planned: readonly PlannedAnswer[];
  answer: ReviewAnswer | undefined;
}) {
  const { act, requests, planned } = props;
  const answer = useLastAnswer(props.answer);
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
          <ReviewOutcome answer={answer} />
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
