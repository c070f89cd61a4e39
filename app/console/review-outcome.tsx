import { Link } from "@remix-run/react";
import { useEffect, useRef } from "react";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import type { Words } from "../messages/words";
import type { AnswerResult } from "../reset-requests/answer-requests.server";
import type { Answered } from "../reset-requests/answer-several.server";
import { Item, List } from "./review-list";

export type ReviewAnswer =
  | { act: "close"; closed: number; closedBefore: number }
  | { act: "answer"; done: Answered[] };

/** What became of them; it takes the focus. */
export function ReviewOutcome({ answer }: { answer: ReviewAnswer }) {
  const words = useWords();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  return (
    <div ref={box} tabIndex={-1} className="space-y-6">
      {answer.act === "close" ? (
        <ClosedRequests {...answer} />
      ) : (
        <AnsweredRequests done={answer.done} />
      )}
      <p>
        <Link className="button button-quiet" to="/admin/requests">
          {words("console.review.back")}
        </Link>
      </p>
    </div>
  );
}

function ClosedRequests({ closed, closedBefore }: { closed: number; closedBefore: number }) {
  const words = useWords();
  return (
    <Notice
      tone={closed === 0 ? "bad" : "good"}
      announce
      heading={words("console.review.close.done", { count: closed })}
    >
      {closed === 0 ? null : `${words("console.review.close.doneAdvice")} `}
      {closedBefore === 0 ? null : words("console.review.close.before", { count: closedBefore })}
    </Notice>
  );
}

function AnsweredRequests({ done }: { done: readonly Answered[] }) {
  const words = useWords();
  const ok = done.filter(({ result }) => result.ok);
  const others = done.filter(({ result }) => !result.ok);
  return (
    <>
      <Notice
        tone={ok.length > 0 ? "good" : "bad"}
        announce
        heading={words("console.review.answer.done", { count: ok.length })}
      >
        {words(
          ok.length > 0
            ? "console.review.answer.doneAdvice"
            : "console.review.answer.notDoneAdvice",
        )}
      </Notice>
      {ok.length > 0 ? (
        <List>
          {ok.map(({ request, result }) => (
            <Item key={request.id} request={request}>
              {result.ok ? (
                <Link className="link" to={`/admin/links/${result.linkId}`}>
                  {words("console.review.answer.itsLink", { address: result.mailTo })}
                </Link>
              ) : null}
            </Item>
          ))}
        </List>
      ) : null}
      {others.length > 0 ? (
        <section>
          <h2 className="mb-3 text-xl font-semibold">{words("console.review.answer.notDone")}</h2>
          <List>
            {others.map(({ request, result }) => (
              <Item key={request.id} request={request} find>
                {result.ok ? null : wordsForAnswer(words, result)}
              </Item>
            ))}
          </List>
        </section>
      ) : null}
    </>
  );
}

/** @returns why a request is not answered along with others, once that was tried */
function wordsForAnswer(words: Words, result: Exclude<AnswerResult, { ok: true }>): string {
  switch (result.reason) {
    case "password-refused":
      return words("console.review.passwordRefused", { message: result.message });
    case "keystone-unavailable":
      return words("console.review.keystoneAway");
    default:
      return words(`console.review.reason.${result.reason}`);
  }
}
