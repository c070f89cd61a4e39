import { Form, Link } from "@remix-run/react";
import type { ReactNode } from "react";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import type { PlannedAnswer } from "../reset-requests/answer-requests.server";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { Empty, PageHeading } from "./console-page";
import { useLastAnswer } from "./last-answer";
import { Item, List } from "./review-list";
import { type ReviewAnswer, ReviewOutcome } from "./review-outcome";
import { type ReviewedAct, writePlan } from "./reviewed-requests";
import { linkTo } from "./text-elements";

export function RequestReview(props: {
  act: ReviewedAct;
  requests: readonly ResetRequestSummary[];
  /** What would be done, where `act` is to answer. */
  planned: readonly PlannedAnswer[];
  answer: ReviewAnswer | undefined;
}) {
  const words = useWords();
  const { act, requests, planned } = props;
  const answer = useLastAnswer(props.answer);
  const shown = answer?.act ?? act;
  return (
    <div className="max-w-3xl">
      <PageHeading above={linkTo("/admin/requests")(words("console.title.requests"))}>
        {words(`console.title.${shown}Requests`)}
      </PageHeading>
      <div className="mt-6 space-y-6">
        {answer ? (
          <ReviewOutcome answer={answer} />
        ) : requests.length === 0 ? (
          <div className="card">
            <Empty heading={words("console.review.nothing")}>
              <p>
                {words("console.review.nothingAdvice")}{" "}
                {linkTo("/admin/requests")(words("console.review.back"))}
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
  const words = useWords();
  const count = requests.length;
  return (
    <Form method="post" action="/admin/requests/review" className="space-y-5">
      <input type="hidden" name="act" value="close" />
      {requests.map(({ id }) => (
        <input key={id} type="hidden" name="id" value={id} />
      ))}
      <Notice tone="wait" heading={words("console.review.close.heading", { count })}>
        {words("console.review.close.advice")}
      </Notice>
      <List>
        {requests.map((request) => (
          <Item key={request.id} request={request} />
        ))}
      </List>
      <Buttons>
        <SubmitButton tone="bad" pending={words("console.requests.closing")}>
          {words("console.review.close.submit", { count })}
        </SubmitButton>
      </Buttons>
    </Form>
  );
}

function AnswerReview({ planned }: { planned: readonly PlannedAnswer[] }) {
  const words = useWords();
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
          <Notice
            tone="wait"
            heading={words("console.review.answer.heading", { count: ready.length })}
          >
            {words("console.review.answer.advice")}{" "}
            {randomly > 0 ? words("console.review.answer.randomly", { count: randomly }) : null}
          </Notice>
          <List>
            {ready.map(({ request, plan }) => (
              <Item key={request.id} request={request}>
                {words(`console.review.answer.${plan.password}`)}
              </Item>
            ))}
          </List>
          <Buttons>
            <SubmitButton pending={words("console.review.answer.pending")}>
              {words("console.review.answer.submit", { count: ready.length })}
            </SubmitButton>
          </Buttons>
        </Form>
      ) : (
        <Notice tone="info" heading={words("console.review.answer.noneReady")}>
          {words("console.review.answer.noneReadyAdvice")}{" "}
          {linkTo("/admin/requests")(words("console.review.back"))}
        </Notice>
      )}
      {left.length > 0 ? (
        <section>
          <h2 className="text-xl font-semibold">{words("console.review.answer.left")}</h2>
          <p className="mt-1 mb-3 text-muted">
            {words("console.review.answer.leftAdvice", { count: left.length })}
          </p>
          <List>
            {left.map((one) => (
              <Item key={one.request.id} request={one.request} find>
                {one.ok ? null : words(`console.review.reason.${one.reason}`)}
              </Item>
            ))}
          </List>
        </section>
      ) : null}
    </>
  );
}

function Buttons({ children }: { children: ReactNode }) {
  const words = useWords();
  return (
    <p className="flex flex-wrap items-center gap-3">
      {children}
      <Link className="button button-quiet" to="/admin/requests">
        {words("console.review.cancel")}
      </Link>
    </p>
  );
}
